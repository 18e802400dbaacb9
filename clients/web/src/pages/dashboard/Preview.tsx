import { useEffect } from 'react';
import { LiveBadge } from '../../watch/LiveBadge';
import { Overlay } from '../../watch/Overlay';
import { Screen } from '../../watch/Screen';
import { liveSource } from '../../watch/source';
import { usePlayback } from '../../watch/usePlayback';

/** The streamer's own picture as viewers get it, without sound, or the microphone would hear it. */
export default function Preview({ playlist, isInterrupted }: { playlist: string; isInterrupted: boolean }) {
  const handle = usePlayback(true);
  const { playback, state } = handle;
  useEffect(() => playback?.load(liveSource(playlist)), [playback, playlist]);
  useEffect(() => playback?.wake(), [playback, isInterrupted]);
  const seen = isInterrupted ? 'interrupted' : 'live';
  return (
    <Screen
      handle={handle}
      kind="live"
      isOn
      look={seen}
      poster={null}
      over={
        <Overlay
          live={seen}
          state={state}
          name=""
          graceUntilMs={null}
          lastVod={null}
          onRetry={() => playback?.wake()}
          onPlay={() => void playback?.play()}
        />
      }
      where={playback !== null && <LiveBadge playback={playback} />}
      theatre={null}
    />
  );
}
