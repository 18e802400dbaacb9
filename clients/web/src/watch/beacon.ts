/** What a player tells the server of how its viewer fares.  Pure. */

import type { Figures } from './experience';
import type { Kind } from './tuning';

/** A player speaks this often while it plays. */
export const BEAT_MS = 5000;

export interface Sample {
  figures: Figures;
  rung: string | null;
  latencySeconds: number | null;
  droppedFrames: number;
  frames: number;
}

export interface Beacon {
  /** Random, of one page's one player; says nothing of who it is. */
  session: string;
  broadcast: string;
  kind: Kind;
  event: 'start' | 'beat' | 'end';
  startup_ms: number | null;
  /** Since the last beacon, as the three that follow. */
  played_ms: number;
  stalls: number;
  stalled_ms: number;
  dropped_frames: number;
  frames: number;
  rung: string | null;
  latency_ms: number | null;
}

/** One player's beacons in order: each tells what happened since the one before. */
export class BeaconSeries {
  private last: Sample | null = null;

  constructor(
    private readonly session: string,
    private readonly broadcast: string,
    private readonly kind: Kind,
  ) {}

  /** Null while there is nothing to tell: before the first picture. */
  next(sample: Sample, isEnd: boolean): Beacon | null {
    const { figures } = sample;
    if (figures.startupMs === null) return null;
    const before = this.last;
    if (before === null && isEnd && figures.playedMs === 0) return null;
    this.last = sample;
    return {
      session: this.session,
      broadcast: this.broadcast,
      kind: this.kind,
      event: before === null ? 'start' : isEnd ? 'end' : 'beat',
      startup_ms: before === null ? figures.startupMs : null,
      played_ms: more(figures.playedMs, before?.figures.playedMs),
      stalls: more(figures.stalls, before?.figures.stalls),
      stalled_ms: more(figures.stalledMs, before?.figures.stalledMs),
      dropped_frames: more(sample.droppedFrames, before?.droppedFrames),
      frames: more(sample.frames, before?.frames),
      rung: sample.rung,
      latency_ms: sample.latencySeconds === null ? null : Math.round(sample.latencySeconds * 1000),
    };
  }
}

/** A player that began anew counts from nothing. */
function more(now: number, before = 0): number {
  return now >= before ? now - before : now;
}
