/** One thing that waits for its turn, and can be done sooner. */
export class Retry {
  private waiting: { timer: ReturnType<typeof setTimeout>; then: () => void } | null = null;

  /** In place of what waited so far. */
  later(afterMs: number, then: () => void): void {
    this.drop();
    this.waiting = { timer: setTimeout(() => this.now(), afterMs), then };
  }

  now(): void {
    const { waiting } = this;
    this.drop();
    waiting?.then();
  }

  drop(): void {
    if (this.waiting !== null) clearTimeout(this.waiting.timer);
    this.waiting = null;
  }
}
