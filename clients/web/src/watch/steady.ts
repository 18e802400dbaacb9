/** Keeps a live picture near the edge and out of stalls: the shell around `cushion.ts`. */

import type Hls from 'hls.js';
import type { LevelDetails } from 'hls.js';
import { afterCalm, afterStall, hasDrifted, isFresh, mayGoOn, NO_CUSHION } from './cushion';
import { aheadOf } from './timeline';

const TURN_MS = 100;

export class Steady {
  /** Whether the viewer wants to be at the edge; a pause or a step back says no. */
  isFollowing = true;
  private cushion = NO_CUSHION;
  private dryMs: number | null = null;
  private wetMs: number | null = null;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly hls: Hls,
    private readonly video: HTMLVideoElement,
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.timer = setInterval(() => this.turn(), TURN_MS);
  }

  close(): void {
    clearInterval(this.timer);
    this.release();
  }

  /** The picture ran dry while it played. */
  onDry(): void {
    if (this.dryMs !== null || !this.isFollowing || this.details()?.live !== true) return;
    this.dryMs = this.nowMs();
    this.wetMs = null;
    // stands without being "paused": nobody pressed anything
    this.video.playbackRate = 0;
  }

  private turn(): void {
    const details = this.details();
    const now = this.nowMs();
    if (this.dryMs !== null) this.look(details, now);
    this.aim(afterCalm(this.cushion, now), details);
    const target = this.hls.targetLatency ?? 0;
    const { liveSyncPosition } = this.hls;
    if (
      this.isFollowing &&
      details?.live === true &&
      liveSyncPosition !== null &&
      !this.video.paused &&
      !this.video.seeking &&
      liveSyncPosition > this.video.currentTime &&
      details.age < details.targetduration &&
      hasDrifted(this.hls.latency, target)
    ) {
      this.release();
      this.video.currentTime = liveSyncPosition;
    }
  }

  /** While it stands: may it go on? */
  private look(details: LevelDetails | null, now: number): void {
    const ahead = aheadOf(this.video.buffered, this.video.currentTime);
    const part = details === null ? 0 : details.partTarget || details.targetduration;
    if (isFresh(ahead, part)) this.wetMs ??= now;
    const isOver = details?.live !== true || this.video.paused || this.video.seeking || !this.isFollowing;
    const target = this.hls.targetLatency ?? 0;
    const held = this.wetMs === null ? 0 : now - this.wetMs;
    if (!isOver && !mayGoOn(ahead, target, part, held)) return;
    const stalledMs = now - (this.dryMs ?? now);
    this.release();
    if (!isOver) this.aim(afterStall(this.cushion, stalledMs, now), details);
  }

  private aim(cushion: typeof NO_CUSHION, details: LevelDetails | null): void {
    if (cushion.extraSeconds !== this.cushion.extraSeconds && details !== null) {
      this.hls.targetLatency = (details.partHoldBack || details.holdBack) + cushion.extraSeconds;
    }
    this.cushion = cushion;
  }

  private release(): void {
    this.dryMs = null;
    this.wetMs = null;
    if (this.video.playbackRate === 0) this.video.playbackRate = 1;
  }

  private details(): LevelDetails | null {
    return this.hls.latestLevelDetails;
  }
}
