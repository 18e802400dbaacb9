/** The lines of a chat and what an event does to them.  Pure but for the array it is given to change. */

import { isRemovedBy, removalOf, type Announced, type Author, type Colour, type Deleted, type Event, type Message, type Unknown } from './events';

export const LINES_MAX = 500;
/** While one reads above, lines wait below: so many, then newer ones are only counted. */
export const HELD_MAX = 2000;

export interface MessageLine {
  kind: 'message';
  key: string;
  id: string;
  at_ms: number;
  author: Author;
  text: string;
  me: boolean;
  /** Of an announcement; null for a message. */
  colour: Colour | null;
  removed: 'no' | 'deleted' | 'cleared';
}

/** An event that is told in words (`notice.ts`). */
export type Notice = Exclude<Event, Message | Announced | Deleted | Unknown>;

export interface NoticeLine {
  kind: 'notice';
  key: string;
  at_ms: number;
  event: Notice;
}

/** Something told to this page alone: the answer to a command. */
export interface ToldLine {
  kind: 'told';
  key: string;
  at_ms: number;
  text: string;
}

export interface DividerLine {
  kind: 'divider';
  key: string;
  at_ms: number;
}

export type Line = MessageLine | NoticeLine | ToldLine | DividerLine;

export function messageLine(key: string, said: Message | Announced): MessageLine {
  const { id, at_ms, author, text } = said;
  const [me, colour] = said.t === 'message' ? [said.me, null] : [false, said.colour];
  return { kind: 'message', key, id, at_ms, author, text, me, colour, removed: 'no' };
}

/** What the event adds to the list, if anything. */
export function lineOf(key: string, event: Event): Line | null {
  switch (event.t) {
    case 'message':
    case 'announcement':
      return messageLine(key, event);
    case 'deleted':
    case 'unknown':
      return null;
    default:
      return { kind: 'notice', key, at_ms: event.at_ms, event };
  }
}

/** Mark in place what the event removed. */
export function redact(lines: Line[], event: Event): void {
  const removal = removalOf(event);
  if (removal === null) return;
  const removed = removal.messageId === undefined ? 'cleared' : 'deleted';
  for (const [index, line] of lines.entries()) {
    // a removed text is not kept in memory either
    if (line.kind === 'message' && line.removed === 'no' && isRemovedBy(removal, line)) {
      lines[index] = { ...line, text: '', removed };
    }
  }
}
