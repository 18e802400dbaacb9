import { act, fireEvent, screen } from '@testing-library/react';
import { useState } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { vod } from '../../testing/cards';
import { FakeServer } from '../../testing/FakeServer';
import { ANNA, renderPage } from '../../testing/renderPage';
import { RecordingsPanel } from './RecordingsPanel';

const LIST = 'GET /channels/anna/vods';
const PAGE = 30;
/** A first page that is full, `newest` on top. */
const page = (newest: number) => ({
  body: { vods: Array.from({ length: PAGE }, (_, place) => vod(`b${newest - place}`)), next: newest - PAGE },
});
function Page() {
  const [isLive, setLive] = useState(true);
  return (
    <>
      <button onClick={() => setLive(false)}>End</button>
      <RecordingsPanel slug="anna" isLive={isLive} />
    </>
  );
}

/** By the second: the page is drawn between the steps only. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left >= 0; left -= 1000) await act(() => vi.advanceTimersByTimeAsync(Math.min(left, 1000)));
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('RecordingsPanel', () => {
  it('asks until the new recording is there, on a full page too', async () => {
    const server = new FakeServer().install().on(LIST, page(100));
    renderPage(<Page />, { account: ANNA });
    await pass(0);
    fireEvent.click(screen.getByText('End'));
    await pass(4000);
    expect(server.callsOf(LIST)).toHaveLength(3);
    server.on(LIST, page(101));
    await pass(4000);
    const most = server.callsOf(LIST).length;
    await pass(10_000);
    expect(server.callsOf(LIST)).toHaveLength(most);
  });

  it('gives up where nothing was recorded', async () => {
    const server = new FakeServer().install().on(LIST, page(100));
    renderPage(<Page />, { account: ANNA });
    await pass(0);
    fireEvent.click(screen.getByText('End'));
    await pass(30_000);
    const most = server.callsOf(LIST).length;
    await pass(60_000);
    expect(server.callsOf(LIST)).toHaveLength(most);
  });
});
