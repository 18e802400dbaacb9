import type Hls from 'hls.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Steady } from './steady';

const DETAILS = { live: true, partTarget: 0.4, partHoldBack: 1.2, holdBack: 6, targetduration: 2, age: 0.1 };

/** As much of a video element as is looked at. */
class FakeVideo {
  currentTime = 10;
  playbackRate = 1;
  paused = false;
  seeking = false;
  loadedTo = 10;
  get buffered() {
    return { length: 1, start: () => 0, end: () => this.loadedTo };
  }
}

let video: FakeVideo;
let hls: { latestLevelDetails: typeof DETAILS | null; targetLatency: number; latency: number; liveSyncPosition: number };
let steady: Steady;

beforeEach(() => {
  vi.useFakeTimers();
  video = new FakeVideo();
  hls = { latestLevelDetails: { ...DETAILS }, targetLatency: 1.2, latency: 1.2, liveSyncPosition: 10 };
  steady = new Steady(hls as unknown as Hls, video as unknown as HTMLVideoElement);
});

afterEach(() => {
  steady.close();
  vi.useRealTimers();
});

describe('Steady', () => {
  it('stands when the picture ran dry, until there is enough in hand, and stays further back from then on', () => {
    steady.onDry();
    expect(video.playbackRate).toBe(0);
    video.loadedTo = 10.4;
    vi.advanceTimersByTime(300);
    expect(video.playbackRate).toBe(0);
    video.loadedTo = 10.8;
    vi.advanceTimersByTime(100);
    expect(video.playbackRate).toBe(1);
    expect(hls.targetLatency).toBeCloseTo(1.5);
    vi.advanceTimersByTime(31_000);
    expect(hls.targetLatency).toBeCloseTo(1.35);
  });

  it('takes an outage of the stream for no fault of the line', () => {
    steady.onDry();
    vi.advanceTimersByTime(30_000);
    expect(video.playbackRate).toBe(0);
    video.loadedTo = 12;
    vi.advanceTimersByTime(100);
    expect(video.playbackRate).toBe(1);
    expect(hls.targetLatency).toBe(1.2);
  });

  it('lets go when the viewer pauses or seeks', () => {
    steady.onDry();
    video.paused = true;
    vi.advanceTimersByTime(100);
    expect(video.playbackRate).toBe(1);
    expect(hls.targetLatency).toBe(1.2);
  });

  it('jumps to the edge when it has fallen far behind, but not for a viewer who stepped back', () => {
    hls.latency = 9;
    hls.liveSyncPosition = 17.8;
    steady.isFollowing = false;
    vi.advanceTimersByTime(100);
    expect(video.currentTime).toBe(10);
    steady.isFollowing = true;
    vi.advanceTimersByTime(100);
    expect(video.currentTime).toBe(17.8);
  });

  it('does not jump while the list itself stands still', () => {
    hls.latency = 9;
    hls.liveSyncPosition = 17.8;
    hls.latestLevelDetails = { ...DETAILS, age: 5 };
    vi.advanceTimersByTime(100);
    expect(video.currentTime).toBe(10);
  });

  it('has nothing to do with what is over', () => {
    hls.latestLevelDetails = { ...DETAILS, live: false };
    steady.onDry();
    expect(video.playbackRate).toBe(1);
  });
});
