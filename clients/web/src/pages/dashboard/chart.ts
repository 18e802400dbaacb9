/** A line through figures over time, as coordinates.  Pure. */

import type { BroadcastAnalytics, ChartSeries, HealthChart } from '../../api/types';

export interface Point {
  at_ms: number;
  /** Null: nothing was measured, the line has a gap. */
  value: number | null;
}

/** A series of the server's as points, each in the middle of its span; nulls at both ends are left out. */
export function pointsOf(chart: HealthChart, name: ChartSeries): Point[] {
  const stepMs = chart.step_seconds * 1000;
  const points = (chart.series[name] ?? []).map((value, index) => ({ at_ms: chart.from_ms + (index + 0.5) * stepMs, value }));
  const first = points.findIndex(({ value }) => value !== null);
  return first === -1 ? [] : points.slice(first, points.findLastIndex(({ value }) => value !== null) + 1);
}

const MINUTE_MS = 60_000;

/** The most viewers of each minute, in its middle. */
export function viewersOf({ at_ms, viewers_max }: BroadcastAnalytics): Point[] {
  return at_ms.map((at, index) => ({ at_ms: at + MINUTE_MS / 2, value: viewers_max[index] ?? null }));
}

/** Null of nothing. */
export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export interface Drawing {
  /** The lower end of the scale: 0, or a round number below it. */
  bottom: number;
  /** One SVG path; a gap begins it anew. */
  path: string;
  /** The upper end of the scale, a round number. */
  top: number;
  latest: number | null;
  least: number | null;
  most: number | null;
}

/** A round number not below `value`: 1, 2, 2.5 or 5 times a power of ten. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= value - 1e-9) ?? 10;
  return step * power;
}

/** The points between `fromMs` and `toMs` in a box of `width` × `height`, from 0, or a round number below, to one above. */
export function draw(points: readonly Point[], fromMs: number, toMs: number, width: number, height: number): Drawing {
  const shown = points.filter(({ at_ms }) => at_ms >= fromMs && at_ms <= toMs);
  const values = shown.flatMap(({ value }) => (value === null ? [] : [value]));
  const most = values.length === 0 ? null : Math.max(...values);
  const least = values.length === 0 ? null : Math.min(...values);
  // decibels are below zero
  const top = most !== null && most < 0 ? 0 : roundUp(most ?? 0);
  const bottom = least !== null && least < 0 ? -roundUp(-least) : 0;
  const x = (ms: number) => round(((ms - fromMs) / Math.max(1, toMs - fromMs)) * width);
  const y = (value: number) => round(height - ((value - bottom) / (top - bottom)) * height);
  let path = '';
  let isDrawing = false;
  for (const { at_ms, value } of shown) {
    if (value === null) {
      isDrawing = false;
      continue;
    }
    path += `${isDrawing ? 'L' : 'M'}${x(at_ms)} ${y(value)}`;
    isDrawing = true;
  }
  return {
    path,
    top,
    bottom,
    latest: values.at(-1) ?? null,
    least,
    most,
  };
}

/** At most `count` points for a table, the last of each equal span. */
export function sampled(points: readonly Point[], count: number): Point[] {
  if (points.length <= count) return [...points];
  return Array.from({ length: count }, (_, index) => points[Math.ceil(((index + 1) * points.length) / count) - 1]).filter(
    (point) => point !== undefined,
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
