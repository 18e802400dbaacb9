import { describe, expect, it } from 'vitest';
import { draw, mean, pointsOf, roundUp, sampled, viewersOf, type Point } from './chart';

describe('roundUp', () => {
  it.each([
    [0, 1],
    [-3, 1],
    [NaN, 1],
    [0.3, 0.5],
    [1, 1],
    [1.2, 2],
    [24.9, 25],
    [2900, 5000],
    [6001, 10_000],
  ])('leads %d to %d', (value, top) => {
    expect(roundUp(value)).toBeCloseTo(top);
  });
});

describe('draw', () => {
  const points: Point[] = [
    { at_ms: 0, value: 10 },
    { at_ms: 50, value: 5 },
    { at_ms: 60, value: null },
    { at_ms: 100, value: 10 },
  ];

  it('runs from left to right and from zero up, with gaps', () => {
    expect(draw(points, 0, 100, 200, 50).path).toBe('M0 0L100 25M200 0');
  });

  it('says what the line says', () => {
    expect(draw(points, 0, 100, 200, 50)).toMatchObject({ top: 10, latest: 10, least: 5, most: 10 });
  });

  it('leaves out what is older', () => {
    expect(draw(points, 50, 100, 100, 50)).toMatchObject({ path: 'M0 25M100 0' });
  });

  it('hangs decibels from zero', () => {
    const sound = [
      { at_ms: 0, value: -20 },
      { at_ms: 100, value: -40 },
    ];
    expect(draw(sound, 0, 100, 100, 50)).toMatchObject({ path: 'M0 20L100 40', top: 0, bottom: -50 });
  });

  it('draws nothing of nothing', () => {
    expect(draw([], 0, 0, 100, 50)).toEqual({ path: '', top: 1, bottom: 0, latest: null, least: null, most: null });
  });
});

it('takes the last of each span for a table', () => {
  const points = Array.from({ length: 10 }, (_, index) => ({ at_ms: index, value: index }));
  expect(sampled(points, 5).map(({ at_ms }) => at_ms)).toEqual([1, 3, 5, 7, 9]);
  expect(sampled(points, 20)).toHaveLength(10);
  expect(sampled(points, 3).map(({ at_ms }) => at_ms)).toEqual([3, 6, 9]);
});

it('reads a series of the server, without the empty ends', () => {
  const chart = { step_seconds: 2, from_ms: 1000, series: { fps: [null, 30, null, 29, null] } };
  expect(pointsOf(chart, 'fps')).toEqual([
    { at_ms: 4000, value: 30 },
    { at_ms: 6000, value: null },
    { at_ms: 8000, value: 29 },
  ]);
  expect(pointsOf(chart, 'speed')).toEqual([]);
  expect(pointsOf({ ...chart, series: { fps: [null, null] } }, 'fps')).toEqual([]);
});

describe('viewers of a broadcast that is over', () => {
  it('stand in the middle of their minutes', () => {
    const analytics = { at_ms: [0, 60_000], viewers_max: [3, 5], viewers_avg: [2.5, 4], totals: { viewers_max: 5 } };
    expect(viewersOf(analytics)).toEqual([
      { at_ms: 30_000, value: 3 },
      { at_ms: 90_000, value: 5 },
    ]);
    expect(mean(analytics.viewers_avg)).toBe(3.25);
    expect(mean([])).toBeNull();
  });
});
