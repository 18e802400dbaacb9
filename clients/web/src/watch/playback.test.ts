import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FAKE_EVENTS, FakeHls } from '../testing/FakeHls';
import { Playback } from './playback';
import { liveSource, vodSource } from './source';

vi.mock('hls.js', async () => {
  const { FakeHls: Fake, FAKE_EVENTS: Events } = await import('../testing/FakeHls');
  return { default: Fake, Events };
});

const LIVE = liveSource('/live/b1/index.m3u8');
let video: HTMLVideoElement;
let playback: Playback;

/** Let the import and timers up to `ms` run. */
const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

async function playing(): Promise<FakeHls> {
  playback.load(LIVE);
  await pass();
  FakeHls.last.parsed();
  video.dispatchEvent(new Event('playing'));
  return FakeHls.last;
}

beforeEach(async () => {
  vi.useFakeTimers();
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await import('hls.js');
  FakeHls.made = [];
  FakeHls.hasMediaSource = true;
  video = document.createElement('video');
  video.play = () => Promise.resolve();
  video.pause = () => undefined;
  video.load = () => undefined;
  playback = new Playback(video);
});

afterEach(() => {
  playback.close();
  vi.useRealTimers();
});

describe('Playback', () => {
  it('loads the list for rewinding, and the plain one where that is missing', async () => {
    playback.load(LIVE);
    await pass();
    expect(FakeHls.last.sources).toEqual(['/live/b1/dvr.m3u8']);
    FakeHls.last.fails('networkError', 404);
    await pass();
    expect(FakeHls.made).toHaveLength(2);
    expect(FakeHls.last.sources).toEqual(['/live/b1/index.m3u8']);
  });

  it('tries the list for rewinding again whenever it begins anew', async () => {
    playback.load(LIVE);
    await pass();
    FakeHls.last.fails('networkError', 404);
    await pass();
    FakeHls.last.parsed();
    FakeHls.last.fails('otherError');
    await pass(5000);
    expect(FakeHls.made).toHaveLength(3);
    expect(FakeHls.last.sources).toEqual(['/live/b1/dvr.m3u8']);
  });

  it('goes on loading through any outage, says after a while that it goes badly, and is well again by itself', async () => {
    const hls = await playing();
    expect(playback.snapshot().status).toBe('ready');
    for (let turn = 0; turn < 4; turn += 1) {
      FakeHls.last.fails('networkError', 503);
      await pass(5000);
    }
    expect(hls.starts).toBe(4);
    expect(playback.snapshot()).toMatchObject({ status: 'failed', isWaiting: true });
    for (let turn = 0; turn < 40; turn += 1) {
      FakeHls.last.fails('networkError', 503);
      await pass(5000);
    }
    FakeHls.last.parsed();
    FakeHls.last.says(FAKE_EVENTS.FRAG_BUFFERED);
    video.dispatchEvent(new Event('playing'));
    expect(playback.snapshot()).toMatchObject({ status: 'ready', isWaiting: false });
  });

  it('tries at once when something changed', async () => {
    const hls = await playing();
    hls.fails('networkError', 503);
    playback.wake();
    expect(hls.starts).toBe(1);
    playback.wake();
    expect(hls.starts).toBe(1);
  });

  it('mends the media before it begins anew', async () => {
    const hls = await playing();
    hls.fails('mediaError');
    hls.fails('mediaError');
    expect(hls.mended).toBe(2);
    hls.fails('mediaError');
    await pass(5000);
    expect(FakeHls.made).toHaveLength(2);
    expect(hls.isDestroyed).toBe(true);
  });

  it('lets what has ended be watched to its end, and stops at the first fault then', async () => {
    const hls = await playing();
    playback.finish();
    expect(playback.snapshot().status).toBe('ready');
    hls.fails('networkError', 404);
    expect(playback.snapshot().status).toBe('idle');
    expect(hls.isDestroyed).toBe(true);
    playback.load(LIVE);
    playback.finish();
    expect(playback.snapshot().status).toBe('idle');
  });

  it('loads the same source once', async () => {
    await playing();
    playback.load(liveSource('/live/b1/index.m3u8'));
    await pass();
    expect(FakeHls.made).toHaveLength(1);
    playback.load(vodSource('/vod/b1/index.m3u8'));
    await pass();
    expect(FakeHls.last.sources).toEqual(['/vod/b1/index.m3u8']);
  });

  it('plays without sound where the browser wants a click for it', async () => {
    let isRefused = true;
    video.play = () => {
      const refused = isRefused;
      isRefused = false;
      return refused ? Promise.reject(new DOMException('', 'NotAllowedError')) : Promise.resolve();
    };
    await playing();
    await pass();
    expect(video.muted).toBe(true);
    expect(playback.snapshot()).toMatchObject({ isSilenced: true, isBlocked: false });
    playback.sound.unmute();
    expect(playback.snapshot().isSilenced).toBe(false);
  });

  it('begins to count the start at the click that the browser wanted', async () => {
    video.play = () => Promise.reject(new DOMException('', 'NotAllowedError'));
    playback.load(LIVE);
    await pass();
    FakeHls.last.parsed();
    await pass(60_000);
    expect(playback.snapshot().isBlocked).toBe(true);
    video.dispatchEvent(new Event('play'));
    await pass(300);
    video.dispatchEvent(new Event('playing'));
    expect(playback.figures().startupMs).toBe(300);
  });

  it('follows the live edge until the viewer goes back or stops', async () => {
    const hls = await playing();
    expect(playback.isFollowing()).toBe(true);
    hls.liveSyncPosition = 7200;
    Object.defineProperty(video, 'seekable', { value: { length: 1, start: () => 0, end: () => 7202 } });
    playback.seekTo(60);
    expect(playback.isFollowing()).toBe(false);
    playback.toEdge();
    expect(playback.isFollowing()).toBe(true);
    video.dispatchEvent(new Event('pause'));
    expect(playback.isFollowing()).toBe(false);
    playback.load(vodSource('/vod/b1/index.m3u8'));
    await pass();
    expect(playback.isFollowing()).toBe(false);
  });

  it('counts a stall, but not what a seek has to load', async () => {
    await playing();
    video.dispatchEvent(new Event('waiting'));
    expect(playback.snapshot().isWaiting).toBe(true);
    await pass(400);
    video.dispatchEvent(new Event('playing'));
    expect(playback.figures()).toMatchObject({ stalls: 1, stalledMs: 400 });
    video.dispatchEvent(new Event('seeking'));
    video.dispatchEvent(new Event('waiting'));
    await pass(400);
    video.dispatchEvent(new Event('playing'));
    expect(playback.figures().stalls).toBe(1);
  });
});

