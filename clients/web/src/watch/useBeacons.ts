import { useEffect } from 'react';
import { BEAT_MS, BeaconSeries, type Beacon, type Sample } from './beacon';
import type { Playback } from './playback';
import { rungName } from './rungs';
import type { Kind } from './tuning';

const DOOR = '/api/v1/beacons';

/** Tell the server how this viewer fares, while there is something to tell; nothing waits for it, nothing minds a loss. */
export function useBeacons(playback: Playback | null, broadcast: string | null, kind: Kind): void {
  useEffect(() => {
    if (playback === null || broadcast === null) return undefined;
    const series = new BeaconSeries(crypto.randomUUID(), broadcast, kind);
    const { video } = playback;
    let hasEnded = false;
    const tell = (isEnd: boolean) => {
      const beacon = series.next(sampleOf(playback), isEnd);
      if (beacon !== null) send(beacon);
      hasEnded = isEnd;
    };
    const beat = () => {
      // hidden and paused: nobody watches
      if (video.paused || video.ended) return;
      tell(false);
    };
    const leave = () => !hasEnded && tell(true);
    const first = () => tell(false);
    const timer = setInterval(beat, BEAT_MS);
    video.addEventListener('playing', first, { once: true });
    window.addEventListener('pagehide', leave);
    return () => {
      clearInterval(timer);
      video.removeEventListener('playing', first);
      window.removeEventListener('pagehide', leave);
      leave();
    };
  }, [playback, broadcast, kind]);
}

function sampleOf(playback: Playback): Sample {
  const { video } = playback;
  const { rungs, current } = playback.snapshot();
  const rung = rungs.find(({ index }) => index === current);
  const quality = typeof video.getVideoPlaybackQuality === 'function' ? video.getVideoPlaybackQuality() : null;
  return {
    figures: playback.figures(),
    rung: rung === undefined ? null : (rungName(rung) ?? 'audio'),
    latencySeconds: playback.latencySeconds(),
    droppedFrames: quality?.droppedVideoFrames ?? 0,
    frames: quality?.totalVideoFrames ?? 0,
  };
}

/** `sendBeacon` outlives the page and stands behind all other loads. */
function send(beacon: Beacon): void {
  try {
    navigator.sendBeacon(DOOR, new Blob([JSON.stringify(beacon)], { type: 'application/json' }));
  } catch {
    // no such function, or too much in its queue: the next one tells
  }
}
