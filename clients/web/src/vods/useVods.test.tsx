import { act, renderHook } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiContext } from '../api/context';
import { openDoors } from '../api/doors';
import { Http } from '../api/http';
import { vod } from '../testing/cards';
import { FakeServer } from '../testing/FakeServer';
import { useVods } from './useVods';

const LIST = 'GET /channels/anna/vods';
let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer().install().on(LIST, { body: { vods: [vod('b1')], next: null } });
});
afterEach(() => vi.useRealTimers());

/** By the second: the page is drawn between the steps only. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left >= 0; left -= 1000) await act(() => vi.advanceTimersByTimeAsync(Math.min(left, 1000)));
}
const asked = () => server.callsOf(LIST).length;

function show(isAwaited: boolean) {
  const api = openDoors(new Http());
  const wrapper = ({ children }: { children: ReactNode }) => <ApiContext value={api}>{children}</ApiContext>;
  return renderHook((awaited: boolean) => useVods('anna', awaited), { wrapper, initialProps: isAwaited });
}

describe('useVods', () => {
  it('asks for a recording that is awaited, and gives up in the end', async () => {
    const list = show(false);
    await pass(60_000);
    expect(asked()).toBe(1);
    list.rerender(true);
    await pass(15_000);
    expect(asked()).toBeGreaterThan(5);
    await pass(10_000);
    const most = asked();
    expect(most).toBeLessThan(11);
    await pass(120_000);
    expect(asked()).toBe(most);
  });

  it('is patient anew with the next one', async () => {
    const list = show(true);
    await pass(60_000);
    list.rerender(false);
    await pass(60_000);
    const before = asked();
    list.rerender(true);
    await pass(10_000);
    expect(asked()).toBeGreaterThan(before + 2);
  });
});
