/** The streamer's socket (`docs/wire.md`): what it says, and what of it is news.  Pure. */

import type { BroadcastWarning, Figure } from '../../api/types';

export interface Alarm extends BroadcastWarning {
  metric: string | null;
}

export type AlarmFrame =
  | { t: 'ready' }
  | { t: 'health'; at_ms: number; public_id: string | null; health: Figure[] }
  | (Alarm & { t: 'warning'; at_ms: number; is_over: boolean });

export interface Heard {
  /** The figures of now; null until the socket said any. */
  figures: Figure[] | null;
  open: Alarm[];
  /** How often figures came: what is wrong already when one comes is no news. */
  turns: number;
}

export const NOTHING_HEARD: Heard = { figures: null, open: [], turns: 0 };

/** Null for what is none of the socket's frames. */
export function readFrame(text: unknown): AlarmFrame | null {
  if (typeof text !== 'string') return null;
  try {
    const frame = JSON.parse(text) as { t?: unknown };
    return frame.t === 'ready' || frame.t === 'health' || frame.t === 'warning' ? (frame as AlarmFrame) : null;
  } catch {
    return null;
  }
}

/** `news` is what to say at once: a warning that began, or one that is over. */
export function hear(heard: Heard, frame: AlarmFrame): { heard: Heard; news: { alarm: Alarm; isOver: boolean } | null } {
  switch (frame.t) {
    case 'ready':
      return { heard: NOTHING_HEARD, news: null };
    case 'health':
      return { heard: { ...heard, figures: frame.health, turns: heard.turns + 1 }, news: null };
    case 'warning': {
      const { code, message, severity, metric, is_over: isOver } = frame;
      const alarm = { code, message, severity, metric };
      const others = heard.open.filter((one) => one.code !== code);
      const wasOpen = others.length < heard.open.length;
      const isNews = heard.turns > 1 && wasOpen === isOver;
      return { heard: { ...heard, open: isOver ? others : [...others, alarm] }, news: isNews ? { alarm, isOver } : null };
    }
  }
}
