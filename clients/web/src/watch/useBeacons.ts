import { useEffect } from 'react';
import { randomName } from '../api/randomName';
import { BEAT_MS, BeaconSeries, type Beacon, type Sample } from './beacon';
import type { Playback } from './playback';
import { rungAt, rungName } from './rungs';
import type { Kind } from './tuning';

const DOOR = '/api/v1/beacons';
/** A pause this short is no leaving. */
const PAUSE_MS = 2000;

/** Tell the server how this viewer fares, while there is something to tell; nothing waits for it, nothing minds a loss. */
export function useBeacons(playback: Playback | null, broadcast: string | null, kind: Kind): void {
  useEffect(() => {
    if (playback === null || broadcast === null) return undefined;
    const series = new BeaconSeries(randomName(16), broadcast, kind);
    const { video } = playback;
    let told: 'nothing' | 'here' | 'gone' = 'nothing';
    let leaving: ReturnType<typeof setTimeout> | undefined;
    const tell = (isEnd: boolean) => {
      const beacon = series.next(sampleOf(playback), isEnd);
      if (beacon !== null) send(beacon);
      told = isEnd ? 'gone' : 'here';
    };
    const beat = () => {
      // hidden and paused: nobody watches
      if (video.paused || video.ended) return;
      tell(false);
    };
    const leave = () => {
      clearTimeout(leaving);
      if (told !== 'gone') tell(true);
    };
    const onPause = () => {
      clearTimeout(leaving);
      leaving = setTimeout(() => video.paused && leave(), PAUSE_MS);
    };
    const onPlaying = () => told !== 'here' && tell(false);
    const timer = setInterval(beat, BEAT_MS);
    video.addEventListener('pause', onPause);
    video.addEventListener('playing', onPlaying);
    window.addEventListener('pagehide', leave);
    return () => {
      clearInterval(timer);
      video.removeEventListener('pause', onPause);
      video.removeEventListener('playing', onPlaying);
      window.removeEventListener('pagehide', leave);
      leave();
    };
  }, [playback, broadcast, kind]);
}

function sampleOf(playback: Playback): Sample {
  const { video } = playback;
  const { rungs, current } = playback.snapshot();
  const rung = rungAt(rungs, current);
  const quality = typeof video.getVideoPlaybackQuality === 'function' ? video.getVideoPlaybackQuality() : null;
  return {
    figures: playback.figures(),
    rung: rung === undefined ? null : (rungName(rung) ?? 'audio'),
    // who went back hours chose to: that says nothing of the stream
    latencySeconds: playback.isFollowing() ? playback.latencySeconds() : null,
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
