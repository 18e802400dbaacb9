import { describe, expect, it } from 'vitest';
import { ago, clock, span } from './spans';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('spans', () => {
  it('shows a running clock with hours only when there are some', () => {
    expect([0, 65_999, HOUR + 62_000, -5].map(clock)).toEqual(['0:00', '1:05', '1:01:02', '0:00']);
  });

  it('names the two largest units', () => {
    expect([1500, 5 * MINUTE, 2 * HOUR + 3 * MINUTE, DAY, DAY + 2 * HOUR].map((ms) => span(ms, 'en'))).toEqual([
      '2 sec',
      '5 min',
      '2 hr 3 min',
      '1 day',
      '1 day 2 hr',
    ]);
  });

  it('says how long ago, in the language', () => {
    const now = 500 * DAY;
    const past = [0, 3 * MINUTE, 5 * HOUR, DAY, 40 * DAY, 400 * DAY].map((ms) => ago(now - ms, now, 'en'));
    expect(past).toEqual(['now', '3 minutes ago', '5 hours ago', 'yesterday', 'last month', 'last year']);
    expect(ago(now - 2 * MINUTE, now, 'ru')).toBe('2 минуты назад');
    expect(ago(now + 5000, now, 'en')).toBe('now');
  });
});
