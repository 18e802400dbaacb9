/** What to do about a player's fatal error: pauses that grow, with jitter, for as long as there is something on.  Pure. */

export type Fault = 'network' | 'media' | 'other';

export interface Tries {
  network: number;
  media: number;
  rebuilt: number;
}

export type Step = { do: 'load_again'; afterMs: number } | { do: 'mend_media' } | { do: 'rebuild'; afterMs: number };

export const NO_TRIES: Tries = { network: 0, media: 0, rebuilt: 0 };
/** So many loads in vain and the player begins anew: its own state may be the matter. */
const NETWORK_ROUND = 6;
const MEDIA_MAX = 2;
const FIRST_MS = 500;
/** An encoder that comes back is on the page within this time. */
const MOST_MS = 5000;
/** From here on it is said in words that it goes badly. */
const BAD_TRIES = 4;

/** `random` is in [0, 1).  Tries start anew (`NO_TRIES`) once something was buffered. */
export function recover(tries: Tries, fault: Fault, random: number): { tries: Tries; step: Step } {
  if (fault === 'network' && (tries.network + 1) % NETWORK_ROUND !== 0) {
    const afterMs = pauseMs(tries.network, random);
    return { tries: { ...tries, network: tries.network + 1 }, step: { do: 'load_again', afterMs } };
  }
  if (fault === 'media' && tries.media < MEDIA_MAX) {
    return { tries: { ...tries, media: tries.media + 1 }, step: { do: 'mend_media' } };
  }
  const afterMs = pauseMs(tries.rebuilt + 1, random);
  const network = fault === 'network' ? tries.network + 1 : tries.network;
  return { tries: { network, media: 0, rebuilt: tries.rebuilt + 1 }, step: { do: 'rebuild', afterMs } };
}

/** Whether the viewer should hear that it goes badly; the tries go on. */
export function isBad(tries: Tries): boolean {
  return tries.network + tries.rebuilt >= BAD_TRIES;
}

function pauseMs(attempt: number, random: number): number {
  return Math.round(Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10)) * (0.5 + random / 2));
}
