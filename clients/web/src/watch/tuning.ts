/** hls.js' settings.  Pure. */

import type { HlsConfig } from 'hls.js';

export type Kind = 'live' | 'vod';

/** What hls.js may assume of a connection that it doesn't know yet, bits a second: enough for the middle of a ladder. */
const FIRST_BPS = 2_000_000;
/** hls.js believes no more than this of an estimate that it is given. */
const MOST_FIRST_BPS = 5_000_000;

type Token = () => Promise<string | null>;

/** `bps` is what the last visit measured; null: never. */
export function tuningOf(kind: Kind, bps: number | null, token: Token | null = null): Partial<HlsConfig> {
  const common: Partial<HlsConfig> = {
    ...(token !== null && { xhrSetup: (xhr: XMLHttpRequest, url: string) => sign(xhr, url, token) }),
    capLevelToPlayerSize: true,
    abrEwmaDefaultEstimate: Math.min(MOST_FIRST_BPS, bps ?? FIRST_BPS),
    // the first segment is the one to show: not a smaller one that only measures the line
    testBandwidth: false,
    backBufferLength: 60,
    playlistLoadPolicy: {
      default: {
        // a blocking reload is answered within three target durations of 2 s, else by 503
        maxTimeToFirstByteMs: 10_000,
        maxLoadTimeMs: 20_000,
        timeoutRetry: { maxNumRetry: 4, retryDelayMs: 0, maxRetryDelayMs: 0 },
        // an origin that restarts, a broadcast whose encoder is away: fatal only after half a minute, and even then we go on
        errorRetry: { maxNumRetry: 30, retryDelayMs: 300, maxRetryDelayMs: 1500 },
      },
    },
  };
  if (kind === 'vod') return { ...common, lowLatencyMode: false, maxBufferLength: 30 };
  return {
    ...common,
    // plays PART-HOLD-BACK behind the edge, by blocking reloads and parts
    lowLatencyMode: true,
    liveDurationInfinity: true,
    maxBufferLength: 20,
    // who fell behind catches up unheard: 8 % in the end, less when near
    maxLiveSyncPlaybackRate: 1.08,
    // stalls are answered by `Steady`, which also forgets them
    liveSyncOnStallIncrease: 0,
  };
}

/** hls.js waits for what this returns; a request that it has opened takes headers. */
async function sign(xhr: XMLHttpRequest, url: string, token: Token): Promise<void> {
  const held = await token();
  if (xhr.readyState === XMLHttpRequest.UNSENT) xhr.open('GET', url, true);
  if (held !== null) xhr.setRequestHeader('Authorization', `Bearer ${held}`);
}
