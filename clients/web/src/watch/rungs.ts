/** The ladder as the quality menu shows it.  Pure. */

export interface Rung {
  /** Its place in hls.js' list. */
  index: number;
  /** Its lines: the shorter side. */
  height: number | null;
  fps: number | null;
  kbps: number;
}

export interface LevelLike {
  width?: number;
  height: number;
  frameRate: number;
  bitrate: number;
}

/** From the tallest down; a rung without a picture is the sound alone, last. */
export function rungsOf(levels: readonly LevelLike[]): Rung[] {
  return levels
    .map(({ width, height, frameRate, bitrate }, index) => ({
      index,
      height: height > 0 ? linesOf(width, height) : null,
      fps: frameRate > 0 ? Math.round(frameRate) : null,
      kbps: Math.round(bitrate / 1000),
    }))
    .sort((one, other) => (other.height ?? 0) - (one.height ?? 0) || other.kbps - one.kbps);
}

/** What a picture is called by: its shorter side, for one that is held upright too. */
function linesOf(width: number | undefined, height: number): number {
  return width !== undefined && width > 0 ? Math.min(width, height) : height;
}

/** The rung of this place in hls.js' list. */
export function rungAt(rungs: readonly Rung[], place: number | null): Rung | undefined {
  return rungs.find(({ index }) => index === place);
}

/** Has the rung that plays no picture?  Not known where the browser's own player plays: it names no rungs. */
export function isSoundAlone(rungs: readonly Rung[], current: number | null): boolean {
  return rungAt(rungs, current)?.height === null;
}

/** `1080p60`, `720p`; null for sound alone. */
export function rungName(rung: Rung): string | null {
  if (rung.height === null) return null;
  return rung.fps !== null && rung.fps > 30 ? `${rung.height}p${rung.fps}` : `${rung.height}p`;
}
