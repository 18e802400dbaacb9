import { act, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BroadcastHealth, StreamKey } from '../../api/types';
import { channel, vod } from '../../testing/cards';
import { FakeSocket } from '../../testing/FakeSocket';
import { FakeServer } from '../../testing/FakeServer';
import { ANNA, renderPage } from '../../testing/renderPage';
import DashboardPage from './DashboardPage';

const HEALTH = 'GET /channels/anna/broadcast';
const KEYS = 'GET /channels/anna/stream-keys';
const OFFLINE: BroadcastHealth = {
  state: 'offline',
  public_id: null,
  since_ms: null,
  source: null,
  renditions: [],
  speed: null,
  warnings: [],
  refused: null,
  viewers: 0,
  visibility: 'public',
  is_test: false,
  next_is_test: false,
  ladder: null,
  playlist: null,
  health: [],
};
const LIVE: BroadcastHealth = {
  ...OFFLINE,
  state: 'live',
  public_id: 'x',
  since_ms: Date.now() - 300_000,
  source: {
    width: 1280,
    height: 720,
    fps: 30,
    video_codec: 'h264',
    audio_codec: 'aac',
    video_kbps: 2900,
    audio_kbps: 128,
    keyframe_seconds: 8,
  },
  renditions: [{ name: '720p30', width: 1280, height: 720, fps: 30, kbps: 2800 }],
  speed: 1,
  refused: { at_ms: Date.now() - 120_000, code: 'already_live', message: 'no' },
  viewers: 5,
  health: [
    { metric: 'video_kbps', value: 2900, unit: 'kbps', verdict: 'good', code: 'ok', advice: 'Fine.' },
    { metric: 'keyframe_seconds', value: 8, unit: 's', verdict: 'bad', code: 'keyframes_far_apart', advice: 'Mend it.' },
    { metric: 'novelty', value: 1, unit: '', verdict: 'warn', code: 'novelty', advice: 'Something new.' },
  ],
};
const OLD_KEY: StreamKey = { id: 3, label: 'Studio', created_ms: 1, last_used_ms: null, revoked: false };

const CHART = {
  step_seconds: 2,
  from_ms: Date.now() - 60_000,
  series: { video_kbps: [null, 2800, 2900], fps: [30, 30, 30], audio_db: [-20, null, -18] },
};

function serve(health: BroadcastHealth = OFFLINE, keys: StreamKey[] = [OLD_KEY]): FakeServer {
  FakeSocket.install();
  return new FakeServer()
    .install()
    .on('GET /channels/anna/broadcast/health?minutes=5', { body: CHART })
    .on(HEALTH, { body: health })
    .on(KEYS, { body: { keys, server: 'rtmp://host/live' } })
    .on('GET /channels/anna/vods', { body: { vods: [vod('b1', { expires_ms: Date.now() + 86_400_000 }), vod('b2')], next: null } })
    .on('GET /channels/anna', { body: channel('anna', { title: 'Old title' }) });
}

afterEach(() => vi.useRealTimers());

