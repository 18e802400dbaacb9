import { useEffect } from 'react';
import type { RoomLive } from '../chat/wire';
import type { Live } from './live';
import { LiveBadge } from './LiveBadge';
import { Overlay, type LastVod } from './Overlay';
import { Screen } from './Screen';
import { liveSource } from './source';
import { useBeacons } from './useBeacons';
import { usePlayback } from './usePlayback';

export interface PlayerProps {
  live: Live;
  /** As this page has seen it: an offline channel may just have ended. */
  seen: RoomLive;
  name: string;
  poster: string | null;
  /** What an offline channel offers instead. */
  lastVod: LastVod | null;
  isTheatre: boolean;
  onTheatre: () => void;
}

/** The live picture: it holds and resumes by itself for as long as the channel says that it is on. */
export function Player({ live, seen, name, poster, lastVod, isTheatre, onTheatre }: PlayerProps) {
  const handle = usePlayback();
  const { playback, state } = handle;
  const { playlist } = live;
  // the element says when it is over: what runs dry before that has yet to load
  const isRunningOut = seen === 'ended' && state.status === 'ready' && !state.isOver;
  const look = isRunningOut ? 'live' : seen;
  const isOn = seen === 'live' || seen === 'interrupted' || isRunningOut;

  useEffect(() => {
    if (playback === null) return;
    if (playlist !== null) playback.load(liveSource(playlist));
    else if (seen === 'ended') playback.finish();
    else playback.load(null);
  }, [playback, playlist, seen]);
  // whatever the player waits for, a change of the channel's state is worth a look
  useEffect(() => playback?.wake(), [playback, seen]);
  useBeacons(playback, playlist === null ? null : live.broadcast, 'live');

  return (
    <Screen
      handle={handle}
      kind="live"
      isOn={isOn}
      look={look}
      poster={poster}
      over={
        <Overlay
          live={look}
          state={state}
          name={name}
          graceUntilMs={live.graceUntilMs}
          lastVod={lastVod}
          onRetry={() => playback?.wake()}
          onPlay={() => void playback?.play()}
        />
      }
      where={playback !== null && <LiveBadge playback={playback} />}
      theatre={{ isOn: isTheatre, onToggle: onTheatre }}
    />
  );
}
