import { describe, expect, it } from 'vitest';
import { Experience } from './experience';

describe('Experience', () => {
  it('measures from the wish to the first picture', () => {
    const seen = new Experience();
    seen.onWish(1000);
    seen.onDry(1100, false);
    expect(seen.figures(1200)).toEqual({ startupMs: null, playedMs: 0, stalls: 0, stalledMs: 0 });
    seen.onWish(1500);
    seen.onPlaying(1800);
    expect(seen.figures(1800).startupMs).toBe(800);
  });

  it('does not count the wait for a click that the browser wants', () => {
    const seen = new Experience();
    seen.onWish(0);
    seen.onBlocked();
    seen.onWish(60_000);
    seen.onPlaying(60_400);
    expect(seen.figures(60_400).startupMs).toBe(400);
    seen.onBlocked();
    expect(seen.figures(60_400).startupMs).toBe(400);
  });

  it('counts stalls and their length, the one that lasts too', () => {
    const seen = new Experience();
    seen.onWish(0);
    seen.onPlaying(100);
    seen.onDry(2100, false);
    seen.onDry(2200, false);
    expect(seen.figures(2600)).toEqual({ startupMs: 100, playedMs: 2000, stalls: 1, stalledMs: 500 });
    seen.onPlaying(3100);
    seen.onDry(4100, false);
    seen.onPlaying(4200);
    expect(seen.figures(5200)).toEqual({ startupMs: 100, playedMs: 4000, stalls: 2, stalledMs: 1100 });
  });

  it('does not blame the line for a seek or a pause', () => {
    const seen = new Experience();
    seen.onWish(0);
    seen.onPlaying(0);
    seen.onDry(1000, true);
    seen.onPlaying(3000);
    seen.onStopped(4000);
    expect(seen.figures(60_000)).toEqual({ startupMs: 0, playedMs: 2000, stalls: 0, stalledMs: 0 });
  });
});
