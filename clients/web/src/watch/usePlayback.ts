import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import { Playback, type PlaybackState } from './playback';

const NOTHING: PlaybackState = {
  status: 'idle',
  rungs: [],
  chosen: null,
  current: null,
  isSilenced: false,
  isWaiting: false,
  isBlocked: false,
};
const none = () => () => undefined;

export interface PlaybackHandle {
  /** Put it on the video element. */
  attach: (video: HTMLVideoElement | null) => (() => void) | undefined;
  playback: Playback | null;
  state: PlaybackState;
}

/** Plays `playlist` on the element while it is there; a new address starts by itself. */
export function usePlayback(playlist: string | null): PlaybackHandle {
  const [playback, setPlayback] = useState<Playback | null>(null);
  const attach = useCallback((video: HTMLVideoElement | null) => {
    if (video === null) return undefined;
    const made = new Playback(video);
    setPlayback(made);
    return () => {
      setPlayback(null);
      made.close();
    };
  }, []);
  useEffect(() => playback?.load(playlist), [playback, playlist]);
  const state = useSyncExternalStore(playback?.subscribe ?? none, playback?.snapshot ?? (() => NOTHING));
  return { attach, playback, state };
}
