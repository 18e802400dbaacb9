import { renderHook } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BEAT_MS, type Beacon } from './beacon';
import type { Playback } from './playback';
import { IDLE } from './state';
import { useBeacons } from './useBeacons';

let video: HTMLVideoElement;
let isPaused: boolean;
let isFollowing: boolean;
let told: Promise<Beacon>[];

function show() {
  const figures = () => ({ startupMs: 400, playedMs: performance.now(), stalls: 0, stalledMs: 0 });
  const playback = { video, figures, snapshot: () => IDLE, latencySeconds: () => 7200, isFollowing: () => isFollowing };
  return renderHook(() => useBeacons(playback as unknown as Playback, 'b1', 'live'));
}

function becomes(name: 'playing' | 'pause'): void {
  isPaused = name === 'pause';
  video.dispatchEvent(new Event(name));
}

const events = async () => (await Promise.all(told)).map(({ event }) => event);

async function read(blob: Blob): Promise<Beacon> {
  const reader = new FileReader();
  reader.readAsText(blob);
  await new Promise((done) => reader.addEventListener('load', done));
  return JSON.parse(reader.result as string) as Beacon;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  isPaused = true;
  isFollowing = true;
  told = [];
  video = document.createElement('video');
  Object.defineProperty(video, 'paused', { get: () => isPaused });
  vi.stubGlobal('navigator', { sendBeacon: (_: string, blob: Blob) => told.push(read(blob)) > 0 });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('useBeacons', () => {
  it('names itself on a page without TLS too, as the server takes it', async () => {
    vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
    show();
    becomes('playing');
    expect((await told[0])?.session).toMatch(/^[0-9a-f]{32}$/);
  });

  it('says that a viewer left who pauses, and is back who plays', async () => {
    const page = show();
    becomes('playing');
    vi.advanceTimersByTime(BEAT_MS);
    becomes('pause');
    vi.advanceTimersByTime(60_000);
    expect(await events()).toEqual(['start', 'beat', 'end']);
    becomes('playing');
    expect(await events()).toEqual(['start', 'beat', 'end', 'beat']);
    page.unmount();
    expect(await events()).toEqual(['start', 'beat', 'end', 'beat', 'end']);
  });

  it('minds no short pause', async () => {
    show();
    becomes('playing');
    becomes('pause');
    vi.advanceTimersByTime(1000);
    becomes('playing');
    vi.advanceTimersByTime(3000);
    expect(await events()).toEqual(['start']);
  });

  it('says the end once: a pause, the page and the component may all leave', async () => {
    const page = show();
    becomes('playing');
    vi.advanceTimersByTime(100);
    becomes('pause');
    window.dispatchEvent(new Event('pagehide'));
    vi.advanceTimersByTime(60_000);
    page.unmount();
    expect(await events()).toEqual(['start', 'end']);
  });

  it('tells the latency of who is at the edge alone', async () => {
    show();
    becomes('playing');
    isFollowing = false;
    vi.advanceTimersByTime(BEAT_MS);
    expect((await Promise.all(told)).map((one) => one.latency_ms)).toEqual([7_200_000, null]);
  });
});
