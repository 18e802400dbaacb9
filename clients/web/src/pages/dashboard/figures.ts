/** What the server's figures and warnings come to.  Pure. */

import type { BroadcastWarning, Figure, Judgement, Severity } from '../../api/types';

const SEVERITIES: Readonly<Record<Judgement, Severity>> = { good: 'green', warn: 'amber', bad: 'red' };

export function severityOfFigure({ verdict }: Pick<Figure, 'verdict'>): Severity {
  return SEVERITIES[verdict];
}

/** The server's words for severities, and anything new as amber. */
export function severityOf(severity: string): Severity {
  if (severity === 'error') return 'red';
  return severity === 'info' ? 'green' : 'amber';
}

/** The worst of everything said. */
export function overall(figures: readonly Figure[], warnings: readonly BroadcastWarning[]): Severity {
  const all = [...figures.map(severityOfFigure), ...warnings.map(({ severity }) => severityOf(severity))];
  if (all.includes('red')) return 'red';
  return all.includes('amber') ? 'amber' : 'green';
}

/** The figures that are not good, the worst first. */
export function faults(figures: readonly Figure[]): Figure[] {
  const bad = figures.filter(({ verdict }) => verdict === 'bad');
  return [...bad, ...figures.filter(({ verdict }) => verdict === 'warn')];
}

/** Warnings that no figure says already. */
export function unsaid(warnings: readonly BroadcastWarning[], figures: readonly Figure[]): BroadcastWarning[] {
  return warnings.filter(({ code }) => !figures.some((figure) => figure.code === code));
}
