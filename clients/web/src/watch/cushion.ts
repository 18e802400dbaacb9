/** How far behind the live edge to stay: what the list asks for, and more on a line that has stalled.  Pure. */

export interface Cushion {
  /** On top of PART-HOLD-BACK. */
  extraSeconds: number;
  /** When it last changed. */
  sinceMs: number;
}

export const NO_CUSHION: Cushion = { extraSeconds: 0, sinceMs: 0 };
const STALL_SECONDS = 0.3;
const MOST_SECONDS = 2;
const CALM_MS = 30_000;
/** A stall that lasts longer was the stream's, not the line's: more distance would not have helped. */
const LINE_STALL_MS = 4000;
/** Further behind than this beyond the target takes too long by playing faster; from 3 s on hls.js no longer tries. */
const DRIFT_SECONDS = 2.8;
const HOLD_LEAST_SECONDS = 0.5;
const HOLD_MOST_MS = 3000;

/** After a stall of `stalledMs`. */
export function afterStall(cushion: Cushion, stalledMs: number, nowMs: number): Cushion {
  if (stalledMs > LINE_STALL_MS) return { ...cushion, sinceMs: nowMs };
  return { extraSeconds: Math.min(MOST_SECONDS, cushion.extraSeconds + STALL_SECONDS), sinceMs: nowMs };
}

/** Half a minute without a stall takes half a stall back. */
export function afterCalm(cushion: Cushion, nowMs: number): Cushion {
  if (cushion.extraSeconds === 0 || nowMs - cushion.sinceMs < CALM_MS) return cushion;
  return { extraSeconds: Math.max(0, cushion.extraSeconds - STALL_SECONDS / 2), sinceMs: nowMs };
}

/** Whether who wants to be at the edge should jump there. */
export function hasDrifted(latencySeconds: number, targetSeconds: number): boolean {
  return latencySeconds - targetSeconds > DRIFT_SECONDS;
}

/** Whether something new arrived: a few frames may be left of what ran dry. */
export function isFresh(aheadSeconds: number, partSeconds: number): boolean {
  return aheadSeconds > partSeconds / 2;
}

/**
 * Whether a picture that ran dry may go on: with less in hand than it keeps at the edge it would run dry again with the
 * next late part.  `heldMs`: since something new arrived.
 */
export function mayGoOn(aheadSeconds: number, targetSeconds: number, partSeconds: number, heldMs: number): boolean {
  const wanted = Math.max(HOLD_LEAST_SECONDS, targetSeconds - partSeconds);
  return aheadSeconds >= wanted || (isFresh(aheadSeconds, partSeconds) && heldMs > HOLD_MOST_MS);
}