describe("Playback by the browser's own HLS", () => {
  const refuse = () => video.dispatchEvent(new Event('error'));

  beforeEach(() => {
    FakeHls.hasMediaSource = false;
    video.canPlayType = () => 'maybe';
  });

  it('tries the plain list at once where it gets nothing, and then both again', async () => {
    playback.load(LIVE);
    await pass();
    expect(video.getAttribute('src')).toBe('/live/b1/dvr.m3u8');
    refuse();
    await pass();
    expect(video.getAttribute('src')).toBe('/live/b1/index.m3u8');
    refuse();
    await pass(5000);
    expect(video.getAttribute('src')).toBe('/live/b1/dvr.m3u8');
  });

  it('keeps the list that has played', async () => {
    playback.load(LIVE);
    await pass();
    Object.defineProperty(video, 'readyState', { value: HTMLMediaElement.HAVE_METADATA });
    refuse();
    await pass(5000);
    expect(video.getAttribute('src')).toBe('/live/b1/dvr.m3u8');
  });

  it('says that it cannot show a token, rather than try for ever', async () => {
    playback.load(vodSource('/vod/b1/index.m3u8', () => Promise.resolve('t1')));
    await pass();
    expect(playback.snapshot().status).toBe('unsupported');
    expect(video.hasAttribute('src')).toBe(false);
  });
});
