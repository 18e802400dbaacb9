import { useCallback, useState, useSyncExternalStore } from 'react';
import { Playback } from './playback';
import { IDLE, type PlaybackState } from './state';

const none = () => () => undefined;

export interface PlaybackHandle {
  /** Put it on the video element. */
  attach: (video: HTMLVideoElement | null) => (() => void) | undefined;
  playback: Playback | null;
  state: PlaybackState;
}

/** A `Playback` on the element while it is there; `isSilent` begins without sound, whatever the viewer likes elsewhere. */
export function usePlayback(isSilent = false): PlaybackHandle {
  const [playback, setPlayback] = useState<Playback | null>(null);
  const attach = useCallback((video: HTMLVideoElement | null) => {
    if (video === null) return undefined;
    const made = new Playback(video, isSilent);
    setPlayback(made);
    return () => {
      setPlayback(null);
      made.close();
    };
  }, [isSilent]);
  const state = useSyncExternalStore(playback?.subscribe ?? none, playback?.snapshot ?? (() => IDLE));
  return { attach, playback, state };
}
