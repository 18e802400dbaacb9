import { useState, type SyntheticEvent } from 'react';
import { useNavigate } from 'react-router';
import { useApi } from '../../api/context';
import { Button } from '../../components/Button';
import { Dialog } from '../../components/Dialog';
import { PasswordField } from '../../components/Field';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { useSession } from '../../session/context';
import { SubmitRow } from '../SubmitRow';
import { useSubmit } from '../useSubmit';

export function DeleteAccount() {
  const { t } = useI18n();
  const [isAsking, setAsking] = useState(false);
  return (
    <section className="panel">
      <h2>{t('settings.deleteTitle')}</h2>
      <p className="muted">{t('settings.deleteWarning')}</p>
      <div>
        <Button variant="danger" onClick={() => setAsking(true)}>
          {t('settings.deleteAccount')}
        </Button>
      </div>
      {isAsking && <DeleteDialog onClose={() => setAsking(false)} />}
    </section>
  );
}

function DeleteDialog({ onClose }: { onClose: () => void }) {
  const { t } = useI18n();
  const api = useApi();
  const { account, keeper } = useSession();
  const toast = useToast();
  const navigate = useNavigate();
  const submission = useSubmit(['password']);
  const [password, setPassword] = useState('');

  const onSubmit = (event: SyntheticEvent) => {
    event.preventDefault();
    void submission.submit(async () => {
      await api.account.remove(password);
      toast({ kind: 'info', text: t('settings.deleted') });
      await navigate('/');
      keeper.end();
    });
  };
  return (
    <Dialog title={t('settings.deleteTitle')} onClose={onClose}>
      <p>{t('settings.deleteWarning')}</p>
      <form className="stack" noValidate onSubmit={onSubmit}>
        <input type="text" name="username" autoComplete="username" value={account?.name ?? ''} readOnly hidden />
        <PasswordField
          label={t('auth.password')}
          autoComplete="current-password"
          value={password}
          onChange={setPassword}
          error={submission.errorOf('password')}
        />
        <SubmitRow
          submission={submission}
          label={t('settings.confirmDelete')}
          variant="danger"
          disabled={password === ''}
        />
      </form>
    </Dialog>
  );
}
