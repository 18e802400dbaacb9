import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { canReach, COMMANDS } from './commands';
import { accept, complete, recentNames } from './completion';
import { messageLine } from './lines';
import type { Role } from './events';

const NAMES = ['Boris', 'bella', 'Clara'];
const at = (text: string, role: Role = 'moderator') => complete(text, text.length, NAMES, role);
const labels = (text: string, role?: Role) => at(text, role)?.suggestions.map(({ label }) => label);

it('knows the commands that the server knows', () => {
  const path = `${import.meta.dirname}/../../../../tests/data/commands.json`;
  expect(COMMANDS).toEqual(JSON.parse(readFileSync(path, 'utf8')));
});

describe('completing', () => {
  it('offers the commands that the role may give', () => {
    expect(labels('/', 'member')).toEqual(['/me', '/help']);
    expect(labels('/un', 'moderator')).toEqual(['/untimeout', '/unban', '/unpin']);
    expect(labels('/un', 'owner')).toEqual(['/untimeout', '/unban', '/unpin', '/unmod', '/unvip']);
    expect(labels('/TIME')).toEqual(['/timeout']);
  });

  it('offers names and times where the command takes them, and says its usage', () => {
    expect(labels('/timeout b')).toEqual(['Boris', 'bella']);
    expect(labels('/timeout @cl')).toEqual(['Clara']);
    expect(labels('/timeout Boris 1')).toEqual(['1m', '10m', '1h']);
    expect(at('/timeout Boris ')?.hint?.name).toBe('timeout');
    expect(labels('/help ba')).toEqual(['ban']);
    expect(labels('/slow ')).toEqual(['5', '10', '30', '60']);
  });

  it('offers nothing of a command that is not permitted, nor in plain words', () => {
    expect(at('/ban b', 'member')).toBeNull();
    expect(at('hello b')).toBeNull();
    expect(at('hello @')).toBeNull();
  });

  it('completes a name after @, also within /me', () => {
    expect(labels('hello @b')).toEqual(['@Boris', '@bella']);
    expect(labels('/me waves at @cl', 'member')).toEqual(['@Clara']);
  });

  it('replaces the word at the caret and leaves the rest', () => {
    const completion = complete('hi @bo there', 6, NAMES, 'member');
    const [one] = completion?.suggestions ?? [];
    if (completion === null || one === undefined) throw new Error('nothing found');
    expect(accept('hi @bo there', completion, one)).toEqual({ text: 'hi @Boris there', caret: 9 });
  });
});

it('names those who spoke last first, once, and not oneself', () => {
  const line = (name: string, id: number) =>
    messageLine(String(id), { t: 'message', id: '', at_ms: 0, author: { id, name, role: 'member' }, text: '', me: false, nonce: '' });
  expect(recentNames([line('A', 1), line('B', 2), line('Me', 3), line('A', 1)], 'Me')).toEqual(['A', 'B']);
});

it.each<[Role, Role, boolean]>([
  ['owner', 'moderator', true],
  ['moderator', 'member', true],
  ['moderator', 'moderator', false],
  ['vip', 'member', false],
])('%s reaches %s: %s', (role, target, may) => {
  expect(canReach(role, target)).toBe(may);
});
