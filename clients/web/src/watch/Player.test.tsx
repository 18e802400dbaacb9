import { act, fireEvent, screen } from '@testing-library/react';
import { useState } from 'react';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { RoomLive } from '../chat/wire';
import { FakeServer } from '../testing/FakeServer';
import { FAKE_EVENTS, FakeHls } from '../testing/FakeHls';
import { renderPage } from '../testing/renderPage';
import type { Live } from './live';
import { Player } from './Player';

vi.mock('hls.js', async () => {
  const { FakeHls: Fake, FAKE_EVENTS: Events } = await import('../testing/FakeHls');
  return { default: Fake, Events };
});

const ON: Live = {
  state: 'live',
  broadcast: 'b1',
  playlist: '/live/b1/index.m3u8',
  title: '',
  category: '',
  viewers: 1,
  sinceMs: 1,
  graceUntilMs: null,
};
const OFF: Live = { ...ON, state: 'ended', playlist: null };
const ENDED = 'The broadcast has ended';
const WAITING = 'Waiting for the picture…';

function Page() {
  const [seen, setSeen] = useState<RoomLive>('live');
  const live = seen === 'live' ? ON : OFF;
  return (
    <>
      <button onClick={() => setSeen('ended')}>End</button>
      <Player live={live} seen={seen} name="Anna" poster={null} lastVod={null} isTheatre={false} onTheatre={() => undefined} />
    </>
  );
}

async function playing(): Promise<HTMLVideoElement> {
  const { container } = renderPage(<Page />);
  await vi.waitFor(() => expect(FakeHls.made).toHaveLength(1));
  act(() => FakeHls.last.parsed());
  const video = container.querySelector('video');
  if (video === null) throw new Error('no picture');
  says(video, 'playing');
  return video;
}

const says = (video: HTMLVideoElement, name: string) => act(() => void video.dispatchEvent(new Event(name)));

beforeEach(() => {
  new FakeServer().install();
  FakeHls.made = [];
  vi.spyOn(HTMLMediaElement.prototype, 'play').mockResolvedValue();
  vi.spyOn(HTMLMediaElement.prototype, 'pause').mockReturnValue();
  vi.spyOn(HTMLMediaElement.prototype, 'load').mockReturnValue();
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});

describe('Player', () => {
  it('lets an ended broadcast be watched to its end, however often it has to load', async () => {
    const video = await playing();
    fireEvent.click(screen.getByText('End'));
    says(video, 'seeking');
    says(video, 'waiting');
    expect(screen.queryByText(ENDED)).not.toBeInTheDocument();
    expect(screen.getByText(WAITING)).toBeInTheDocument();
    expect(document.querySelector('media-control-bar')).toBeInTheDocument();
    says(video, 'playing');
    expect(screen.queryByText(WAITING)).not.toBeInTheDocument();
    says(video, 'ended');
    expect(screen.getByText(ENDED)).toBeInTheDocument();
    expect(document.querySelector('media-control-bar')).not.toBeInTheDocument();
  });

  it('says the end at once where nothing more can be loaded', async () => {
    await playing();
    fireEvent.click(screen.getByText('End'));
    act(() => FakeHls.last.fails('networkError', 404));
    expect(screen.getByText(ENDED)).toBeInTheDocument();
  });

  it('says that there is no picture where sound alone plays', async () => {
    const video = await playing();
    expect(screen.queryByText('Sound only')).not.toBeInTheDocument();
    act(() => {
      FakeHls.last.levels.push({ height: 0, frameRate: 0, bitrate: 128_000 });
      FakeHls.last.says(FAKE_EVENTS.MANIFEST_PARSED);
      FakeHls.last.says(FAKE_EVENTS.LEVEL_SWITCHED, { level: 1 });
    });
    expect(screen.getByText('Sound only')).toBeInTheDocument();
    says(video, 'waiting');
    expect(screen.getByText(WAITING)).toBeInTheDocument();
    act(() => FakeHls.last.says(FAKE_EVENTS.LEVEL_SWITCHED, { level: 0 }));
    expect(screen.queryByText('Sound only')).not.toBeInTheDocument();
  });
});
