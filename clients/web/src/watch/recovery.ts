/** What to do about a player's fatal error: bounded tries, growing pauses with jitter.  Pure. */

export type Fault = 'network' | 'media' | 'other';

export interface Tries {
  network: number;
  media: number;
  rebuilt: number;
}

export type Step =
  | { do: 'load_again'; afterMs: number }
  | { do: 'mend_media' }
  | { do: 'rebuild'; afterMs: number }
  | { do: 'give_up' };

export const NO_TRIES: Tries = { network: 0, media: 0, rebuilt: 0 };
const NETWORK_MAX = 10;
const MEDIA_MAX = 2;
const REBUILD_MAX = 3;
const FIRST_MS = 500;
const MOST_MS = 20_000;

/** `random` is in [0, 1).  Tries start anew (`NO_TRIES`) once something was buffered. */
export function recover(tries: Tries, fault: Fault, random: number): { tries: Tries; step: Step } {
  if (fault === 'network') {
    if (tries.network >= NETWORK_MAX) return { tries, step: { do: 'give_up' } };
    const afterMs = pauseMs(tries.network, random);
    return { tries: { ...tries, network: tries.network + 1 }, step: { do: 'load_again', afterMs } };
  }
  if (fault === 'media' && tries.media < MEDIA_MAX) {
    return { tries: { ...tries, media: tries.media + 1 }, step: { do: 'mend_media' } };
  }
  if (tries.rebuilt >= REBUILD_MAX) return { tries, step: { do: 'give_up' } };
  const afterMs = pauseMs(tries.rebuilt + 1, random);
  return { tries: { ...tries, media: 0, rebuilt: tries.rebuilt + 1 }, step: { do: 'rebuild', afterMs } };
}

function pauseMs(attempt: number, random: number): number {
  return Math.round(Math.min(MOST_MS, FIRST_MS * 2 ** attempt) * (0.5 + random / 2));
}
