import { useCallback, useState } from 'react';
import { useApi } from '../../api/context';
import type { Account, AccountPage, AccountRow, SiteRole } from '../../api/types';
import { usePolled } from '../../api/usePolled';
import { Button } from '../../components/Button';
import { ConfirmDialog } from '../../components/Dialog';
import { Skeleton } from '../../components/Skeleton';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { useErrorText } from '../../i18n/errorText';
import { Unreachable } from '../../shell/Unreachable';

const TYPING_MS = 250;
const ROLES: readonly SiteRole[] = ['user', 'staff', 'admin'];

/** Find an account; disable it, enable it, give it a role. */
export function AccountPanel({ viewer }: { viewer: Account }) {
  const { t } = useI18n();
  const api = useApi();
  const toast = useToast();
  const errorText = useErrorText();
  const [text, setText] = useState('');
  const query = text.trim();
  const load = useCallback(
    (signal: AbortSignal) => searchSoon(() => api.admin.accounts(query, undefined, signal), signal),
    [api, query],
  );
  const { data, error, reload, replace } = usePolled(load, 0);
  const [asked, setAsked] = useState<AccountRow | null>(null);

  const change = async (row: AccountRow, edit: { disabled?: boolean; site_role?: SiteRole }) => {
    try {
      const changed = await api.admin.changeAccount(row.id, edit);
      if (data) replace({ ...data, accounts: data.accounts.map((one) => (one.id === row.id ? changed : one)) });
      toast({ kind: 'good', text: t('admin.changed', { name: row.name }) });
    } catch (thrown) {
      toast({ kind: 'bad', text: errorText(thrown) });
    }
    setAsked(null);
  };
  const more = async (page: AccountPage) => {
    try {
      const next = await api.admin.accounts(query, page.next ?? undefined);
      replace({ accounts: [...page.accounts, ...next.accounts], next: next.next });
    } catch (thrown) {
      toast({ kind: 'bad', text: errorText(thrown) });
    }
  };

  return (
    <section className="panel">
      <div className="panel-head">
        <h2>{t('admin.accounts')}</h2>
        <input
          className="input admin-search"
          type="search"
          aria-label={t('admin.searchAccounts')}
          placeholder={t('admin.searchAccounts')}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      {data === null && error === null && <Skeleton height="144px" />}
      {error !== null && <Unreachable error={error} onRetry={reload} />}
      {data?.accounts.length === 0 && <p className="muted">{t('admin.accountsNone')}</p>}
      {data !== null && (
        <ul className="rows">
          {data.accounts.map((row) => (
            <Row
              key={row.id}
              row={row}
              viewer={viewer}
              onRole={(site_role) => void change(row, { site_role })}
              onEnable={() => void change(row, { disabled: false })}
              onDisable={() => setAsked(row)}
            />
          ))}
        </ul>
      )}
      {isMore(data) && <Button onClick={() => void more(data)}>{t('admin.more')}</Button>}
      {asked !== null && (
        <ConfirmDialog
          title={t('admin.disableTitle', { name: asked.name })}
          text={t('admin.disableText', { name: asked.name })}
          confirmLabel={t('admin.disable')}
          onConfirm={() => void change(asked, { disabled: true })}
          onClose={() => setAsked(null)}
        />
      )}
    </section>
  );
}

function Row({
  row,
  viewer,
  onRole,
  onEnable,
  onDisable,
}: {
  row: AccountRow;
  viewer: Account;
  onRole: (role: SiteRole) => void;
  onEnable: () => void;
  onDisable: () => void;
}) {
  const { t, ago, moment } = useI18n();
  const isSelf = row.id === viewer.id;
  // the server says the same: staff may not touch each other
  const mayDisable = !isSelf && (viewer.site_role === 'admin' || row.site_role === 'user');
  return (
    <li>
      <div className="admin-text">
        <p>
          <strong>{row.name}</strong> {isSelf && <span className="badge badge-accent">{t('admin.you')}</span>}{' '}
          {row.disabled && <span className="badge badge-bad">{t('admin.disabled')}</span>}
        </p>
        <p className="muted" title={moment(row.created_ms)}>
          {t('admin.joined', { ago: ago(row.created_ms) })}
        </p>
      </div>
      <div className="row">
        {viewer.site_role === 'admin' && !isSelf ? (
          <select
            className="input admin-role"
            aria-label={t('admin.role', { name: row.name })}
            value={row.site_role}
            onChange={(event) => onRole(event.target.value as SiteRole)}
          >
            {ROLES.map((role) => (
              <option key={role} value={role}>
                {t(`admin.role_${role}`)}
              </option>
            ))}
          </select>
        ) : (
          <span className="badge">{t(`admin.role_${row.site_role}`)}</span>
        )}
        {mayDisable && (
          <Button size="s" variant={row.disabled ? 'secondary' : 'danger'} onClick={row.disabled ? onEnable : onDisable}>
            {t(row.disabled ? 'admin.enable' : 'admin.disable')}
          </Button>
        )}
      </div>
    </li>
  );
}

function isMore(page: AccountPage | null): page is AccountPage {
  const next = page?.next ?? null;
  return next !== null;
}

/** Wait for a pause in the typing; a further letter aborts. */
async function searchSoon(search: () => Promise<AccountPage>, signal: AbortSignal): Promise<AccountPage> {
  await new Promise((resolve) => setTimeout(resolve, TYPING_MS));
  signal.throwIfAborted();
  return await search();
}
