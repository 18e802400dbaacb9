/** One video element and what feeds it: hls.js, or the browser's own HLS where Media Source is missing. */

import type Hls from 'hls.js';
import type { ErrorData } from 'hls.js';
import { recallBandwidth, rememberBandwidth } from './bandwidth';
import { Experience, type Figures } from './experience';
import { isBad, NO_TRIES, recover, type Fault, type Tries } from './recovery';
import { Retry } from './retry';
import { rungsOf } from './rungs';
import { latencyOf, nativeDateMs } from './latency';
import { Sound } from './sound';
import { isSameSource, type Source } from './source';
import { IDLE, type PlaybackState } from './state';
import { Steady } from './steady';
import { clampTime, EDGE_SECONDS, edgeOf, isAtEdge, timelineOf, type Timeline } from './timeline';
import { tuningOf } from './tuning';

const NATIVE = 'application/vnd.apple.mpegurl';
/** What runs dry so soon after a seek is the seek's own loading. */
const SEEK_MS = 1500;
/** hls.js' `ErrorTypes`. */
const FAULTS: Partial<Record<string, Fault>> = { networkError: 'network', mediaError: 'media' };

export class Playback {
  readonly sound: Sound;
  /** Of what is loaded now. */
  private experience = new Experience();
  private state: PlaybackState = IDLE;
  private hls: Hls | null = null;
  private steady: Steady | null = null;
  private source: Source | null = null;
  /** Which of the source's addresses is tried. */
  private turn = 0;
  /** Where a recording goes on after the player began anew. */
  private resumeAt: number | null = null;
  private isFinishing = false;
  private soughtMs = -Infinity;
  private tries: Tries = NO_TRIES;
  private readonly retry = new Retry();
  private readonly watchers = new Set<() => void>();
  private readonly leaving = new AbortController();

