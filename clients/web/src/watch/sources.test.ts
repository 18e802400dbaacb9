import type { LoaderContext } from 'hls.js';
import { describe, expect, it, vi } from 'vitest';
import { latencyOf, nativeDateMs } from './latency';
import { isSameSource, liveSource, vodSource } from './source';
import { tuningOf } from './tuning';

describe('sources', () => {
  it('try the list that can be rewound, then the plain one', () => {
    expect(liveSource('/live/b1/index.m3u8')).toMatchObject({ kind: 'live', addresses: ['/live/b1/dvr.m3u8', '/live/b1/index.m3u8'] });
    expect(liveSource('/private/x/index.m3u8?a=1').addresses[0]).toBe('/private/x/dvr.m3u8?a=1');
    expect(liveSource('/elsewhere.m3u8').addresses).toEqual(['/elsewhere.m3u8']);
  });

  it('are the same by what they say', () => {
    expect(isSameSource(liveSource('/live/b/index.m3u8'), liveSource('/live/b/index.m3u8'))).toBe(true);
    expect(isSameSource(vodSource('/a'), { ...vodSource('/a'), kind: 'live' })).toBe(false);
    expect(isSameSource(vodSource('/a'), vodSource('/b'))).toBe(false);
    expect(isSameSource(null, vodSource('/b'))).toBe(false);
    expect(isSameSource(null, null)).toBe(true);
  });
});

describe('latency', () => {
  const NOW = 1_700_000_000_000;

  it('is what lies between the camera and the picture', () => {
    expect(latencyOf(NOW - 1800, 1.2, NOW)).toBe(1.8);
    expect(latencyOf(NOW - 750_000, 748, NOW)).toBe(750);
    expect(latencyOf(NOW - 1800, null, NOW)).toBe(1.8);
  });

  it('does not believe a clock that is far off', () => {
    expect(latencyOf(NOW - 3_600_000, 1.2, NOW)).toBe(1.2);
    expect(latencyOf(NOW + 3000, 1.2, NOW)).toBe(1.2);
    expect(latencyOf(NOW + 3000, null, NOW)).toBe(0);
  });

  it('reads the date of a browser that plays by itself', () => {
    expect(nativeDateMs({ currentTime: 2, getStartDate: () => new Date(NOW) })).toBe(NOW + 2000);
    expect(nativeDateMs({ currentTime: 2, getStartDate: () => new Date(NaN) })).toBeNull();
    expect(nativeDateMs({ currentTime: 2 })).toBeNull();
  });

  it('is unknown before anything is', () => {
    expect(latencyOf(null, 0, NOW)).toBeNull();
    expect(latencyOf(null, 1.5, NOW)).toBe(1.5);
  });
});

describe('tuning', () => {
  it('plays live by parts, recordings by whole segments', () => {
    expect(tuningOf('live', null)).toMatchObject({ lowLatencyMode: true, liveDurationInfinity: true, abrEwmaDefaultEstimate: 2_000_000 });
    expect(tuningOf('vod', 3_000_000)).toMatchObject({ lowLatencyMode: false, abrEwmaDefaultEstimate: 3_000_000 });
    expect(tuningOf('vod', 90_000_000).abrEwmaDefaultEstimate).toBe(5_000_000);
  });

  it('show a token where the recording is for some only', async () => {
    expect(tuningOf('vod', null).xhrSetup).toBeUndefined();
    const { xhrSetup } = tuningOf('vod', null, () => Promise.resolve('t1'));
    const xhr = new XMLHttpRequest();
    const shown = vi.spyOn(xhr, 'setRequestHeader');
    await xhrSetup?.(xhr, 'http://localhost/vod/b1/index.m3u8', {} as LoaderContext);
    expect(shown).toHaveBeenCalledWith('Authorization', 'Bearer t1');
  });
});
