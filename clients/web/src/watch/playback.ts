/** One video element and what feeds it: hls.js, or the browser's own HLS where Media Source is missing. */

import type Hls from 'hls.js';
import type { ErrorData } from 'hls.js';
import { NO_TRIES, recover, type Fault, type Tries } from './recovery';
import { rungsOf, type Rung } from './rungs';
import { recallLoudness, rememberLoudness } from './volume';

export interface PlaybackState {
  status: 'idle' | 'loading' | 'ready' | 'failed';
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
}

const IDLE: PlaybackState = {
  status: 'idle',
  rungs: [],
  chosen: null,
  current: null,
  isSilenced: false,
  isWaiting: false,
  isBlocked: false,
};
const NATIVE = 'application/vnd.apple.mpegurl';
/** hls.js' `ErrorTypes`. */
const FAULTS: Partial<Record<string, Fault>> = { networkError: 'network', mediaError: 'media' };
/** Further behind the live edge than this, the badge offers the way back. */
const EDGE_SECONDS = 4;

export class Playback {
  private state: PlaybackState = IDLE;
  private hls: Hls | null = null;
  private url: string | null = null;
  private tries: Tries = NO_TRIES;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly watchers = new Set<() => void>();
  private readonly leaving = new AbortController();

  constructor(readonly video: HTMLVideoElement) {
    const loudness = recallLoudness();
    video.volume = loudness.volume;
    video.muted = loudness.muted;
    const on = (name: keyof HTMLVideoElementEventMap, run: () => void) =>
      video.addEventListener(name, run, { signal: this.leaving.signal });
    on('volumechange', () => this.onVolume());
    on('waiting', () => this.become({ isWaiting: true }));
    on('playing', () => this.become({ isWaiting: false, isBlocked: false, status: 'ready' }));
    on('error', () => this.hls === null && this.url !== null && this.onFault('other'));
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  snapshot = (): PlaybackState => this.state;

  /** Play this playlist from its live edge; null stops. */
  load(url: string | null): void {
    if (url === this.url && this.state.status !== 'failed') return;
    this.url = url;
    this.tries = NO_TRIES;
    if (url === null) {
      this.unload();
      this.video.pause();
      this.become({ ...IDLE });
    } else this.build();
  }

  /** For good: the element goes away. */
  close(): void {
    this.leaving.abort();
    this.unload();
    this.video.removeAttribute('src');
    this.watchers.clear();
  }

  chooseRung(index: number | null): void {
    if (this.hls !== null) this.hls.nextLevel = index ?? -1;
    this.become({ chosen: index });
  }

  toEdge(): void {
    const edge = this.edge();
    if (edge !== null) this.video.currentTime = edge;
    void this.play();
  }

  /** Seek within what can be played. */
  seekBy(seconds: number): void {
    const { seekable, currentTime } = this.video;
    if (seekable.length === 0) return;
    const least = seekable.start(0);
    const most = this.edge() ?? seekable.end(seekable.length - 1);
    this.video.currentTime = Math.max(least, Math.min(Math.max(most, currentTime), currentTime + seconds));
  }

  togglePlay(): void {
    if (this.video.paused) void this.play();
    else this.video.pause();
  }

  toggleMute(): void {
    if (this.video.muted) this.unmute();
    else this.video.muted = true;
  }

  changeVolume(by: number): void {
    const { video } = this;
    video.volume = Math.min(1, Math.max(0, (video.muted ? 0 : video.volume) + by));
    video.muted = video.volume === 0;
  }

  unmute(): void {
    this.video.muted = false;
    if (this.video.volume === 0) this.video.volume = 0.5;
    this.become({ isSilenced: false });
  }

  async play(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      if (this.video.muted) this.become({ isBlocked: true });
      else await this.playSilently();
    }
  }

  /** Seconds between the encoder's clock and what is shown (PROGRAM-DATE-TIME); null while unknown. */
  latencySeconds(now: number): number | null {
    const native = (this.video as { getStartDate?: () => Date }).getStartDate?.().getTime();
    const shownMs =
      this.hls?.playingDate?.getTime() ??
      (native === undefined || Number.isNaN(native) ? null : native + this.video.currentTime * 1000);
    if (shownMs !== null) return Math.max(0, (now - shownMs) / 1000);
    return this.hls !== null && this.hls.latency > 0 ? this.hls.latency : null;
  }

