import { useState } from 'react';
import { useApi } from '../../api/context';
import type { BroadcastHealth, BroadcastWarning, Figure } from '../../api/types';
import type { Polled } from '../../api/usePolled';
import { Button } from '../../components/Button';
import { ConfirmDialog } from '../../components/Dialog';
import { Skeleton } from '../../components/Skeleton';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { hasMessage } from '../../i18n/languages';
import { Notice } from '../../shell/Notice';
import { Unreachable } from '../../shell/Unreachable';
import { useNow } from '../../shell/useNow';
import { useSubmit } from '../useSubmit';
import type { Alarm } from './alarms';
import { faults, overall, severityOf, severityOfFigure, unsaid } from './figures';
import { useFigureText } from './figureText';
import { Metrics } from './Metrics';
import { useAlarms } from './useAlarms';

const NOTICE_KINDS = { green: 'info', amber: 'warn', red: 'bad' } as const;
const HEALTH = { green: 'dashboard.healthGreen', amber: 'dashboard.healthAmber', red: 'dashboard.healthRed' } as const;

/** Is it live, how does it arrive, and what to change: renewed every 2 s; a warning is said as it comes. */
export function HealthPanel({ polled, slug }: { polled: Polled<BroadcastHealth>; slug: string }) {
  const { t, ago } = useI18n();
  const { data: health, error, reload } = polled;
  const now = useNow(1000);
  const toast = useToast();
  const say = (alarm: Alarm, isOver: boolean) => {
    const words = adviceOf({ ...alarm, advice: wordsOf('warning', alarm, t), metric: alarm.metric ?? '', value: null });
    toast(isOver ? { kind: 'good', text: t('dashboard.warningOver', { warning: words }) } : { kind: 'bad', text: words });
  };
  const { adviceOf } = useFigureText();
  const heard = useAlarms(slug, health !== null && health.state !== 'offline', say);
  if (health === null) {
    return (
      <section className="panel">
        {error === null ? <Skeleton height="160px" /> : <Unreachable error={error} onRetry={reload} />}
      </section>
    );
  }
  const figures = health.state === 'live' ? (heard.figures ?? health.health) : [];
  return (
    <section className="panel" aria-labelledby="health">
      <State health={health} now={now} slug={slug} onStopped={reload} />
      {error !== null && <Unreachable error={error} onRetry={reload} />}
      {health.refused !== null && (
        <Notice kind="bad">
          {t('dashboard.refused', { ago: ago(health.refused.at_ms, now), message: wordsOf('refused', health.refused, t) })}
        </Notice>
      )}
      {health.state === 'live' && <Overall health={health} figures={figures} />}
      {health.source !== null && <Metrics health={health} figures={figures} />}
    </section>
  );
}

function State({
  health,
  now,
  slug,
  onStopped,
}: {
  health: BroadcastHealth;
  now: number;
  slug: string;
  onStopped: () => void;
}) {
  const { t, span } = useI18n();
  const api = useApi();
  const toast = useToast();
  const stopping = useSubmit();
  const [isAsking, setAsking] = useState(false);
  const { state } = health;
  const stop = () =>
    stopping.submit(async () => {
      await api.broadcast.stop(slug);
      setAsking(false);
      toast({ kind: 'good', text: t('dashboard.stopped') });
      onStopped();
    });
  return (
    <>
      <div className="panel-head">
        <h2 id="health" className="health-state">
          <span className={state === 'live' ? 'badge badge-live' : 'badge'}>{t(`dashboard.state_${state}`)}</span>
        </h2>
        {state !== 'offline' && (
          <Button size="s" variant="danger" icon="stop" onClick={() => setAsking(true)}>
            {t('dashboard.stop')}
          </Button>
        )}
      </div>
      <p>
        {t(`dashboard.stateText_${state}`, {
          span: span(health.since_ms === null ? 0 : now - health.since_ms),
          viewers: t('dashboard.viewers', { count: health.viewers }),
        })}
      </p>
      {isAsking && (
        <ConfirmDialog
          title={t('dashboard.stopTitle')}
          text={t('dashboard.stopText')}
          confirmLabel={t('dashboard.stop')}
          busy={stopping.isBusy}
          error={stopping.errorOf(null)}
          onConfirm={() => void stop()}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

function Overall({ health, figures }: { health: BroadcastHealth; figures: readonly Figure[] }) {
  const { t } = useI18n();
  const { adviceOf, labelOf } = useFigureText();
  const warnings = unsaid(health.warnings, figures);
  const severity = overall(figures, warnings);
  return (
    <div className="stack" role="status">
      <h3 className="health-state">
        <span className={`dot dot-${severity}`} aria-hidden="true" />
        {t(HEALTH[severity])}
      </h3>
      {warnings.map((warning) => (
        <Notice key={warning.code} kind={NOTICE_KINDS[severityOf(warning.severity)]}>
          {wordsOf('warning', warning, t)}
        </Notice>
      ))}
      {faults(figures).map((figure) => (
        <Notice key={figure.metric} kind={NOTICE_KINDS[severityOfFigure(figure)]}>
          <strong>{labelOf(figure.metric)}</strong>: {adviceOf(figure)}
        </Notice>
      ))}
    </div>
  );
}

/** Our own words for the code, else the server's sentence. */
function wordsOf(
  kind: 'warning' | 'refused',
  said: Pick<BroadcastWarning, 'code' | 'message'>,
  t: ReturnType<typeof useI18n>['t'],
): string {
  const key = `dashboard.${kind}_${said.code}`;
  return hasMessage(key) ? t(key) : said.message;
}
