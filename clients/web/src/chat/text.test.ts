import { describe, expect, it } from 'vitest';
import { backoffMs, closingOf } from './closing';
import { readPreferences } from './preferences';
import { hueOf, lengthOf, pieces } from './text';

const kinds = (text: string) => pieces(text, 'Anna').map(({ kind, text: words }) => [kind, words]);

describe('a message in pieces', () => {
  it('keeps every character', () => {
    const text = 'see https://a.example/x?y=1, @Boris and @anna: <b>not bold</b>';
    expect(pieces(text, 'Anna').map((piece) => piece.text).join('')).toBe(text);
  });

  it('finds addresses without the sentence’s point, and names', () => {
    expect(kinds('go to https://a.example/x. now')).toEqual([
      ['text', 'go to '],
      ['link', 'https://a.example/x'],
      ['text', '. now'],
    ]);
    expect(kinds('@Boris @ANNA')).toEqual([
      ['mention', '@Boris'],
      ['text', ' '],
      ['self', '@ANNA'],
    ]);
  });

  it.each(['javascript:alert(1)', 'data:text/html,x', 'me@example.org', 'https://', '<img src=x onerror=1>'])('leaves %s as text', (text) => {
    expect(pieces(text, null)).toEqual([{ kind: 'text', text }]);
  });
});

it('gives a name the same hue whatever its case', () => {
  expect(hueOf('Anna')).toBe(hueOf('aNNA'));
  expect(new Set(['a', 'b', 'c', 'd', 'e', 'f'].map(hueOf)).size).toBeGreaterThan(3);
});

it('counts code points as the server does', () => {
  expect(lengthOf('a🎉')).toBe(2);
});

it('waits within its bounds whatever the dice say', () => {
  for (const attempt of [0, 1, 5, 100]) {
    expect(backoffMs(attempt, 0)).toBeGreaterThanOrEqual(125);
    expect(backoffMs(attempt, 0.999)).toBeLessThanOrEqual(10_000);
  }
});

it('reads 4000–4499 as come back and 4500–4999 as stay away', () => {
  expect(closingOf(4321)).toBe('come_back');
  expect(closingOf(4999)).toBe('refused');
});

it.each([null, 'nonsense', '{"fontSize":"huge","timestamps":"yes"}', 'null'])('forgets preferences it does not understand: %s', (text) => {
  expect(readPreferences(text)).toEqual({ fontSize: 'm', timestamps: false });
});
