import { describe, expect, it } from 'vitest';
import { vod } from '../testing/cards';
import { addressOf, isWatchable, sizeText } from './vod';

describe('a recording', () => {
  it('has an address under its channel', () => {
    expect(addressOf('anna', 'b/1')).toBe('/anna/v/b%2F1');
  });

  it('is watchable once it has a list and a length', () => {
    expect(isWatchable(vod('a'))).toBe(true);
    expect(isWatchable(vod('a', { state: 'recording' }))).toBe(false);
    expect(isWatchable(vod('a', { duration_seconds: 0 }))).toBe(false);
  });
});

it.each([
  [0, '0 byte'],
  [999, '999 byte'],
  [1_500, '2 kB'],
  [2_340_000, '2.3 MB'],
  [999_600_000, '1 GB'],
  [45_000_000_000, '45 GB'],
  [3_000_000_000_000_000, '3,000 TB'],
])('says %d bytes as %s', (bytes, text) => {
  expect(sizeText(bytes, 'en')).toBe(text);
});
