import { describe, expect, it } from 'vitest';
import type { Channel } from '../api/types';
import type { Info } from '../chat/wire';
import { liveOfChannel, liveOfInfo, stateSeen } from './live';
import { rungName, rungsOf } from './rungs';
import { readLoudness } from './volume';

describe('rungs', () => {
  it('stand from the tallest down, sound alone last', () => {
    const rungs = rungsOf([
      { height: 0, frameRate: 0, bitrate: 128_000 },
      { height: 720, frameRate: 60, bitrate: 3_000_000 },
      { height: 1080, frameRate: 30, bitrate: 5_000_000 },
    ]);
    expect(rungs.map(rungName)).toEqual(['1080p', '720p60', null]);
    const upright = rungsOf([{ width: 1080, height: 1920, frameRate: 30, bitrate: 5_000_000 }]);
    expect(upright.map(rungName)).toEqual(['1080p']);
    expect(rungs.map(({ index }) => index)).toEqual([2, 1, 0]);
  });
});

describe('what is on', () => {
  const info: Info = {
    t: 'info',
    room: '1',
    viewers: 3,
    chatters: 1,
    live: 'live',
    broadcast: 'b1',
    title: 'T',
    category: 'C',
    since_ms: 5,
    grace_until_ms: null,
  };

  it('has a playlist while it is live or interrupted, and none before or after', () => {
    expect(liveOfInfo(info).playlist).toBe('/live/b1/index.m3u8');
    expect(liveOfInfo({ ...info, live: 'interrupted' }).playlist).toBe('/live/b1/index.m3u8');
    expect(liveOfInfo({ ...info, live: 'starting' }).playlist).toBeNull();
    expect(liveOfInfo({ ...info, live: 'ended' }).playlist).toBeNull();
  });

  it('is the same told by the chat and by the channel', () => {
    const { title, category, viewers, since_ms, grace_until_ms, broadcast } = info;
    const told = { title, category, viewers, since_ms, grace_until_ms, broadcast, live: 'live', playlist: '/live/b1/index.m3u8' };
    expect(liveOfChannel(told as Channel)).toEqual(liveOfInfo(info));
  });

  it('has ended for those who watched it', () => {
    const off = liveOfInfo({ ...info, live: 'offline' });
    expect([stateSeen(off, true), stateSeen(off, false)]).toEqual(['ended', 'offline']);
  });
});

it.each([
  [null, { volume: 1, muted: false }],
  ['{"volume":0.3,"muted":true}', { volume: 0.3, muted: true }],
  ['{"volume":7}', { volume: 1, muted: false }],
  ['rubbish', { volume: 1, muted: false }],
])('remembers the volume %s', (text, loudness) => {
  expect(readLoudness(text)).toEqual(loudness);
});
