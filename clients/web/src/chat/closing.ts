/** What a close code means for us (RFC 6455, 7.4; ours in `chat/codes.py`), and how long to wait.  Pure. */

export type Closing = 'come_back' | 'renew_token' | 'account_gone' | 'flood' | 'outdated' | 'refused';

const BACKOFF_FIRST_MS = 500;
const BACKOFF_MOST_MS = 10_000;

export function closingOf(code: number): Closing {
  if (code >= 4000 && code < 4500) return 'come_back';
  switch (code) {
    // 1000 and 1005: somebody on the way closed politely, but not we
    case 1000:
    case 1001:
    case 1005:
    case 1006:
    case 1011:
    case 1012:
    case 1013:
    case 1014:
      return 'come_back';
    case 4501:
      return 'renew_token';
    case 4504:
      return 'account_gone';
    case 4502:
      return 'flood';
    case 4500:
    case 4503:
      return 'outdated';
    default:
      return 'refused';
  }
}

/** Full jitter above a floor: between a quarter and the whole of 0.5 s, 1 s, 2 s … 10 s; `random` is in [0, 1). */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(ceiling * (0.25 + 0.75 * random));
}
