import { useCallback, useState } from 'react';
import { useApi } from '../api/context';
import { asApiError, type ApiError } from '../api/error';
import type { Vod } from '../api/types';
import { usePolled } from '../api/usePolled';
import { isWatchable } from './vod';

export interface VodList {
  /** Newest first; null until the first answer. */
  vods: Vod[] | null;
  error: ApiError | null;
  hasMore: boolean;
  isLoadingMore: boolean;
  more: () => Promise<void>;
  reload: () => void;
  /** After an edit, without asking again. */
  replace: (vod: Vod) => void;
  remove: (publicId: string) => void;
}

interface Later {
  of: unknown;
  vods: Vod[];
  next: number | null;
}

/** A new recording may appear, or one is not whole yet. */
const AWAITED_MS = 3000;
/** So many answers without it, some 20 s: nothing was recorded, or not for everybody. */
const AWAITED_ANSWERS = 7;

/** A channel's past broadcasts, a page at a time; asked again every 3 s while a recording `isAwaited`, though not for ever. */
export function useVods(slug: string, isAwaited: boolean): VodList {
  const api = useApi();
  const load = useCallback((signal: AbortSignal) => api.vods.list(slug, undefined, signal), [api, slug]);
  const [everyMs, setEvery] = useState(0);
  const first = usePolled(load, everyMs);
  const isDue = useAnswers(first.data, isAwaited) < AWAITED_ANSWERS;
  const wanted = (isAwaited && isDue) || (first.data?.vods.some((vod) => !isWatchable(vod)) ?? false) ? AWAITED_MS : 0;
  if (wanted !== everyMs) setEvery(wanted);
  const [later, setLater] = useState<Later | null>(null);
  const [isLoadingMore, setLoading] = useState(false);
  const [failure, setFailure] = useState<ApiError | null>(null);

  // pages that belong to an earlier first page are void
  const rest = later !== null && later.of === load ? later : null;
  const vods = first.data === null ? null : distinct([...first.data.vods, ...(rest?.vods ?? [])]);
  const next = rest === null ? (first.data?.next ?? null) : rest.next;

  const more = async () => {
    if (next === null || isLoadingMore) return;
    setLoading(true);
    setFailure(null);
    try {
      const page = await api.vods.list(slug, next);
      setLater({ of: load, vods: [...(rest?.vods ?? []), ...page.vods], next: page.next });
    } catch (caught) {
      setFailure(asApiError(caught));
    } finally {
      setLoading(false);
    }
  };
  const change = (map: (vods: Vod[]) => Vod[]) => {
    if (first.data !== null) first.replace({ ...first.data, vods: map(first.data.vods) });
    if (rest !== null) setLater({ ...rest, vods: map(rest.vods) });
  };
  return {
    vods,
    error: first.error ?? failure,
    hasMore: next !== null,
    isLoadingMore,
    more,
    reload: first.reload,
    replace: (vod) => change((all) => all.map((one) => (one.public_id === vod.public_id ? { ...one, ...vod } : one))),
    remove: (publicId) => change((all) => all.filter((one) => one.public_id !== publicId)),
  };
}

/** How many came while `isCounted`. */
function useAnswers(answer: unknown, isCounted: boolean): number {
  const [last, setLast] = useState({ answer, isCounted, count: 0 });
  if (last.answer === answer && last.isCounted === isCounted) return last.count;
  const count = isCounted && last.isCounted ? last.count + 1 : 0;
  setLast({ answer, isCounted, count });
  return count;
}

function distinct(vods: Vod[]): Vod[] {
  const seen = new Set<string>();
  return vods.filter(({ public_id }) => !seen.has(public_id) && seen.add(public_id));
}
