import { describe, expect, it } from 'vitest';
import type { BroadcastHealth, BroadcastSource } from '../../api/types';
import { judge, overall, severityOf, unsaid, usualKbps } from './verdicts';

const GOOD: BroadcastSource = {
  width: 1920,
  height: 1080,
  fps: 60,
  video_codec: 'h264',
  audio_codec: 'aac',
  video_kbps: 6000,
  audio_kbps: 160,
  keyframe_seconds: 2,
};

function verdictsOf(change: Partial<BroadcastSource>, speed: number | null = 1): string[] {
  return judge({ ...GOOD, ...change }, speed).map(({ metric, severity, advice }) => `${metric} ${severity} ${advice}`);
}

describe('judge', () => {
  it('has nothing to say of a good stream, nor of one that is not known yet', () => {
    expect(verdictsOf({})).toEqual([]);
    expect(judge(null, null)).toEqual([]);
    expect(verdictsOf({ keyframe_seconds: null, video_kbps: 0, fps: 0 }, 0)).toEqual([]);
  });

  it('wants a keyframe about every 2 s', () => {
    expect(verdictsOf({ keyframe_seconds: 4 })).toEqual(['keyframes amber adviceKeyframes']);
    expect(verdictsOf({ keyframe_seconds: 10 })).toEqual(['keyframes red adviceKeyframes']);
  });

  it('wants a bitrate that suits the picture', () => {
    expect(verdictsOf({ video_kbps: 1000 })).toEqual(['video amber adviceBitrateLow']);
    expect(verdictsOf({ video_kbps: 20_000 })).toEqual(['video amber adviceBitrateHigh']);
    expect([usualKbps(1080, 60), usualKbps(720, 30), usualKbps(480, 30), usualKbps(240, 30)]).toEqual([6750, 3000, 1200, 600]);
  });

  it('wants sound, motion and a server that keeps up', () => {
    expect(verdictsOf({ audio_codec: '' })).toEqual(['sound amber adviceAudio']);
    expect(verdictsOf({ fps: 10 })).toEqual(['fps amber adviceFps']);
    expect(verdictsOf({}, 0.95)).toEqual(['speed amber adviceSpeed']);
    expect(verdictsOf({}, 0.7)).toEqual(['speed red adviceSpeed']);
  });
});

describe('the whole', () => {
  const warning = (code: string, severity: string) => ({ code, severity, message: code });
  const health = { warnings: [warning('resolution_changed', 'info')] } as BroadcastHealth;

  it('is as bad as its worst part', () => {
    expect(overall(health, [])).toBe('green');
    expect(overall(health, judge({ ...GOOD, fps: 10 }, 1))).toBe('amber');
    expect(overall({ ...health, warnings: [warning('x', 'error')] }, [])).toBe('red');
    expect(severityOf(warning('x', 'of another version'))).toBe('amber');
  });

  it('does not say the same thing twice', () => {
    const warnings = [warning('keyframes_far_apart', 'warning'), warning('no_video', 'warning')];
    const left = unsaid(warnings, judge({ ...GOOD, keyframe_seconds: 8 }, 1));
    expect(left.map((one) => one.code)).toEqual(['no_video']);
    expect(unsaid(warnings, [])).toEqual(warnings);
  });
});
