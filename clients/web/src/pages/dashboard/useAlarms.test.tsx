import { act, renderHook } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SessionContext } from '../../session/context';
import type { SessionKeeper, SessionState } from '../../session/keeper';
import { FakeSocket } from '../../testing/FakeSocket';
import { ANNA } from '../../testing/renderPage';
import { useAlarms } from './useAlarms';

const token = vi.fn<() => Promise<string | null>>();
const STATE: SessionState = { status: 'signedIn', account: ANNA };
/** It never changes: nothing but the hook itself asks again. */
const KEEPER = {
  subscribe: () => () => undefined,
  snapshot: () => STATE,
  token,
} as unknown as SessionKeeper;

function listen() {
  const wrapper = ({ children }: { children: ReactNode }) => <SessionContext value={KEEPER}>{children}</SessionContext>;
  return renderHook(() => useAlarms('anna', true, () => undefined), { wrapper });
}

const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(1);
  token.mockReset();
  FakeSocket.install();
});

afterEach(() => vi.useRealTimers());

it('asks for its token again, less and less often, while the server is away', async () => {
  token.mockRejectedValue(new TypeError('away'));
  listen();
  await pass(0);
  expect(token).toHaveBeenCalledTimes(1);
  await pass(1000);
  expect(token).toHaveBeenCalledTimes(2);
  await pass(1999);
  expect(token).toHaveBeenCalledTimes(2);
  token.mockResolvedValue('token-2');
  await pass(1);
  expect(FakeSocket.last?.sent).toEqual([{ t: 'hello', token: 'token-2' }]);
});

it('gives up when there is no session any more', async () => {
  token.mockResolvedValue(null);
  listen();
  await pass(600_000);
  expect(token).toHaveBeenCalledTimes(1);
  expect(FakeSocket.last).toBeNull();
});

it('asks no more once its page is gone', async () => {
  token.mockRejectedValue(new TypeError('away'));
  const { unmount } = listen();
  await pass(0);
  unmount();
  await pass(600_000);
  expect(token).toHaveBeenCalledTimes(1);
});
