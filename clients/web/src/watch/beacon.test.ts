import { describe, expect, it } from 'vitest';
import { BeaconSeries, type Sample } from './beacon';

function sample(playedMs: number, more: Partial<Sample> & { stalls?: number; startupMs?: number | null } = {}): Sample {
  const { stalls = 0, startupMs = 420, ...rest } = more;
  return {
    figures: { startupMs, playedMs, stalls, stalledMs: stalls * 100 },
    rung: '720p',
    latencySeconds: 1.6789,
    droppedFrames: 0,
    frames: 0,
    ...rest,
  };
}

const series = () => new BeaconSeries('s1', 'b1', 'live');

describe('BeaconSeries', () => {
  it('says nothing before the first picture', () => {
    const beacons = series();
    expect(beacons.next(sample(0, { startupMs: null }), false)).toBeNull();
    expect(beacons.next(sample(0), true)).toBeNull();
  });

  it('begins with how long the start took, and goes on with what is new', () => {
    const beacons = series();
    expect(beacons.next(sample(0), false)).toMatchObject({ event: 'start', startup_ms: 420, latency_ms: 1679, rung: '720p' });
    expect(beacons.next(sample(5000, { stalls: 2, frames: 150, droppedFrames: 3 }), false)).toMatchObject({
      event: 'beat',
      startup_ms: null,
      played_ms: 5000,
      stalls: 2,
      stalled_ms: 200,
      frames: 150,
      dropped_frames: 3,
    });
    expect(beacons.next(sample(8000, { stalls: 2, frames: 240, droppedFrames: 3 }), true)).toMatchObject({
      event: 'end',
      played_ms: 3000,
      stalls: 0,
      frames: 90,
      dropped_frames: 0,
    });
  });

  it('survives a player that began anew', () => {
    const beacons = series();
    beacons.next(sample(0, { frames: 900 }), false);
    expect(beacons.next(sample(5000, { frames: 60, latencySeconds: null }), false)).toMatchObject({ frames: 60, latency_ms: null });
  });
});