  constructor(
    readonly video: HTMLVideoElement,
    isSilent = false,
  ) {
    const { signal } = this.leaving;
    this.sound = new Sound(video, signal, () => this.become({ isSilenced: this.sound.isSilenced }), isSilent);
    this.state = { ...IDLE, isSilenced: isSilent };
    const on = (name: keyof HTMLVideoElementEventMap, run: () => void) => video.addEventListener(name, run, { signal });
    on('waiting', () => this.onDry());
    on('playing', () => this.onPlaying());
    on('timeupdate', () => this.state.isWaiting && !video.seeking && video.playbackRate > 0 && this.onPlaying());
    on('pause', () => this.onPause());
    on('play', () => this.onPlay());
    on('ended', () => this.become({ isOver: true, isWaiting: false }));
    on('seeking', () => this.onSeeking());
    on('ratechange', () => video.playbackRate > 0 && this.source?.kind === 'vod' && this.become({ speed: video.playbackRate }));
    on('error', () => this.hls === null && this.source !== null && this.onFault('other', video.readyState === video.HAVE_NOTHING));
    window.addEventListener('online', () => this.wake(), { signal });
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  snapshot = (): PlaybackState => this.state;

  /** Play this, a live one from its edge; null stops. */
  load(source: Source | null): void {
    if (isSameSource(source, this.source)) return;
    this.source = source;
    this.isFinishing = false;
    this.tries = NO_TRIES;
    this.resumeAt = null;
    this.experience.onStopped(performance.now());
    if (source === null) {
      this.unload();
      this.video.pause();
      this.become({ ...IDLE, isSilenced: this.sound.isSilenced });
      return;
    }
    this.experience = new Experience();
    this.experience.onWish(performance.now());
    this.become({ isOver: false, speed: 1 });
    this.build(0);
  }

  /** Nothing more will come: what there is may be watched to its end. */
  finish(): void {
    this.isFinishing = true;
    if (this.state.status !== 'ready') this.load(null);
    else this.wake();
  }

  /** Do now what waits for its turn: something changed. */
  wake(): void {
    this.retry.now();
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

  setSpeed(speed: number): void {
    this.video.playbackRate = speed;
    this.become({ speed });
  }

  toEdge(): void {
    if (this.steady !== null) this.steady.isFollowing = true;
    const edge = this.edge();
    if (edge !== null) this.video.currentTime = edge;
    void this.play();
  }

  seekBy(seconds: number): void {
    this.seekTo(this.video.currentTime + seconds);
  }

  /** Seek within what can be played. */
  seekTo(time: number): void {
    const timeline = this.timeline();
    if (timeline === null) return;
    const target = clampTime(timeline, time);
    if (isAtEdge(timeline, target) && target > this.video.currentTime) {
      this.toEdge();
      return;
    }
    if (this.steady !== null) this.steady.isFollowing = isAtEdge(timeline, target);
    this.video.currentTime = target;
  }

  togglePlay(): void {
    if (this.video.paused) void this.play();
    else this.video.pause();
  }

  async play(): Promise<void> {
    if (await this.sound.play()) return;
    this.experience.onBlocked();
    this.become({ isBlocked: true });
  }

  /** Seconds between the encoder's clock and what is shown (PROGRAM-DATE-TIME); null while unknown. */
  latencySeconds(now = Date.now()): number | null {
    return latencyOf(this.shownMs(), this.hls?.latency ?? null, now);
  }

  /** When what is shown was made; null while unknown. */
  shownMs(): number | null {
    return this.hls === null ? nativeDateMs(this.video) : (this.hls.playingDate?.getTime() ?? null);
  }

  isAtEdge(): boolean {
    const edge = this.edge();
    return edge === null || edge - this.video.currentTime < EDGE_SECONDS;
  }

  /** Whether the viewer is to be at the live edge; where nothing holds them there, whether they are. */
  isFollowing(): boolean {
    return this.source?.kind === 'live' && (this.steady?.isFollowing ?? this.isAtEdge());
  }

  /** What can be sought in; null where nothing can. */
  timeline(): Timeline | null {
    if (this.source === null) return null;
    const { seekable, buffered, currentTime } = this.video;
    return timelineOf(this.source.kind, seekable, buffered, currentTime, this.edge());
  }

  figures(): Figures {
    return this.experience.figures(performance.now());
  }

  bandwidthKbps(): number | null {
    return this.hls === null ? null : Math.round(this.hls.bandwidthEstimate / 1000);
  }

  private edge(): number | null {
    return this.hls?.liveSyncPosition ?? edgeOf(this.video.seekable);
  }

  private build(turn = this.turn): void {
    this.unload();
    this.turn = turn;
    const address = this.source?.addresses[this.turn];
    if (this.source === null || address === undefined) return;
    const status = this.state.status === 'failed' ? 'failed' : 'loading';
    this.become({ status, rungs: [], current: null, isWaiting: false });
    void this.feed(this.source, address);
  }

  private async feed(source: Source, address: string): Promise<void> {
    // half of the page's code: the chat doesn't wait for it
    const module = await import('hls.js').catch(() => null);
    if (source !== this.source || this.hls !== null || this.leaving.signal.aborted) return;
    if (module === null) {
      this.onFault('other', false);
      return;
    }
    const { default: Player, Events } = module;
    if (!Player.isSupported()) {
      this.feedNatively(source, address);
      return;
    }
    const hls = new Player({
      ...tuningOf(source.kind, recallBandwidth(), source.token),
      ...(this.resumeAt !== null && { startPosition: this.resumeAt }),
    });
    this.hls = hls;
    if (source.kind === 'live') this.steady = new Steady(hls, this.video);
    hls.on(Events.MANIFEST_PARSED, () => {
      this.become({ rungs: rungsOf(hls.levels) });
      if (this.state.chosen !== null) hls.nextLevel = this.state.chosen;
      void this.play();
    });
    hls.on(Events.LEVEL_SWITCHED, (_, { level }) => this.become({ current: level }));
    hls.on(Events.FRAG_BUFFERED, () => {
      this.tries = NO_TRIES;
      if (this.state.status === 'failed') this.become({ status: 'ready' });
    });
    hls.on(Events.ERROR, (_, data) => this.onError(data));
    hls.loadSource(address);
    hls.attachMedia(this.video);
  }

  private feedNatively(source: Source, address: string): void {
    // the browser's own player shows no token
    if (source.token !== null || this.video.canPlayType(NATIVE) === '') {
      this.become({ status: 'unsupported' });
      return;
    }
    this.video.src = address;
    this.video.load();
    void this.play();
  }

  private unload(): void {
    this.retry.drop();
    this.steady?.close();
    this.steady = null;
    const { hls } = this;
    if (hls === null) return;
    if (this.state.status === 'ready') rememberBandwidth(hls.bandwidthEstimate);
    if (this.source?.kind === 'vod' && this.video.currentTime > 0) this.resumeAt = this.video.currentTime;
    hls.destroy();
    this.hls = null;
  }

  private onError({ fatal, type, details, response }: ErrorData): void {
    if (!fatal) return;
    console.warn('playback_error', type, details);
    this.onFault(FAULTS[type] ?? 'other', response?.code === 404 && this.hls?.levels.length === 0);
  }

  /** `isMissing`: nothing may be at this address.  The browser's own player tells no more than that it got nothing. */
  private onFault(fault: Fault, isMissing: boolean): void {
    if (isMissing && this.source !== null && this.turn + 1 < this.source.addresses.length) {
      this.build(this.turn + 1);
      return;
    }
    if (this.isFinishing) {
      this.load(null);
      return;
    }
    const { tries, step } = recover(this.tries, fault, Math.random());
    this.tries = tries;
    this.become({ isWaiting: true, ...(isBad(tries) && { status: 'failed' as const }) });
    switch (step.do) {
      case 'mend_media':
        this.hls?.recoverMediaError();
        void this.play();
        break;
      case 'load_again':
        this.retry.later(step.afterMs, () => this.loadAgain());
        break;
      case 'rebuild':
        // what was missing may be there by now
        this.retry.later(step.afterMs, () => this.build(0));
    }
  }

  private loadAgain(): void {
    const address = this.source?.addresses[this.turn];
    if (this.hls === null || address === undefined) this.build();
    // without a manifest there is nothing to go on with
    else if (this.hls.levels.length === 0) this.hls.loadSource(address);
    else this.hls.startLoad();
  }

  private onSeeking(): void {
    this.soughtMs = performance.now();
    if (this.state.isOver) this.become({ isOver: false });
  }

  private onDry(): void {
    const now = performance.now();
    const isSeeking = this.video.seeking || now - this.soughtMs < SEEK_MS;
    this.experience.onDry(now, isSeeking);
    if (this.state.status === 'ready' && !isSeeking) this.steady?.onDry();
    this.become({ isWaiting: true });
  }

  private onPlaying(): void {
    // stands until there is enough in hand again; `timeupdate` tells when it moves
    if (this.video.playbackRate === 0) return;
    this.experience.onPlaying(performance.now());
    this.become({ isWaiting: false, isBlocked: false, isOver: false, status: 'ready' });
  }

  private onPause(): void {
    this.experience.onStopped(performance.now());
    if (this.steady !== null) this.steady.isFollowing = false;
  }

  private onPlay(): void {
    this.experience.onWish(performance.now());
    if (this.steady !== null) this.steady.isFollowing = this.isAtEdge();
  }

  private become(change: Partial<PlaybackState>): void {
    this.state = { ...this.state, ...change };
    for (const watcher of this.watchers) watcher();
  }
}
