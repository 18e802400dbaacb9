import { useCallback, useState } from 'react';
import { Link } from 'react-router';
import { useApi } from '../../api/context';
import type { BroadcastRow } from '../../api/types';
import { usePolled } from '../../api/usePolled';
import { Button } from '../../components/Button';
import { ConfirmDialog } from '../../components/Dialog';
import { Skeleton } from '../../components/Skeleton';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { Unreachable } from '../../shell/Unreachable';
import { useNow } from '../../shell/useNow';
import { useSubmit } from '../useSubmit';

const REFRESH_MS = 5000;

/** Everybody who is live, each with a stop. */
export function BroadcastPanel() {
  const { t, span, moment } = useI18n();
  const api = useApi();
  const toast = useToast();
  const now = useNow(REFRESH_MS);
  const load = useCallback((signal: AbortSignal) => api.admin.broadcasts(signal), [api]);
  const { data, error, reload } = usePolled(load, REFRESH_MS);
  const [asked, setAsked] = useState<BroadcastRow | null>(null);
  const stopping = useSubmit();
  const stop = (row: BroadcastRow) =>
    stopping.submit(async () => {
      await api.admin.stopBroadcast(row.public_id);
      setAsked(null);
      toast({ kind: 'good', text: t('admin.stopped', { name: row.channel }) });
      reload();
    });
  return (
    <section className="panel">
      <h2>{t('admin.broadcasts')}</h2>
      {data === null && error === null && <Skeleton height="48px" />}
      {error !== null && <Unreachable error={error} onRetry={reload} />}
      {data?.broadcasts.length === 0 && <p className="muted">{t('admin.broadcastsNone')}</p>}
      {data !== null && data.broadcasts.length > 0 && (
        <ul className="rows">
          {data.broadcasts.map((row) => (
            <li key={row.public_id}>
              <div className="admin-text">
                <p>
                  <Link to={`/${row.channel}`}>{row.channel}</Link>{' '}
                  <span className={row.state === 'live' ? 'badge badge-live' : 'badge'}>
                    {t(`dashboard.state_${row.state}`)}
                  </span>
                </p>
                <p className="muted" title={moment(row.since_ms)}>
                  {[row.title, t('home.viewers', { count: row.viewers }), span(now - row.since_ms)]
                    .filter(Boolean)
                    .join(' · ')}
                </p>
              </div>
              <Button
                size="s"
                variant="danger"
                aria-label={t('admin.stopOf', { name: row.channel })}
                onClick={() => setAsked(row)}
              >
                {t('admin.stop')}
              </Button>
            </li>
          ))}
        </ul>
      )}
      {asked !== null && (
        <ConfirmDialog
          title={t('admin.stopTitle')}
          text={t('admin.stopText', { name: asked.channel })}
          confirmLabel={t('admin.stop')}
          busy={stopping.isBusy}
          error={stopping.errorOf(null)}
          onConfirm={() => void stop(asked)}
          onClose={() => setAsked(null)}
        />
      )}
    </section>
  );
}
