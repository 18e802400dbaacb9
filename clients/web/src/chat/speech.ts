/** Whether this page's member may speak now, told before they type.  Pure. */

import { isAboveModes } from './commands';
import type { RoomState } from './room';

export type Speech =
  | { kind: 'free' }
  | { kind: 'guest' }
  /** Not before `untilMs` by the server's clock; null: for good, or until a rule changes. */
  | { kind: 'barred'; code: string; untilMs: number | null; reason: string };

const WAITED_MAX_MS = 3_600_000;

/** `now` is the server's clock. */
export function speechOf(state: RoomState, now: number): Speech {
  if (state.me === null || state.role === 'guest') return { kind: 'guest' };
  const bar = state.restriction;
  if (bar !== null && (bar.until_ms === null || bar.until_ms > now)) {
    return { kind: 'barred', code: bar.code, untilMs: bar.until_ms, reason: bar.reason };
  }
  const slowMs = state.modes.slow_seconds * 1000;
  if (slowMs > 0 && !isAboveModes(state.role) && state.saidAtMs !== null) {
    const untilMs = state.saidAtMs + slowMs;
    if (untilMs > now && untilMs - now <= WAITED_MAX_MS) return { kind: 'barred', code: 'slow_mode', untilMs, reason: '' };
  }
  return { kind: 'free' };
}
