/** The span that can be played, as the scrub bar shows it.  Pure. */

import { clock } from '../i18n/spans';
import type { Kind } from './tuning';

export interface Timeline {
  kind: Kind;
  /** Of what can be played, on the media's own clock, in seconds. */
  start: number;
  /** The live edge as a viewer can reach it, or the end. */
  end: number;
  now: number;
  /** How far what is loaded without a hole reaches. */
  bufferedTo: number;
}

/** A live stream this short has nothing worth a bar. */
const LEAST_SECONDS = 20;
/** Nearer to the edge than this is the edge. */
export const EDGE_SECONDS = 4;

export interface Ranges {
  length: number;
  start: (index: number) => number;
  end: (index: number) => number;
}

/** Null where nothing can be sought in. */
export function timelineOf(kind: Kind, seekable: Ranges, buffered: Ranges, now: number, edge: number | null): Timeline | null {
  if (seekable.length === 0) return null;
  const start = seekable.start(0);
  const last = seekable.end(seekable.length - 1);
  const end = kind === 'live' ? Math.max(start, edge ?? last) : last;
  if (!Number.isFinite(end) || end <= start) return null;
  if (kind === 'live' && end - start < LEAST_SECONDS) return null;
  return { kind, start, end, now, bufferedTo: now + aheadOf(buffered, now) };
}

/** Near enough to the live edge where nothing says how near one may go; null where nothing can be sought in. */
export function edgeOf(seekable: Ranges): number | null {
  return seekable.length === 0 ? null : seekable.end(seekable.length - 1) - EDGE_SECONDS;
}

/** Seconds that can be shown from `now` on without loading. */
export function aheadOf(buffered: Ranges, now: number): number {
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= now + 0.1 && buffered.end(index) > now) return buffered.end(index) - now;
  }
  return 0;
}

/** 0 to 1 on the bar. */
export function shareOf({ start, end }: Timeline, time: number): number {
  return Math.min(1, Math.max(0, (time - start) / (end - start)));
}

export function timeAt({ start, end }: Timeline, share: number): number {
  return start + (end - start) * Math.min(1, Math.max(0, share));
}

/** Where a seek may land. */
export function clampTime({ start, end }: Timeline, time: number): number {
  return Math.min(end, Math.max(start, time));
}

export function isAtEdge({ kind, end }: Timeline, time: number): boolean {
  return kind === 'live' && end - time < EDGE_SECONDS;
}

/** `-12:30` behind the live edge, `1:02:03` into a recording. */
export function timeLabel(timeline: Timeline, time: number): string {
  if (timeline.kind === 'vod') return clock((time - timeline.start) * 1000);
  const behind = Math.max(0, timeline.end - time);
  return `-${clock(Math.round(behind) * 1000)}`;
}

/** Where the keys 0 to 9 lead: tenths of the whole. */
export function tenth(timeline: Timeline, digit: number): number {
  return timeAt(timeline, digit / 10);
}
