/** How a viewer fares: the first picture, stalls, time watched.  Pure: told what happens and when, in milliseconds. */

export interface Figures {
  /** From the wish to play to the first picture; null until there is one. */
  startupMs: number | null;
  playedMs: number;
  stalls: number;
  stalledMs: number;
}

export class Experience {
  private wishedMs: number | null = null;
  private firstMs: number | null = null;
  private playingSinceMs: number | null = null;
  private drySinceMs: number | null = null;
  private playedMs = 0;
  private stalledMs = 0;
  private stallCount = 0;

  /** The viewer, or the page for them, wants the picture. */
  onWish(now: number): void {
    this.wishedMs ??= now;
  }

  /** The browser wants a click first: what it waits for that is not the line's. */
  onBlocked(): void {
    if (this.firstMs === null) this.wishedMs = null;
  }

  /** It moves. */
  onPlaying(now: number): void {
    this.firstMs ??= now;
    this.settle(now);
    this.playingSinceMs = now;
  }

  /** It ran dry.  Before the first picture that is a part of starting, while seeking what the viewer asked for. */
  onDry(now: number, isSeeking: boolean): void {
    if (this.firstMs === null || this.drySinceMs !== null) return;
    this.settle(now);
    if (isSeeking) return;
    this.stallCount += 1;
    this.drySinceMs = now;
  }

  /** The viewer stopped it, or it is over. */
  onStopped(now: number): void {
    this.settle(now);
  }

  figures(now: number): Figures {
    const isStarted = this.firstMs !== null && this.wishedMs !== null;
    return {
      startupMs: isStarted ? Math.round((this.firstMs ?? 0) - (this.wishedMs ?? 0)) : null,
      playedMs: Math.round(this.playedMs + since(this.playingSinceMs, now)),
      stalls: this.stallCount,
      stalledMs: Math.round(this.stalledMs + since(this.drySinceMs, now)),
    };
  }

  private settle(now: number): void {
    this.playedMs += since(this.playingSinceMs, now);
    this.stalledMs += since(this.drySinceMs, now);
    this.playingSinceMs = null;
    this.drySinceMs = null;
  }
}

function since(startMs: number | null, now: number): number {
  return startMs === null ? 0 : Math.max(0, now - startMs);
}
