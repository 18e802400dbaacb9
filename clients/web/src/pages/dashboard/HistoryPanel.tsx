import { useCallback, useState } from 'react';
import { useApi } from '../../api/context';
import { CHART_SERIES } from '../../api/types';
import { usePolled } from '../../api/usePolled';
import { useI18n } from '../../i18n/context';
import { pointsOf } from './chart';
import { useFigureText } from './figureText';
import { LineChart } from './LineChart';

const SPANS_MINUTES = [5, 15, 60] as const;
/** A longer span changes less in the eye, and costs more to send. */
const REFRESH_MS: Readonly<Record<number, number>> = { 5: 4000, 15: 10_000, 60: 30_000 };

/** How the broadcast has gone, as lines; nothing before there are two points. */
export function HistoryPanel({ slug }: { slug: string }) {
  const { t } = useI18n();
  const api = useApi();
  const { labelOf, valueOf } = useFigureText();
  const [minutes, setMinutes] = useState<number>(SPANS_MINUTES[0]);
  const load = useCallback((signal: AbortSignal) => api.broadcast.chart(slug, minutes, signal), [api, slug, minutes]);
  const { data: chart } = usePolled(load, REFRESH_MS[minutes] ?? 10_000);
  const [last, setLast] = useState(chart);
  if (chart !== null && chart !== last) setLast(chart);
  // while another span loads, the last one stays
  const shown = chart ?? last;
  const series = shown === null ? [] : CHART_SERIES.map((name) => ({ name, points: pointsOf(shown, name) })).filter(({ points }) => points.length > 1);
  if (series.length === 0) return null;
  const fromMs = Math.min(...series.map(({ points }) => points[0]?.at_ms ?? Infinity));
  const toMs = Math.max(...series.map(({ points }) => points.at(-1)?.at_ms ?? 0));
  return (
    <section className="panel stack" aria-labelledby="history">
      <div className="panel-head">
        <h2 id="history">{t('dashboard.history')}</h2>
        <div className="row" role="group" aria-label={t('dashboard.historySpan')}>
          {SPANS_MINUTES.map((span) => (
            <button
              key={span}
              type="button"
              className="button button-secondary button-s"
              aria-pressed={minutes === span}
              onClick={() => setMinutes(span)}
            >
              {t('dashboard.minutes', { count: span })}
            </button>
          ))}
        </div>
      </div>
      <div className="charts">
        {series.map(({ name, points }) => (
          <LineChart
            key={name}
            label={labelOf(name)}
            points={points}
            fromMs={fromMs}
            toMs={toMs}
            format={(value) => valueOf(name, value)}
          />
        ))}
      </div>
    </section>
  );
}
