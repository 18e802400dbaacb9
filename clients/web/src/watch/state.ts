import type { Rung } from './rungs';

/** What the page shows of a `Playback`. */
export interface PlaybackState {
  /** `failed`: it goes badly and is said; `unsupported`: nothing here can play it.  The tries go on while it is `failed`. */
  status: 'idle' | 'loading' | 'ready' | 'failed' | 'unsupported';
  rungs: Rung[];
  /** What the viewer chose; null: Auto. */
  chosen: number | null;
  /** The rung that plays. */
  current: number | null;
  /** The browser lets it play without sound only. */
  isSilenced: boolean;
  /** Wants to play and has nothing to show. */
  isWaiting: boolean;
  /** The browser wants a click before it plays at all. */
  isBlocked: boolean;
  /** Shown to its end. */
  isOver: boolean;
  /** Of a recording. */
  speed: number;
}

export const IDLE: PlaybackState = {
  status: 'idle',
  rungs: [],
  chosen: null,
  current: null,
  isSilenced: false,
  isWaiting: false,
  isBlocked: false,
  isOver: false,
  speed: 1,
};
