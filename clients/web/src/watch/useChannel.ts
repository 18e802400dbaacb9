import { useCallback, useEffect, useState } from 'react';
import { useApi } from '../api/context';
import type { ApiError } from '../api/error';
import type { Channel } from '../api/types';
import { usePolled } from '../api/usePolled';

/** While the chat can't tell us what is on. */
const ASK_MS = 5000;

export interface ChannelHandle {
  channel: Channel | null;
  error: ApiError | null;
  reload: () => void;
  replace: (channel: Channel) => void;
}

/** The channel by its address; asked again every 5 s while `isTold` is false. */
export function useChannel(slug: string, isTold: boolean): ChannelHandle {
  const api = useApi();
  const load = useCallback((signal: AbortSignal) => api.channels.read(slug, signal), [api, slug]);
  const { data, error, reload, replace } = usePolled(load, isTold ? 0 : ASK_MS);
  return { channel: data, error, reload, replace };
}

/** Whether this value was ever true while the page was here. */
export function useEver(value: boolean): boolean {
  const [was, setWas] = useState(value);
  if (value && !was) setWas(true);
  return was || value;
}

/** Run when `value` changes, not at first. */
export function useOnChange(value: string, run: () => void): void {
  const [last, setLast] = useState(value);
  useEffect(() => {
    if (value === last) return;
    const timer = setTimeout(() => {
      setLast(value);
      run();
    }, 0);
    return () => clearTimeout(timer);
  }, [value, last, run]);
}