  isAtEdge(): boolean {
    const edge = this.edge();
    return edge === null || edge - this.video.currentTime < EDGE_SECONDS;
  }

  bandwidthKbps(): number | null {
    return this.hls === null ? null : Math.round(this.hls.bandwidthEstimate / 1000);
  }

  private edge(): number | null {
    const synced = this.hls?.liveSyncPosition ?? null;
    if (synced !== null) return synced;
    const { seekable } = this.video;
    return seekable.length === 0 ? null : seekable.end(seekable.length - 1) - EDGE_SECONDS;
  }

  private build(): void {
    this.unload();
    if (this.url === null) return;
    this.become({ status: 'loading', rungs: [], current: null, isWaiting: false });
    void this.feed(this.url);
  }

  private async feed(url: string): Promise<void> {
    // half of the page's code: the chat doesn't wait for it
    const module = await import('hls.js').catch(() => null);
    if (url !== this.url || this.hls !== null || this.leaving.signal.aborted) return;
    if (module === null) {
      this.onFault('other');
      return;
    }
    const { default: Player, Events } = module;
    if (!Player.isSupported()) {
      this.feedNatively(url);
      return;
    }
    const hls = new Player({
      lowLatencyMode: false,
      // Two segments of 2 s in hand: 7 s from glass to glass instead of 9. After a stall hls.js keeps one second more.
      liveSyncDurationCount: 2,
      liveDurationInfinity: true,
      backBufferLength: 30,
      maxBufferLength: 20,
      capLevelToPlayerSize: true,
    });
    this.hls = hls;
    hls.on(Events.MANIFEST_PARSED, () => {
      this.become({ rungs: rungsOf(hls.levels) });
      if (this.state.chosen !== null) hls.nextLevel = this.state.chosen;
      void this.play();
    });
    hls.on(Events.LEVEL_SWITCHED, (_, { level }) => this.become({ current: level }));
    hls.on(Events.FRAG_BUFFERED, () => {
      this.tries = NO_TRIES;
    });
    hls.on(Events.ERROR, (_, data) => this.onError(data));
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  private feedNatively(url: string): void {
    if (this.video.canPlayType(NATIVE) === '') {
      this.become({ status: 'failed' });
      return;
    }
    this.video.src = url;
    this.video.load();
    void this.play();
  }

  private unload(): void {
    clearTimeout(this.retry);
    this.hls?.destroy();
    this.hls = null;
  }

  private onError({ fatal, type, details }: ErrorData): void {
    if (!fatal) return;
    console.warn('playback_error', type, details);
    this.onFault(FAULTS[type] ?? 'other');
  }

  private onFault(fault: Fault): void {
    const { tries, step } = recover(this.tries, fault, Math.random());
    this.tries = tries;
    clearTimeout(this.retry);
    switch (step.do) {
      case 'mend_media':
        this.hls?.recoverMediaError();
        void this.play();
        break;
      case 'load_again':
        this.become({ isWaiting: true });
        this.retry = setTimeout(() => this.loadAgain(), step.afterMs);
        break;
      case 'rebuild':
        this.retry = setTimeout(() => this.build(), step.afterMs);
        break;
      case 'give_up':
        this.unload();
        this.become({ status: 'failed', isWaiting: false });
    }
  }

  private loadAgain(): void {
    if (this.hls === null || this.url === null) return;
    // without a manifest there is nothing to go on with
    if (this.hls.levels.length === 0) this.hls.loadSource(this.url);
    else this.hls.startLoad();
  }

  private async playSilently(): Promise<void> {
    this.video.muted = true;
    this.become({ isSilenced: true });
    await this.video.play().catch(() => this.become({ isBlocked: true }));
  }

  private onVolume(): void {
    const { muted, volume } = this.video;
    if (!muted && this.state.isSilenced) this.become({ isSilenced: false });
    // what the browser's policy muted is not the viewer's wish
    if (!this.state.isSilenced) rememberLoudness({ volume, muted });
  }

  private become(change: Partial<PlaybackState>): void {
    this.state = { ...this.state, ...change };
    for (const watcher of this.watchers) watcher();
  }
}
