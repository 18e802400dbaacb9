import { act, renderHook } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from './error';
import { usePolled } from './usePolled';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

async function pass(ms: number): Promise<void> {
  await act(() => vi.advanceTimersByTimeAsync(ms));
}

describe('usePolled', () => {
  it('asks at once and then at its pace, or only once', async () => {
    const often = vi.fn(() => Promise.resolve('often'));
    const once = vi.fn(() => Promise.resolve('once'));
    const polled = renderHook(() => [usePolled(often, 2000), usePolled(once, 0)] as const);
    await pass(6100);
    expect(often).toHaveBeenCalledTimes(4);
    expect(once).toHaveBeenCalledTimes(1);
    expect(polled.result.current.map((one) => one.data)).toEqual(['often', 'once']);
  });

  it('backs off while it fails, keeps the last answer, and recovers', async () => {
    let isUp = true;
    const load = vi.fn(() => (isUp ? Promise.resolve('good') : Promise.reject(new ApiError('network', 0, ''))));
    const { result } = renderHook(() => usePolled(load, 1000));
    await pass(0);
    isUp = false;
    await pass(60_000);
    expect(result.current.error?.code).toBe('network');
    expect(result.current.data).toBe('good');
    expect(load.mock.calls.length).toBeLessThan(10);
    isUp = true;
    await pass(61_000);
    expect(result.current.error).toBeNull();
  });

  it('rests while the page is hidden and asks when it is shown again', async () => {
    const load = vi.fn(() => Promise.resolve(1));
    renderHook(() => usePolled(load, 1000));
    await pass(0);
    const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    await pass(10_000);
    expect(load).toHaveBeenCalledTimes(1);
    visibility.mockReturnValue('visible');
    document.dispatchEvent(new Event('visibilitychange'));
    await pass(0);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('aborts and forgets when what it asks changes, and when the page is left', async () => {
    const signals: AbortSignal[] = [];
    const first = (signal: AbortSignal) => {
      signals.push(signal);
      return new Promise<string>(() => undefined);
    };
    const second = (signal: AbortSignal) => {
      signals.push(signal);
      return Promise.resolve('second');
    };
    const hook = renderHook(({ load }: { load: (signal: AbortSignal) => Promise<string> }) => usePolled(load, 1000), {
      initialProps: { load: first },
    });
    hook.rerender({ load: second });
    await pass(0);
    expect(signals[0]?.aborted).toBe(true);
    expect(hook.result.current.data).toBe('second');
    hook.unmount();
    expect(signals[1]?.aborted).toBe(true);
    await pass(5000);
    expect(signals).toHaveLength(2);
  });
});
