import { useMemo } from 'react';
import type { Figure } from '../../api/types';
import { useI18n } from '../../i18n/context';
import { hasMessage } from '../../i18n/languages';

/** How many places behind the point each metric has. */
const PLACES: Readonly<Record<string, number>> = { fps: 1, keyframe_seconds: 1, speed: 2, dropped_percent: 1, audio_db: 0 };

/** Figures in the viewer's language; what is new to us stands in the server's words. */
export function useFigureText() {
  const { t, number } = useI18n();
  return useMemo(() => {
    const labelOf = (metric: string) => {
      const key = `dashboard.metric_${metric}`;
      return hasMessage(key) ? t(key) : metric;
    };
    const valueOf = (metric: string, value: number) => {
      const text = number(value, { maximumFractionDigits: PLACES[metric] ?? 0 });
      const key = `dashboard.unit_${metric}`;
      return hasMessage(key) ? t(key, { value: text }) : text;
    };
    const adviceOf = (figure: Pick<Figure, 'code' | 'advice' | 'metric' | 'value'>) => {
      const key = `dashboard.advice_${figure.code}`;
      return hasMessage(key) ? t(key, { value: figure.value === null ? '' : valueOf(figure.metric, figure.value) }) : figure.advice;
    };
    return { labelOf, valueOf, adviceOf };
  }, [t, number]);
}
