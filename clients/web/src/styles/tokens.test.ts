import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const CSS = readFileSync('src/styles/tokens.css', 'utf8');
const SIDES = { light: 0, dark: 1 } as const;

/** A token's colour as sRGB bytes: `#rrggbb`, or a side of `light-dark()`. */
function colour(name: string, side: keyof typeof SIDES): [number, number, number] {
  const value = new RegExp(`--${name}: ([^;]+);`).exec(CSS)?.[1] ?? '';
  const hexes = value.match(/#[0-9a-f]{6}/g) ?? [];
  const hex = hexes.length === 2 ? hexes[SIDES[side]] : hexes[0];
  if (hex === undefined) throw new Error(`no colour in --${name}: ${value}`);
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
}

/** WCAG 2.2, relative luminance. */
function luminance(rgb: [number, number, number]): number {
  const [r, g, b] = rgb.map((byte) => {
    const share = byte / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(front: string, back: string, side: keyof typeof SIDES): number {
  const [high = 0, low = 0] = [front, back].map((name) => luminance(colour(name, side))).sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

const TEXT: readonly (readonly [string, readonly string[]])[] = [
  ['text', ['bg', 'surface', 'surface-2', 'surface-3', 'good-tint', 'warn-tint', 'bad-tint', 'accent-tint']],
  ['text-muted', ['bg', 'surface', 'surface-2']],
  ['accent-text', ['bg', 'surface', 'surface-2', 'accent-tint']],
  ['accent-ink', ['accent', 'accent-hover', 'bad-fill']],
  ['live-ink', ['live']],
  ['good', ['surface', 'good-tint']],
  ['warn', ['surface', 'warn-tint']],
  ['bad', ['surface', 'bad-tint']],
];

describe.each(['light', 'dark'] as const)('the %s colours', (side) => {
  const pairs = TEXT.flatMap(([front, backs]) => backs.map((back) => [front, back] as const));

  it.each(pairs)('let %s be read on %s (4.5 : 1)', (front, back) => {
    expect(contrast(front, back, side)).toBeGreaterThanOrEqual(4.5);
  });

  it('let the edge of a field be seen (3 : 1)', () => {
    expect(contrast('border-strong', 'surface', side)).toBeGreaterThanOrEqual(3);
    expect(contrast('border-strong', 'bg', side)).toBeGreaterThanOrEqual(3);
  });
});
