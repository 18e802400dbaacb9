import { useId } from 'react';
import { useI18n } from '../../i18n/context';
import { draw, sampled, type Point } from './chart';
import './chart.css';

const WIDTH = 600;
const HEIGHT = 96;
const ROWS = 12;

export interface LineChartProps {
  label: string;
  /** Oldest first. */
  points: readonly Point[];
  fromMs: number;
  toMs: number;
  /** A value with its unit. */
  format: (value: number) => string;
  /** Nothing of it is now. */
  isOver?: boolean;
}

/** One figure over time, and the same as a table for those who don't see it. */
export function LineChart({ label, points, fromMs, toMs, format, isOver = false }: LineChartProps) {
  const { t, time } = useI18n();
  const id = useId();
  const { path, top, bottom, latest, least, most } = draw(points, fromMs, toMs, WIDTH, HEIGHT);
  const summary =
    latest === null || least === null || most === null
      ? t('dashboard.chartNothing')
      : t(isOver ? 'dashboard.chartRange' : 'dashboard.chartSummary', { latest: format(latest), least: format(least), most: format(most) });
  return (
    <figure className="chart">
      <figcaption>
        <span id={id}>{label}</span>
        <span id={`${id}-summary`} className="chart-summary">{summary}</span>
      </figcaption>
      <div className="chart-box">
        <span className="chart-top" aria-hidden="true">
          {format(top)}
        </span>
        {bottom < 0 && (
          <span className="chart-bottom" aria-hidden="true">
            {format(bottom)}
          </span>
        )}
        <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} preserveAspectRatio="none" role="img" aria-labelledby={`${id} ${id}-summary`}>
          <path className="chart-grid" d={`M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`} />
          <path className="chart-line" d={path} />
        </svg>
      </div>
      <div className="chart-times" aria-hidden="true">
        <time>{time(fromMs)}</time>
        <time>{time(toMs)}</time>
      </div>
      <details>
        <summary>{t('dashboard.chartTable')}</summary>
        <table aria-labelledby={id}>
          <thead>
            <tr>
              <th scope="col">{t('dashboard.chartTime')}</th>
              <th scope="col">{label}</th>
            </tr>
          </thead>
          <tbody>
            {sampled(points, ROWS).map(({ at_ms, value }) => (
              <tr key={at_ms}>
                <td>{time(at_ms)}</td>
                <td>{value === null ? '–' : format(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
