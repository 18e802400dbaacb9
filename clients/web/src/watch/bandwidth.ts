import { recall, remember } from '../preferences/storage';

const KEY = 'leams.bandwidth';

/** What the last visit measured, bits a second; null: never. */
export function recallBandwidth(): number | null {
  const bps = Number(recall(KEY));
  return bps > 0 ? bps : null;
}

export function rememberBandwidth(bps: number): void {
  remember(KEY, String(Math.round(bps)));
}
