import type { LadderWish } from '../../api/types';

/** The wish with this changed, `undefined` being the site's; null once nothing is wished for. */
export function wishWith(
  wish: LadderWish,
  change: { [Name in keyof LadderWish]: LadderWish[Name] | undefined },
): LadderWish | null {
  const wished = Object.entries({ ...wish, ...change }).filter(([, value]) => value !== undefined);
  return wished.length === 0 ? null : Object.fromEntries(wished);
}
