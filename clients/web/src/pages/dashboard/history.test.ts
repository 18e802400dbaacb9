import { describe, expect, it } from 'vitest';
import type { BroadcastHealth } from '../../api/types';
import { joined, NO_HISTORY, noted, pointsOf, type Moment } from './history';

const LIVE: BroadcastHealth = {
  state: 'live',
  public_id: 'b1',
  since_ms: 0,
  source: {
    width: 1280,
    height: 720,
    fps: 30,
    video_codec: 'h264',
    audio_codec: 'aac',
    video_kbps: 2900,
    audio_kbps: 128,
    keyframe_seconds: 2,
  },
  renditions: [],
  speed: 1,
  warnings: [],
  refused: null,
  viewers: 5,
  visibility: 'public',
  is_test: false,
  next_is_test: false,
  playlist: null,
};

function moment(atMs: number, value: number | null = 1): Moment {
  return { at_ms: atMs, video_kbps: value, fps: value, keyframe_seconds: value, speed: value, viewers: value };
}

describe('noted', () => {
  it('keeps one moment for each answer', () => {
    const first = noted(NO_HISTORY, LIVE, 1000);
    expect(first.moments).toEqual([{ at_ms: 1000, video_kbps: 2900, fps: 30, keyframe_seconds: 2, speed: 1, viewers: 5 }]);
    expect(noted(first, LIVE, 1500).moments).toHaveLength(1);
    expect(noted(first, LIVE, 3000).moments).toHaveLength(2);
  });

  it('knows nothing while the encoder is away', () => {
    const { moments } = noted(NO_HISTORY, { ...LIVE, state: 'interrupted' }, 1000);
    expect(moments).toEqual([moment(1000, null)]);
  });

  it('takes 0 for not known, but for viewers', () => {
    const { moments } = noted(NO_HISTORY, { ...LIVE, speed: 0, viewers: 0, source: null }, 1);
    expect(moments[0]).toEqual({ ...moment(1, null), viewers: 0 });
  });

  it('begins anew with another broadcast, stays when there is none, and has an end', () => {
    let history = noted(NO_HISTORY, LIVE, 1000);
    expect(noted(history, { ...LIVE, public_id: null }, 5000)).toBe(history);
    expect(noted(history, { ...LIVE, public_id: 'b2' }, 5000)).toMatchObject({ broadcast: 'b2', moments: [{ at_ms: 5000 }] });
    for (let turn = 1; turn < 1000; turn += 1) history = noted(history, LIVE, 1000 + turn * 2000);
    expect(history.moments).toHaveLength(900);
  });
});

it('joins what the server remembers with what the page has seen', () => {
  expect(joined([moment(1), moment(5), moment(9)], [moment(6), moment(8)]).map(({ at_ms }) => at_ms)).toEqual([1, 5, 6, 8]);
  expect(joined([moment(1)], [])).toHaveLength(1);
});

it('leaves a gap where nothing was measured', () => {
  const points = pointsOf([moment(0), moment(2000), moment(60_000)], 'fps');
  expect(points.map(({ value }) => value)).toEqual([1, 1, null, 1]);
});
