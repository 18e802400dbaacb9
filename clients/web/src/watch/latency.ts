/** How far behind the camera a picture is.  Pure. */

/** Two clocks may differ by this much before the encoder's or the viewer's is taken to be wrong. */
const CLOCKS_SECONDS = 20;

/**
 * Seconds.  `shownMs` is PROGRAM-DATE-TIME of the picture, by the server's clock; `edgeSeconds` the distance from the live
 * edge, which no clock can falsify but which leaves out what passes before the edge.
 */
export function latencyOf(shownMs: number | null, edgeSeconds: number | null, nowMs: number): number | null {
  const edge = edgeSeconds !== null && edgeSeconds > 0 ? edgeSeconds : null;
  if (shownMs === null) return edge;
  const dated = (nowMs - shownMs) / 1000;
  if (edge !== null && (dated < 0 || Math.abs(dated - edge) > CLOCKS_SECONDS)) return edge;
  return Math.max(0, dated);
}

/** When what a browser plays by itself was made: `getStartDate` is Safari's. */
export function nativeDateMs(video: { currentTime: number; getStartDate?: () => Date }): number | null {
  const start = video.getStartDate?.().getTime();
  return start === undefined || Number.isNaN(start) ? null : start + video.currentTime * 1000;
}
