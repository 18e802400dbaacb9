/** A recording's address and state.  Pure. */

import type { Vod } from '../api/types';

export function addressOf(slug: string, publicId: string): string {
  return `/${encodeURIComponent(slug)}/v/${encodeURIComponent(publicId)}`;
}

/** Whether there is something to play: a broadcast that ends is a recording within seconds. */
export function isWatchable(vod: Vod): boolean {
  return vod.state === 'ready' && vod.duration_seconds > 0;
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** `1.4 GB`, in thousands as shops count them. */
export function sizeText(bytes: number, locale: string): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: UNITS[unit] ?? 'byte',
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 && unit > 1 ? 1 : 0,
  }).format(value);
}
