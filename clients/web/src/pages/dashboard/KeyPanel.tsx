import { useState } from 'react';
import { useApi } from '../../api/context';
import type { NewStreamKey, StreamKey, StreamKeys } from '../../api/types';
import type { Polled } from '../../api/usePolled';
import { Button } from '../../components/Button';
import { CopyField } from '../../components/CopyField';
import { ConfirmDialog } from '../../components/Dialog';
import { Skeleton } from '../../components/Skeleton';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { Unreachable } from '../../shell/Unreachable';
import { useSubmit } from '../useSubmit';
import { NewKeyDialog, SecretDialog } from './KeyDialogs';

type Asking = { to: 'create' } | { to: 'rotate' | 'revoke'; key: StreamKey } | { to: 'keep'; made: NewStreamKey };

/** Where OBS sends to, and the keys that let it in. */
export function KeyPanel({ polled, slug }: { polled: Polled<StreamKeys>; slug: string }) {
  const { t } = useI18n();
  const [asking, setAsking] = useState<Asking | null>(null);
  const { data, error, reload } = polled;
  const close = () => setAsking(null);
  const keep = (made: NewStreamKey) => {
    setAsking({ to: 'keep', made });
    reload();
  };
  const active = data?.keys.filter((key) => !key.revoked) ?? [];
  const revoked = data?.keys.filter((key) => key.revoked) ?? [];
  return (
    <section className="panel">
      <div className="panel-head">
        <h2>{t('dashboard.keys')}</h2>
        <Button size="s" variant={active.length === 0 ? 'primary' : 'secondary'} icon="plus" onClick={() => setAsking({ to: 'create' })}>
          {t('dashboard.newKey')}
        </Button>
      </div>
      {data === null && error === null && <Skeleton height="140px" />}
      {data === null && error !== null && <Unreachable error={error} onRetry={reload} />}
      {data !== null && (
        <>
          <CopyField label={t('dashboard.server')} value={data.server} copyLabel={t('dashboard.copyServer')} />
          <p className="muted">{t(active.length === 0 ? 'dashboard.createFirst' : 'dashboard.keysHint')}</p>
          <ul className="rows">
            {active.map((key) => (
              <KeyRow key={key.id} streamKey={key} onAsk={(to) => setAsking({ to, key })} />
            ))}
          </ul>
          {revoked.length > 0 && (
            <details className="revoked">
              <summary>{t('dashboard.showRevoked', { count: revoked.length })}</summary>
              <ul className="rows">
                {revoked.map((key) => (
                  <KeyRow key={key.id} streamKey={key} />
                ))}
              </ul>
            </details>
          )}
        </>
      )}
      {asking?.to === 'create' && <NewKeyDialog slug={slug} onMade={keep} onClose={close} />}
      {asking?.to === 'keep' && <SecretDialog made={asking.made} server={data?.server ?? ''} onClose={close} />}
      {(asking?.to === 'rotate' || asking?.to === 'revoke') && (
        <KeyConfirm slug={slug} to={asking.to} streamKey={asking.key} onMade={keep} onGone={reload} onClose={close} />
      )}
    </section>
  );
}

function KeyRow({ streamKey, onAsk }: { streamKey: StreamKey; onAsk?: (to: 'rotate' | 'revoke') => void }) {
  const { t, ago, moment } = useI18n();
  const used =
    streamKey.last_used_ms === null ? t('dashboard.keyNever') : t('dashboard.keyUsed', { ago: ago(streamKey.last_used_ms) });
  return (
    <li>
      <div className="key-text">
        <p>
          <strong>{streamKey.label}</strong>{' '}
          {streamKey.revoked && <span className="badge">{t('dashboard.keyRevoked')}</span>}
        </p>
        <p className="muted" title={moment(streamKey.created_ms)}>
          {t('dashboard.keyCreated', { ago: ago(streamKey.created_ms) })}, {used}
        </p>
      </div>
      {onAsk && (
        <div className="row">
          <Button size="s" onClick={() => onAsk('rotate')} aria-label={`${t('dashboard.rotate')}: ${streamKey.label}`}>
            {t('dashboard.rotate')}
          </Button>
          <Button
            size="s"
            variant="danger"
            onClick={() => onAsk('revoke')}
            aria-label={`${t('dashboard.revoke')}: ${streamKey.label}`}
          >
            {t('dashboard.revoke')}
          </Button>
        </div>
      )}
    </li>
  );
}

function KeyConfirm({
  slug,
  to,
  streamKey,
  onMade,
  onGone,
  onClose,
}: {
  slug: string;
  to: 'rotate' | 'revoke';
  streamKey: StreamKey;
  onMade: (made: NewStreamKey) => void;
  onGone: () => void;
  onClose: () => void;
}) {
  const { t } = useI18n();
  const api = useApi();
  const toast = useToast();
  const submission = useSubmit();
  const confirm = () =>
    submission.submit(async () => {
      if (to === 'rotate') {
        onMade(await api.keys.rotate(slug, streamKey.id));
        return;
      }
      await api.keys.revoke(slug, streamKey.id);
      toast({ kind: 'good', text: t('dashboard.revoked') });
      onGone();
      onClose();
    });
  return (
    <ConfirmDialog
      title={t(`dashboard.${to}Title`)}
      text={t(`dashboard.${to}Text`, { label: streamKey.label })}
      confirmLabel={t(`dashboard.${to}`)}
      busy={submission.isBusy}
      error={submission.errorOf(null)}
      onConfirm={() => void confirm()}
      onClose={onClose}
    />
  );
}
