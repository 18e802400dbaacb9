import { describe, expect, it } from 'vitest';
import { isBad, NO_TRIES, recover, type Fault, type Step, type Tries } from './recovery';

function run(fault: Fault, count: number, random = 0.999): { steps: Step[]; tries: Tries } {
  const steps: Step[] = [];
  let tries = NO_TRIES;
  for (let turn = 0; turn < count; turn += 1) {
    const next = recover(tries, fault, random);
    steps.push(next.step);
    tries = next.tries;
  }
  return { steps, tries };
}

describe('recover', () => {
  it('never gives up, however long the network is away', () => {
    const { steps } = run('network', 200);
    expect(steps).toHaveLength(200);
    expect(new Set(steps.map((step) => step.do))).toEqual(new Set(['load_again', 'rebuild']));
  });

  it('waits longer each time, but never so long that a returning encoder is missed', () => {
    const pauses = run('network', 200).steps.map((step) => ('afterMs' in step ? step.afterMs : 0));
    expect(pauses.slice(0, 4)).toEqual([500, 1000, 1999, 3998]);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5000);
    expect(Math.min(...pauses)).toBeGreaterThan(0);
  });

  it('spreads players by half of the pause', () => {
    const [step] = run('network', 1, 0).steps;
    expect(step).toEqual({ do: 'load_again', afterMs: 250 });
  });

  it('builds the player anew now and then: its own state may be the matter', () => {
    const { steps } = run('network', 12);
    expect(steps.map((step) => step.do).filter((word) => word === 'rebuild')).toHaveLength(2);
    expect(steps[5]?.do).toBe('rebuild');
  });

  it('mends the media twice before it builds anew', () => {
    const words = run('media', 5).steps.map((step) => step.do);
    expect(words).toEqual(['mend_media', 'mend_media', 'rebuild', 'mend_media', 'mend_media']);
    expect(run('other', 3).steps.map((step) => step.do)).toEqual(['rebuild', 'rebuild', 'rebuild']);
  });

  it('says that it goes badly after several tries only', () => {
    expect(isBad(run('network', 3).tries)).toBe(false);
    expect(isBad(run('network', 4).tries)).toBe(true);
    expect(isBad(run('media', 2).tries)).toBe(false);
    expect(isBad(run('other', 4).tries)).toBe(true);
  });
});