describe('DashboardPage', () => {
  it('sends a guest to the sign-in', () => {
    new FakeServer().install();
    renderPage(<DashboardPage />, { at: '/dashboard' });
    expect(screen.getByRole('link', { name: 'Sign in' })).toHaveAttribute('href', '/login?next=%2Fdashboard');
  });

  it('turns live by itself within two seconds and says in words what to change', async () => {
    vi.useFakeTimers();
    const server = serve();
    renderPage(<DashboardPage />, { account: ANNA });
    await act(() => vi.advanceTimersByTimeAsync(10));
    expect(screen.getByText('Offline')).toBeInTheDocument();
    server.on(HEALTH, { body: LIVE });
    await act(() => vi.advanceTimersByTimeAsync(2000));
    expect(screen.getByText('Live')).toBeInTheDocument();
    expect(screen.getByText('You are live for 5 min, with 5 viewers.')).toBeInTheDocument();
    expect(screen.getByText('1280 × 720')).toBeInTheDocument();
    expect(screen.getAllByText('2,900 kbit/s').length).toBeGreaterThan(0);
    expect(screen.getByText('8 s')).toBeInTheDocument();
    expect(screen.getByText(/Something new\./)).toBeInTheDocument();
    expect(screen.getByRole('heading', { name: 'Viewers notice problems' })).toBeInTheDocument();
    expect(screen.getByText(/Keyframe Interval, 2 s/)).toBeInTheDocument();
    expect(screen.getByText(/refused 2 minutes ago: another encoder is already live/)).toBeInTheDocument();
  });

  it('shows a new key once, hidden until asked, and copies it', async () => {
    const user = userEvent.setup();
    serve(OFFLINE, []).on('POST /channels/anna/stream-keys', {
      status: 201,
      body: { key: { ...OLD_KEY, label: 'Laptop' }, secret: 'live_secret' },
    });
    renderPage(<DashboardPage />, { account: ANNA });
    await user.click(await screen.findByRole('button', { name: 'New key' }));
    const label = await screen.findByLabelText('Name of the key');
    await user.clear(label);
    await user.type(label, 'Laptop{Enter}');
    const dialog = await screen.findByRole('dialog', { name: 'Key “Laptop”' });
    expect(within(dialog).getByLabelText('Stream key')).toHaveClass('concealed');
    await user.click(within(dialog).getByRole('button', { name: 'Copy the stream key' }));
    await expect(navigator.clipboard.readText()).resolves.toBe('live_secret');
    await user.click(within(dialog).getByRole('button', { name: 'I have copied it' }));
    expect(screen.queryByDisplayValue('live_secret')).not.toBeInTheDocument();
  });

  it('revokes a key only after asking', async () => {
    const server = serve().on('DELETE /channels/anna/stream-keys/3', {});
    renderPage(<DashboardPage />, { account: ANNA });
    await userEvent.click(await screen.findByRole('button', { name: 'Revoke: Studio' }));
    const dialog = screen.getByRole('dialog', { name: 'Revoke the key?' });
    expect(server.callsOf('DELETE /channels/anna/stream-keys/3')).toEqual([]);
    await userEvent.click(within(dialog).getByRole('button', { name: 'Revoke' }));
    expect(await screen.findByText('The key is revoked.')).toBeInTheDocument();
    expect(server.callsOf('DELETE /channels/anna/stream-keys/3')).toHaveLength(1);
  });

  it('saves title and category, and keeps what was refused in its field', async () => {
    const server = serve(LIVE).refuse('PATCH /channels/anna', 400, 'bad_text', { field: 'title' });
    renderPage(<DashboardPage />, { account: ANNA });
    const title = await screen.findByLabelText('Title');
    await userEvent.clear(title);
    await userEvent.type(title, 'New title');
    await userEvent.click(screen.getByRole('button', { name: 'Save' }));
    await vi.waitFor(() => expect(title).toHaveAccessibleDescription(/no place here/));
    expect(title).toHaveValue('New title');
    server.on('PATCH /channels/anna', { body: channel('anna', { title: 'New title' }) });
    await userEvent.click(screen.getByRole('button', { name: 'Save' }));
    expect(await screen.findByText('Saved.')).toBeInTheDocument();
  });

  it('stops the broadcast after asking', async () => {
    const server = serve(LIVE).on('POST /channels/anna/broadcast/stop', {});
    renderPage(<DashboardPage />, { account: ANNA });
    await userEvent.click(await screen.findByRole('button', { name: 'Stop the broadcast' }));
    const dialog = screen.getByRole('dialog', { name: 'Stop the broadcast?' });
    await userEvent.click(within(dialog).getByRole('button', { name: 'Stop the broadcast' }));
    expect(await screen.findByText('The broadcast is stopped.')).toBeInTheDocument();
    expect(server.callsOf('POST /channels/anna/broadcast/stop')).toHaveLength(1);
  });

  it('makes the next broadcast a test, and says what that means', async () => {
    const server = serve().on('PATCH /channels/anna', ({ body }) => {
      server.on(HEALTH, { body: { ...OFFLINE, ...(body as object) } });
      return { body: channel('anna') };
    });
    renderPage(<DashboardPage />, { account: ANNA });
    const test = await screen.findByRole('switch', { name: 'The next broadcast is a test' });
    expect(test).not.toBeChecked();
    expect(screen.getByText(/Nobody sees it, nobody is told/)).toBeInTheDocument();
    await userEvent.click(test);
    await vi.waitFor(() => expect(test).toBeChecked());
    expect(server.callsOf('PATCH /channels/anna')[0]?.body).toEqual({ next_is_test: true });
  });

  it('wishes for fewer qualities, keeps what the API set, and goes back to the site’s', async () => {
    const rungs = [{ height: 720, kbps: 2500 }];
    const server = serve({ ...OFFLINE, ladder: { rungs } }).on('PATCH /channels/anna', ({ body }) => {
      server.on(HEALTH, { body: { ...OFFLINE, ...(body as object) } });
      return { body: channel('anna') };
    });
    renderPage(<DashboardPage />, { account: ANNA });
    const most = await screen.findByLabelText('Qualities');
    expect(screen.getByText(/ladder of its own: 720p at 2,500 kbit\/s/)).toBeInTheDocument();
    await userEvent.selectOptions(most, 'Up to 2');
    await vi.waitFor(() => expect(most).toHaveValue('2'));
    await userEvent.click(screen.getByRole('switch', { name: 'Sound only' }));
    await vi.waitFor(() => expect(most).toBeDisabled());
    await vi.waitFor(() => expect(screen.getByRole('switch', { name: 'Sound only' })).toBeEnabled());
    await userEvent.click(screen.getByRole('button', { name: 'Back to the server’s' }));
    await vi.waitFor(() => expect(screen.queryByText(/ladder of its own/)).not.toBeInTheDocument());
    expect(server.callsOf('PATCH /channels/anna').map(({ body }) => body)).toEqual([
      { ladder: { rungs, max_rungs: 2 } },
      { ladder: { rungs, max_rungs: 2, sound_only: true } },
      { ladder: null },
    ]);
  });

  it('shows a private broadcast to its owner, and changes its addresses', async () => {
    const server = serve({ ...LIVE, visibility: 'private', playlist: '/private/s/live/x/index.m3u8' }).on(
      'POST /channels/anna/broadcast/rotate-capability',
      {},
    );
    renderPage(<DashboardPage />, { account: ANNA });
    expect(await screen.findByText(/nobody sees this but you and whoever you gave its address/)).toBeInTheDocument();
    expect(screen.getByText(/the one that runs stays as it began/)).toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'Change the secret addresses' }));
    expect(await screen.findByText('The addresses have changed.')).toBeInTheDocument();
    expect(server.callsOf('POST /channels/anna/broadcast/rotate-capability')).toHaveLength(1);
  });

  it('lists recordings with the room that they take, and deletes one', async () => {
    const server = serve().on('DELETE /vods/b1', {});
    renderPage(<DashboardPage />, { account: ANNA });
    expect(await screen.findByText('2 recordings, 2.8 GB')).toBeInTheDocument();
    expect(screen.getByText(/^Kept until /)).toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'Delete: Evening b1' }));
    await userEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Delete' }));
    expect(await screen.findByText('1 recording, 1.4 GB')).toBeInTheDocument();
    expect(server.callsOf('DELETE /vods/b1')).toHaveLength(1);
  });

  it('draws the figures over time, and has them as a table', async () => {
    serve(LIVE);
    renderPage(<DashboardPage />, { account: ANNA });
    expect(await screen.findByText('2,900 kbit/s now, 2,800 kbit/s to 2,900 kbit/s')).toBeInTheDocument();
    expect(screen.getByRole('img', { name: /^Sound level -18 dB now/ })).toBeInTheDocument();
    expect(screen.getAllByText('As a table')).toHaveLength(3);
    expect(screen.getByRole('button', { name: '5 min' })).toHaveAttribute('aria-pressed', 'true');
  });

  describe('figures of a recording', () => {
    const WHOLE = 'GET /channels/anna/broadcasts/b1/health';
    const ANALYTICS = 'GET /channels/anna/broadcasts/b1/analytics';
    const FROM_MS = 1_700_000_000_000;
    const NO_CHART = { step_seconds: 10, from_ms: FROM_MS, series: { video_kbps: [] } };
    const NO_VIEWERS = { at_ms: [], viewers_max: [], viewers_avg: [], totals: { viewers_max: 0 } };
    const open = async () => {
      renderPage(<DashboardPage />, { account: ANNA });
      await userEvent.click(await screen.findByRole('button', { name: 'Figures: Evening b1' }));
      return within(screen.getByRole('dialog', { name: 'Figures: Evening b1' }));
    };

    it('are two lines, with the viewers in words', async () => {
      const server = serve()
        .on(WHOLE, { body: { ...NO_CHART, series: { video_kbps: [2500, null, 2700] } } })
        .on(ANALYTICS, {
          body: { at_ms: [FROM_MS, FROM_MS + 60_000], viewers_max: [3, 8], viewers_avg: [2, 6.5], totals: { viewers_max: 8 } },
        });
      const dialog = await open();
      expect(await dialog.findByText('Viewers: 4.3 on average, 8 at the peak.')).toBeInTheDocument();
      expect(dialog.getByRole('img', { name: 'Viewers 3 to 8' })).toBeInTheDocument();
      expect(dialog.getByRole('img', { name: 'Video bitrate 2,500 kbit/s to 2,700 kbit/s' })).toBeInTheDocument();
      await userEvent.click(dialog.getByRole('button', { name: 'Close' }));
      expect(screen.queryByRole('dialog')).not.toBeInTheDocument();
      expect(server.callsOf(ANALYTICS)).toHaveLength(1);
    });

    it('say so when nothing is kept', async () => {
      serve().on(WHOLE, { body: NO_CHART }).on(ANALYTICS, { body: NO_VIEWERS });
      const dialog = await open();
      expect(await dialog.findByText(/^Nothing is kept of it/)).toBeInTheDocument();
      expect(dialog.queryByRole('img')).not.toBeInTheDocument();
    });

    it('can be asked for again after a failure', async () => {
      const server = serve().on(WHOLE, { body: NO_CHART }).refuse(ANALYTICS, 503, 'unavailable');
      const dialog = await open();
      const retry = await dialog.findByRole('button', { name: 'Try again' });
      server.on(ANALYTICS, { body: NO_VIEWERS });
      await userEvent.click(retry);
      expect(await dialog.findByText(/^Nothing is kept of it/)).toBeInTheDocument();
      expect(dialog.queryByText('Try again')).not.toBeInTheDocument();
    });
  });

  it('says a warning as it comes, and that it is over', async () => {
    serve(LIVE);
    renderPage(<DashboardPage />, { account: ANNA });
    await screen.findByText('Live');
    await vi.waitFor(() => expect(FakeSocket.last?.sent).toEqual([{ t: 'hello', token: 'token-1' }]));
    const socket = FakeSocket.last;
    const figures = (db: number, verdict: string, code: string) => ({
      t: 'health',
      at_ms: 1,
      public_id: 'x',
      health: [{ metric: 'audio_db', value: db, unit: 'dBFS', verdict, code, advice: '' }],
    });
    const warning = { t: 'warning', at_ms: 1, code: 'audio_too_quiet', severity: 'warning', message: 'm', metric: 'audio_db' };
    act(() => {
      socket?.says({ t: 'ready' });
      socket?.says(figures(-20, 'good', 'ok'));
      socket?.says(figures(-45, 'warn', 'audio_too_quiet'));
      socket?.says({ ...warning, is_over: false });
    });
    const toasts = screen.getAllByRole('status').find((one) => one.className === 'toasts');
    expect(toasts).toHaveTextContent('The sound is hardly to be heard.');
    expect(screen.getByText('-45 dB')).toBeInTheDocument();
    act(() => socket?.says({ ...warning, is_over: true }));
    expect(toasts).toHaveTextContent('Over: The sound is hardly to be heard.');
  });
});
