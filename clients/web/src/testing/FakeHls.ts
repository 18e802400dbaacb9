/** As much of hls.js as `Playback` uses; tests drive it through `FakeHls.last`. */
export class FakeHls {
  static made: FakeHls[] = [];
  static hasMediaSource = true;
  levels: { height: number; frameRate: number; bitrate: number }[] = [];
  nextLevel = -1;
  liveSyncPosition: number | null = null;
  latency = 0;
  targetLatency: number | null = null;
  latestLevelDetails = null;
  playingDate: Date | null = null;
  bandwidthEstimate = 3_000_000;
  isDestroyed = false;
  readonly sources: string[] = [];
  starts = 0;
  mended = 0;
  private readonly listeners = new Map<string, ((name: string, data: unknown) => void)[]>();

  constructor(readonly config: Record<string, unknown>) {
    FakeHls.made.push(this);
  }

  static get last(): FakeHls {
    const last = FakeHls.made.at(-1);
    if (last === undefined) throw new Error('no player was made');
    return last;
  }

  static isSupported(): boolean {
    return FakeHls.hasMediaSource;
  }

  on(name: string, listener: (name: string, data: unknown) => void): void {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
  }

  says(name: string, data: unknown = {}): void {
    for (const listener of this.listeners.get(name) ?? []) listener(name, data);
  }

  /** The manifest is there. */
  parsed(): void {
    this.levels = [{ height: 720, frameRate: 30, bitrate: 2_500_000 }];
    this.says(FAKE_EVENTS.MANIFEST_PARSED);
  }

  fails(type: string, code = 0): void {
    this.says(FAKE_EVENTS.ERROR, { fatal: true, type, details: 'test', response: { code } });
  }

  loadSource(address: string): void {
    this.sources.push(address);
  }

  attachMedia(): void {
    // nothing feeds the element here
  }

  startLoad(): void {
    this.starts += 1;
  }

  recoverMediaError(): void {
    this.mended += 1;
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}

export const FAKE_EVENTS = {
  MANIFEST_PARSED: 'hlsManifestParsed',
  LEVEL_SWITCHED: 'hlsLevelSwitched',
  FRAG_BUFFERED: 'hlsFragBuffered',
  ERROR: 'hlsError',
} as const;
