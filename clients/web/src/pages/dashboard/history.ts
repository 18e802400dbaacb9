/** The figures of one broadcast over time.  Pure. */

import type { BroadcastHealth } from '../../api/types';
import type { Point } from './chart';

export const FIGURES = ['video_kbps', 'fps', 'keyframe_seconds', 'speed', 'viewers'] as const;
export type FigureName = (typeof FIGURES)[number];

/** What was measured at one moment; null: not known. */
export type Moment = { at_ms: number } & Record<FigureName, number | null>;

export interface History {
  broadcast: string | null;
  /** Oldest first. */
  moments: readonly Moment[];
}

export const NO_HISTORY: History = { broadcast: null, moments: [] };
/** Half an hour of figures that come every 2 s. */
const MOST_MOMENTS = 900;
/** Figures closer than this are the same ones, asked for twice. */
const APART_MS = 1000;
/** Nothing for so long: the line has a gap. */
const GAP_MS = 15_000;

/** With the figures of now; another broadcast begins anew. */
export function noted(history: History, health: BroadcastHealth, nowMs: number): History {
  if (health.public_id === null) return history;
  const same = history.broadcast === health.public_id ? history.moments : [];
  const last = same.at(-1);
  if (last !== undefined && nowMs - last.at_ms < APART_MS) return { broadcast: health.public_id, moments: same };
  const isLive = health.state === 'live';
  const { source, speed } = health;
  // a figure that isn't known is 0 or null
  const known = (value: number | null | undefined) => (isLive && value ? value : null);
  const moment: Moment = {
    at_ms: nowMs,
    video_kbps: known(source?.video_kbps),
    fps: known(source?.fps),
    keyframe_seconds: known(source?.keyframe_seconds),
    speed: known(speed),
    viewers: isLive ? health.viewers : null,
  };
  return { broadcast: health.public_id, moments: [...same, moment].slice(-MOST_MOMENTS) };
}

/** What the server remembers from before this page was open, and what the page has seen itself. */
export function joined(server: readonly Moment[], seen: readonly Moment[]): Moment[] {
  const first = seen[0]?.at_ms ?? Infinity;
  return [...server.filter(({ at_ms }) => at_ms < first), ...seen];
}

/** One figure as points; a hole in time is a gap in the line. */
export function pointsOf(moments: readonly Moment[], name: FigureName): Point[] {
  return moments.flatMap((moment, index) => {
    const before = moments[index - 1];
    const point = { at_ms: moment.at_ms, value: moment[name] };
    const isApart = before !== undefined && moment.at_ms - before.at_ms > GAP_MS;
    return isApart ? [{ at_ms: before.at_ms + 1, value: null }, point] : [point];
  });
}
