import { describe, expect, it } from 'vitest';
import type { Figure, Judgement } from '../../api/types';
import { faults, overall, severityOf, severityOfFigure, unsaid } from './figures';

function figure(metric: string, verdict: Judgement, code = 'ok'): Figure {
  return { metric, value: 1, unit: '', verdict, code, advice: '' };
}

const warning = (code: string, severity = 'warning') => ({ code, message: '', severity });

describe('figures', () => {
  it('come to the worst that is said', () => {
    expect(overall([], [])).toBe('green');
    expect(overall([figure('fps', 'good')], [warning('x', 'info')])).toBe('green');
    expect(overall([figure('fps', 'warn')], [])).toBe('amber');
    expect(overall([figure('fps', 'warn')], [warning('x', 'error')])).toBe('red');
    expect(overall([figure('fps', 'bad')], [])).toBe('red');
  });

  it('have faults, the worst first', () => {
    const found = faults([figure('a', 'warn'), figure('b', 'good'), figure('c', 'bad'), figure('d', 'warn')]);
    expect(found.map(({ metric }) => metric)).toEqual(['c', 'a', 'd']);
  });

  it('say some warnings themselves', () => {
    const figures = [figure('audio_kbps', 'warn', 'no_audio')];
    expect(unsaid([warning('no_audio'), warning('resolution_changed')], figures).map(({ code }) => code)).toEqual([
      'resolution_changed',
    ]);
  });

  it('have the colours of traffic lights', () => {
    expect(severityOfFigure(figure('a', 'warn'))).toBe('amber');
    expect(['error', 'warning', 'info', 'new'].map(severityOf)).toEqual(['red', 'amber', 'green', 'amber']);
  });
});
