import { useCallback, useState } from 'react';
import { useApi } from '../../api/context';
import type { SignedInDevice } from '../../api/types';
import { usePolled } from '../../api/usePolled';
import { Button } from '../../components/Button';
import { ConfirmDialog } from '../../components/Dialog';
import { Icon } from '../../components/Icon';
import { Skeleton } from '../../components/Skeleton';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { useErrorText } from '../../i18n/errorText';
import { useSession } from '../../session/context';
import { Unreachable } from '../../shell/Unreachable';
import { useSubmit } from '../useSubmit';
import { deviceName } from './deviceName';

/** Every signed-in device, each with its way out. */
export function SessionList() {
  const { t } = useI18n();
  const api = useApi();
  const { keeper } = useSession();
  const toast = useToast();
  const errorText = useErrorText();
  const load = useCallback((signal: AbortSignal) => api.account.sessions(signal), [api]);
  const { data, error, reload, replace } = usePolled(load, 0);
  const [isAsking, setAsking] = useState(false);
  const everywhere = useSubmit();

  const end = async (device: SignedInDevice) => {
    try {
      await api.account.endSession(device.id);
      if (data) replace({ sessions: data.sessions.filter((one) => one.id !== device.id) });
      toast({ kind: 'good', text: t('settings.sessionEnded') });
    } catch (thrown) {
      toast({ kind: 'bad', text: errorText(thrown) });
      reload();
    }
  };
  const signOutEverywhere = () =>
    everywhere.submit(async () => {
      await api.account.signOutEverywhere();
      keeper.end();
      toast({ kind: 'good', text: t('settings.signedOutEverywhere') });
    });

  return (
    <section className="panel">
      <div className="panel-head">
        <h2>{t('settings.sessions')}</h2>
        <Button size="s" variant="danger" onClick={() => setAsking(true)}>
          {t('settings.everywhere')}
        </Button>
      </div>
      {data === null && error === null && <Skeleton height="96px" />}
      {data === null && error !== null && <Unreachable error={error} onRetry={reload} />}
      {data !== null && (
        <ul className="rows">
          {data.sessions.map((device) => (
            <DeviceRow key={device.id} device={device} onEnd={() => void end(device)} />
          ))}
        </ul>
      )}
      {isAsking && (
        <ConfirmDialog
          title={t('settings.everywhere')}
          text={t('settings.everywhereText')}
          confirmLabel={t('settings.everywhere')}
          busy={everywhere.isBusy}
          error={everywhere.errorOf(null)}
          onConfirm={() => void signOutEverywhere()}
          onClose={() => setAsking(false)}
        />
      )}
    </section>
  );
}

function DeviceRow({ device, onEnd }: { device: SignedInDevice; onEnd: () => void }) {
  const { t, ago, moment } = useI18n();
  const name = deviceName(device.user_agent) ?? t('settings.unknownDevice');
  return (
    <li>
      <div className="device">
        <Icon name="device" />
        <div>
          <p title={device.user_agent}>
            {name} {device.current && <span className="badge badge-good">{t('settings.current')}</span>}
          </p>
          <p className="muted">
            {device.address} ·{' '}
            <span title={moment(device.last_used_ms)}>{t('settings.lastUsed', { ago: ago(device.last_used_ms) })}</span>
          </p>
        </div>
      </div>
      {!device.current && (
        <Button size="s" onClick={onEnd} aria-label={t('settings.endSessionOf', { device: name })}>
          {t('settings.endSession')}
        </Button>
      )}
    </li>
  );
}
