import { useCallback, useEffect, useRef, useState } from 'react';
import { asApiError, isAborted, type ApiError } from './error';

export interface Polled<T> {
  /** The last good answer; it stays while later ones fail. */
  data: T | null;
  /** Why the last attempt failed; null once one succeeds. */
  error: ApiError | null;
  /** Ask now, without waiting for the turn. */
  reload: () => void;
  /** Put a better answer in place, such as the reply to an edit. */
  replace: (data: T) => void;
}

const SLOWEST_MS = 60_000;

/**
 * Ask now and then every `everyMs` (0: once) while the page is visible; failures back off with jitter up to a minute.
 * `load` must be stable (useCallback): a new one forgets the old answer and asks again.
 */
export function usePolled<T>(load: (signal: AbortSignal) => Promise<T>, everyMs: number): Polled<T> {
  const [answer, setAnswer] = useState<{ load: unknown; data: T | null; error: ApiError | null }>({
    load,
    data: null,
    error: null,
  });
  const kick = useRef<() => void>(() => undefined);

  useEffect(() => {
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    let isBusy = false;
    const isGone = () => leaving.signal.aborted;

    const later = () => {
      clearTimeout(timer);
      if (isGone() || (everyMs === 0 && failures === 0)) return;
      const pause = Math.max(everyMs, failures === 0 ? 0 : 1000 * 2 ** Math.min(failures - 1, 6));
      const jitter = failures === 0 ? 0 : Math.random() * 1000;
      timer = setTimeout(() => void ask(), Math.min(pause, Math.max(SLOWEST_MS, everyMs)) + jitter);
    };
    const ask = async () => {
      if (isBusy || isGone()) return;
      if (document.visibilityState === 'hidden') return; // `onVisible` asks again
      isBusy = true;
      clearTimeout(timer);
      try {
        const data = await load(leaving.signal);
        failures = 0;
        if (!isGone()) setAnswer({ load, data, error: null });
      } catch (caught) {
        if (isAborted(caught) || isGone()) return;
        failures += 1;
        const error = asApiError(caught);
        setAnswer((last) => ({ load, data: last.load === load ? last.data : null, error }));
      } finally {
        isBusy = false;
      }
      later();
    };
    const onVisible = () => {
      if (document.visibilityState === 'visible' && (everyMs > 0 || failures > 0)) void ask();
    };

    kick.current = () => void ask();
    document.addEventListener('visibilitychange', onVisible);
    void ask();
    return () => {
      leaving.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [load, everyMs]);

  const reload = useCallback(() => kick.current(), []);
  const replace = useCallback((data: T) => setAnswer({ load, data, error: null }), [load]);
  const isStale = answer.load !== load;
  return { data: isStale ? null : answer.data, error: isStale ? null : answer.error, reload, replace };
}
