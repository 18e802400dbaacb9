import { useState } from 'react';
import type { BroadcastHealth } from '../../api/types';
import { useI18n } from '../../i18n/context';
import { useNow } from '../../shell/useNow';
import { FIGURES, NO_HISTORY, noted, pointsOf, type FigureName } from './history';
import { LineChart } from './LineChart';

const SPANS_MINUTES = [5, 30] as const;
const LABELS = {
  video_kbps: 'dashboard.video',
  fps: 'dashboard.fps',
  keyframe_seconds: 'dashboard.keyframes',
  speed: 'dashboard.speed',
  viewers: 'dashboard.viewersLabel',
} as const;

/** How the broadcast went so far, as lines. */
export function HistoryPanel({ health }: { health: BroadcastHealth }) {
  const { t, number } = useI18n();
  const now = useNow(2000);
  const [history, setHistory] = useState(NO_HISTORY);
  const [seen, setSeen] = useState<BroadcastHealth | null>(null);
  const [minutes, setMinutes] = useState<number>(SPANS_MINUTES[0]);
  if (seen !== health) {
    setSeen(health);
    setHistory(noted(history, health, now));
  }
  const { moments } = history;
  // a young broadcast fills the width, once it has a minute
  const fromMs = Math.max(now - minutes * 60_000, Math.min(moments[0]?.at_ms ?? now, now - 60_000));
  if (health.state === 'offline' || moments.length < 2) return null;
  const format: Record<FigureName, (value: number) => string> = {
    video_kbps: (value) => `${number(Math.round(value))} ${t('dashboard.kbps')}`,
    fps: (value) => number(value, { maximumFractionDigits: 1 }),
    keyframe_seconds: (value) => `${number(value, { maximumFractionDigits: 1 })} ${t('dashboard.seconds')}`,
    speed: (value) => `${number(value, { maximumFractionDigits: 2 })}×`,
    viewers: (value) => number(Math.round(value)),
  };
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
        {FIGURES.map((name) => (
          <LineChart
            key={name}
            label={t(LABELS[name])}
            points={pointsOf(moments, name)}
            fromMs={fromMs}
            toMs={now}
            format={format[name]}
          />
        ))}
      </div>
    </section>
  );
}
