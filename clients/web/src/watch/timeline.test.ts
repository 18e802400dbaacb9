import { describe, expect, it } from 'vitest';
import { aheadOf, clampTime, edgeOf, isAtEdge, shareOf, tenth, timeAt, timeLabel, timelineOf, type Ranges } from './timeline';

const ranges = (...spans: [number, number][]): Ranges => ({
  length: spans.length,
  start: (index) => spans[index]?.[0] ?? NaN,
  end: (index) => spans[index]?.[1] ?? NaN,
});
const NONE = ranges();

describe('timelineOf', () => {
  it('spans from the oldest segment to where a viewer can be', () => {
    const timeline = timelineOf('live', ranges([100, 14_500]), ranges([14_490, 14_499]), 14_495, 14_498);
    expect(timeline).toEqual({ kind: 'live', start: 100, end: 14_498, now: 14_495, bufferedTo: 14_499 });
  });

  it('uses the whole of a recording, and what can be sought in where the edge is not known', () => {
    expect(timelineOf('vod', ranges([0, 60]), NONE, 5, null)?.end).toBe(60);
    expect(timelineOf('live', ranges([0, 60]), NONE, 5, null)?.end).toBe(60);
  });

  it('is nothing where nothing can be sought in', () => {
    expect(timelineOf('live', NONE, NONE, 0, null)).toBeNull();
    expect(timelineOf('live', ranges([0, 19]), NONE, 0, 19)).toBeNull();
    expect(timelineOf('vod', ranges([0, Infinity]), NONE, 0, null)).toBeNull();
    expect(timelineOf('vod', ranges([3, 3]), NONE, 3, null)).toBeNull();
  });
});

it('guesses the edge from what can be sought in', () => {
  expect([edgeOf(ranges([0, 5], [10, 60])), edgeOf(NONE)]).toEqual([56, null]);
});

it('counts what is loaded without a hole', () => {
  expect(aheadOf(ranges([0, 4], [10, 16]), 12)).toBe(4);
  expect(aheadOf(ranges([0, 4], [10, 16]), 5)).toBe(0);
  expect(aheadOf(ranges([10, 16]), 9.95)).toBeCloseTo(6.05);
});

describe('places on the bar', () => {
  const live = { kind: 'live', start: 100, end: 1100, now: 1100, bufferedTo: 1100 } as const;
  const vod = { kind: 'vod', start: 0, end: 3723, now: 0, bufferedTo: 0 } as const;

  it('are shares of the whole, within it', () => {
    expect([shareOf(live, 600), shareOf(live, 0), shareOf(live, 9999)]).toEqual([0.5, 0, 1]);
    expect([timeAt(live, 0.25), timeAt(live, -1), timeAt(live, 2)]).toEqual([350, 100, 1100]);
    expect([clampTime(live, 5), clampTime(live, 500), clampTime(live, 5000)]).toEqual([100, 500, 1100]);
  });

  it('are called by the distance from now while live, by the time in a recording', () => {
    expect(timeLabel(live, 350)).toBe('-12:30');
    expect(timeLabel(live, 1200)).toBe('-0:00');
    expect(timeLabel(vod, 3723)).toBe('1:02:03');
  });

  it('tell the edge from what lies behind', () => {
    expect([isAtEdge(live, 1097), isAtEdge(live, 1090), isAtEdge(vod, 3723)]).toEqual([true, false, false]);
  });

  it('are led to by digits', () => {
    expect(tenth(vod, 5)).toBeCloseTo(1861.5);
  });
});
