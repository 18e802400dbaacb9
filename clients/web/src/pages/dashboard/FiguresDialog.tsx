import { useCallback } from 'react';
import { useApi } from '../../api/context';
import type { BroadcastAnalytics, HealthChart, Vod } from '../../api/types';
import { usePolled } from '../../api/usePolled';
import { Dialog } from '../../components/Dialog';
import { Skeleton } from '../../components/Skeleton';
import { useI18n } from '../../i18n/context';
import { Unreachable } from '../../shell/Unreachable';
import { mean, pointsOf, viewersOf } from './chart';
import { useFigureText } from './figureText';
import { LineChart } from './LineChart';

interface Figures {
  chart: HealthChart;
  analytics: BroadcastAnalytics;
}

/** How a broadcast that is over went: who watched, and what arrived. */
export function FiguresDialog({ slug, vod, title, onClose }: { slug: string; vod: Vod; title: string; onClose: () => void }) {
  const { t } = useI18n();
  const api = useApi();
  const load = useCallback(
    async (signal: AbortSignal): Promise<Figures> => {
      const [chart, analytics] = await Promise.all([
        api.broadcast.wholeChart(slug, vod.public_id, signal),
        api.broadcast.analytics(slug, vod.public_id, signal),
      ]);
      return { chart, analytics };
    },
    [api, slug, vod.public_id],
  );
  const { data, error, reload } = usePolled(load, 0);
  return (
    <Dialog title={t('dashboard.figuresOf', { title })} onClose={onClose}>
      {data === null && error === null && <Skeleton height="200px" />}
      {data === null && error !== null && <Unreachable error={error} onRetry={reload} />}
      {data !== null && <Lines {...data} />}
    </Dialog>
  );
}

function Lines({ chart, analytics }: Figures) {
  const { t, number } = useI18n();
  const { labelOf, valueOf } = useFigureText();
  const lines = [
    { name: 'viewers', points: viewersOf(analytics) },
    { name: 'video_kbps', points: pointsOf(chart, 'video_kbps') },
  ].filter(({ points }) => points.length > 1);
  const average = mean(analytics.viewers_avg);
  if (lines.length === 0 && average === null) return <p className="muted">{t('dashboard.figuresNone')}</p>;
  // one scale of time for both
  const moments = lines.flatMap(({ points }) => points.map(({ at_ms }) => at_ms));
  const fromMs = moments.reduce((least, at) => Math.min(least, at), Infinity);
  const toMs = moments.reduce((most, at) => Math.max(most, at), 0);
  return (
    <>
      {average !== null && (
        <p>
          {t('dashboard.figuresViewers', {
            average: number(average, { maximumFractionDigits: 1 }),
            peak: number(analytics.totals.viewers_max),
          })}
        </p>
      )}
      {lines.map(({ name, points }) => (
        <LineChart
          key={name}
          isOver
          label={labelOf(name)}
          points={points}
          fromMs={fromMs}
          toMs={toMs}
          format={(value) => valueOf(name, value)}
        />
      ))}
    </>
  );
}
