/** What can stand at the caret: a command after `/`, an argument of it, a name after `@`.  Pure. */

import { COMMANDS, rankOf, type Argument, type Command } from './commands';
import type { Line } from './lines';
import type { Role } from './events';

export interface Suggestion {
  /** What the list shows first, and what replaces the word. */
  label: string;
  insert: string;
  /** The command that it is, or whose argument it is. */
  command: Command | null;
}

export interface Completion {
  /** The word that a suggestion replaces. */
  from: number;
  to: number;
  suggestions: Suggestion[];
  /** The usage line of the command being written. */
  hint: Command | null;
}

const SUGGESTIONS_MAX = 8;
const DURATIONS = ['1m', '10m', '1h', '24h'] as const;
const SLOW = ['5', '10', '30', '60'] as const;

export function complete(text: string, caret: number, names: readonly string[], role: Role): Completion | null {
  const before = text.slice(0, caret);
  const from = before.search(/\S*$/);
  const word = before.slice(from);
  const at = { from, to: caret };
  if (text.startsWith('/') && !text.startsWith('/me ')) {
    if (from === 0) {
      const suggestions = permitted(role)
        .filter((one) => `/${one.name}`.startsWith(word.toLowerCase()))
        .map((one) => ({ label: `/${one.name}`, insert: `/${one.name}${one.arguments.length > 0 ? ' ' : ''}`, command: one }));
      return suggestions.length === 0 ? null : { ...at, suggestions, hint: null };
    }
    const command = permitted(role).find((one) => one.name === /^\/(\S*)/.exec(text)?.[1]?.toLowerCase());
    if (command === undefined) return null;
    const index = before.slice(0, from).trim().split(/\s+/).length - 1;
    const argument = command.arguments[Math.min(index, command.arguments.length - 1)];
    const suggestions = argument === undefined ? [] : argumentsLike(argument, word, names, command);
    return { ...at, suggestions, hint: command };
  }
  if (!word.startsWith('@') || word.length < 2) return null;
  const suggestions = namesLike(word.slice(1), names).map((name) => ({ label: `@${name}`, insert: `@${name} `, command: null }));
  return suggestions.length === 0 ? null : { ...at, suggestions, hint: null };
}

/** The text with the suggestion in place, and where the caret goes. */
export function accept(text: string, completion: Completion, suggestion: Suggestion): { text: string; caret: number } {
  const { from, to } = completion;
  const rest = text.slice(to);
  const insert = rest.startsWith(' ') ? suggestion.insert.trimEnd() : suggestion.insert;
  return { text: text.slice(0, from) + insert + rest, caret: from + insert.length };
}

function permitted(role: Role): Command[] {
  return COMMANDS.filter((one) => rankOf(one.who) <= rankOf(role));
}

function argumentsLike(argument: Argument, word: string, names: readonly string[], command: Command): Suggestion[] {
  const like = (choices: readonly string[]) =>
    choices.filter((one) => one.startsWith(word.toLowerCase()) && one !== word).map((one) => ({ label: one, insert: `${one} `, command }));
  switch (argument.kind) {
    case 'name':
      return namesLike(word.replace(/^@/, ''), names)
        .filter((name) => name !== word)
        .map((name) => ({ label: name, insert: `${name} `, command }));
    case 'duration':
      return like(argument.label === 'SECONDS' ? SLOW : DURATIONS);
    case 'command':
      return like(COMMANDS.map((one) => one.name)).slice(0, SUGGESTIONS_MAX);
    default:
      return [];
  }
}

function namesLike(start: string, names: readonly string[]): string[] {
  const wanted = start.toLowerCase();
  return names.filter((name) => name.toLowerCase().startsWith(wanted)).slice(0, SUGGESTIONS_MAX);
}

/** Who spoke lately, the last first, without `except`. */
export function recentNames(lines: readonly Line[], except: string | null): string[] {
  const names = new Set<string>();
  for (const line of lines.toReversed()) {
    if (line.kind === 'message' && line.author.name !== except) names.add(line.author.name);
  }
  return [...names];
}
