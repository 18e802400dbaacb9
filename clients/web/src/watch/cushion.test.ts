import { describe, expect, it } from 'vitest';
import { afterCalm, afterStall, hasDrifted, mayGoOn, NO_CUSHION } from './cushion';

describe('the cushion', () => {
  it('grows with each stall of the line, to an end', () => {
    let cushion = NO_CUSHION;
    for (let stall = 1; stall <= 3; stall += 1) cushion = afterStall(cushion, 200, stall * 1000);
    expect(cushion.extraSeconds).toBeCloseTo(0.9);
    for (let stall = 0; stall < 50; stall += 1) cushion = afterStall(cushion, 200, 9000);
    expect(cushion.extraSeconds).toBe(2);
  });

  it('does not grow by an outage of the stream', () => {
    expect(afterStall(NO_CUSHION, 30_000, 5).extraSeconds).toBe(0);
  });

  it('shrinks by half a stall for each calm half minute', () => {
    const cushion = afterStall(NO_CUSHION, 100, 0);
    expect(afterCalm(cushion, 29_999)).toBe(cushion);
    const first = afterCalm(cushion, 30_000);
    expect(first).toEqual({ extraSeconds: 0.15, sinceMs: 30_000 });
    expect(afterCalm(first, 31_000)).toBe(first);
    const second = afterCalm(first, 60_000);
    expect(second.extraSeconds).toBe(0);
    expect(afterCalm(second, 999_000)).toBe(second);
  });
});

it('jumps to the edge when playing faster would take too long', () => {
  expect(hasDrifted(3, 1.2)).toBe(false);
  expect(hasDrifted(4.1, 1.2)).toBe(true);
});

describe('a picture that ran dry', () => {
  it('goes on with as much in hand as it keeps at the edge', () => {
    expect(mayGoOn(0.4, 1.2, 0.4, 500)).toBe(false);
    expect(mayGoOn(0.8, 1.2, 0.4, 500)).toBe(true);
  });

  it('needs half a second even where the list asks for less', () => {
    expect(mayGoOn(0.4, 0.6, 0.4, 0)).toBe(false);
    expect(mayGoOn(0.5, 0.6, 0.4, 0)).toBe(true);
  });

  it('does not wait for ever for more', () => {
    expect(mayGoOn(0.3, 1.2, 0.4, 3001)).toBe(true);
    expect(mayGoOn(0.04, 1.2, 0.4, 3001)).toBe(false);
  });
});
