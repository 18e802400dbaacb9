import { useCallback } from 'react';
import { useApi } from '../../api/context';
import { usePolled } from '../../api/usePolled';
import { ButtonLink } from '../../components/Button';
import { EmptyState } from '../../components/EmptyState';
import { Switch } from '../../components/Field';
import { Skeleton } from '../../components/Skeleton';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { useErrorText } from '../../i18n/errorText';
import { SignedInOnly } from '../../shell/SignedInOnly';
import { Unreachable } from '../../shell/Unreachable';
import { useTitle } from '../../shell/useTitle';
import { AccountPanel } from './AccountPanel';
import { BroadcastPanel } from './BroadcastPanel';
import './admin.css';

/** The site's staff: who is live, who may register, accounts.  The server checks every step again. */
export default function AdminPage() {
  const { t } = useI18n();
  useTitle(t('admin.title'));
  return (
    <SignedInOnly>
      {(account) =>
        account.site_role === 'user' ? (
          <EmptyState
            icon="shield"
            title={t('admin.forbiddenTitle')}
            actions={
              <ButtonLink to="/" variant="primary">
                {t('shell.toHome')}
              </ButtonLink>
            }
          >
            <p>{t('admin.forbiddenText')}</p>
          </EmptyState>
        ) : (
          <div className="page page-admin stack">
            <h1>{t('admin.title')}</h1>
            {account.site_role === 'admin' && <SitePanel />}
            <BroadcastPanel />
            <AccountPanel viewer={account} />
          </div>
        )
      }
    </SignedInOnly>
  );
}

function SitePanel() {
  const { t } = useI18n();
  const api = useApi();
  const toast = useToast();
  const errorText = useErrorText();
  const load = useCallback((signal: AbortSignal) => api.admin.settings(signal), [api]);
  const { data, error, reload, replace } = usePolled(load, 0);
  const change = async (isOpen: boolean) => {
    try {
      replace(await api.admin.changeSettings({ registration_open: isOpen }));
      toast({ kind: 'good', text: t(isOpen ? 'admin.registrationOpen' : 'admin.registrationClosed') });
    } catch (thrown) {
      toast({ kind: 'bad', text: errorText(thrown) });
    }
  };
  return (
    <section className="panel">
      <h2>{t('admin.site')}</h2>
      {data !== null && (
        <Switch
          label={t('admin.registration')}
          isOn={data.registration_open}
          onChange={(isOpen) => void change(isOpen)}
        />
      )}
      {data === null && error === null && <Skeleton width="240px" height="32px" />}
      {data === null && error !== null && <Unreachable error={error} onRetry={reload} />}
    </section>
  );
}
