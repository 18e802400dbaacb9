import { useState, type SyntheticEvent } from 'react';
import { useApi } from '../../api/context';
import { PasswordField } from '../../components/Field';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { useSession } from '../../session/context';
import { SubmitRow } from '../SubmitRow';
import { useSubmit } from '../useSubmit';
import { isPassword } from './rules';

/** Old password, new one twice.  The reply is a new session; all the others end. */
export function PasswordForm({ oldLabel, onDone }: { oldLabel: string; onDone?: () => void }) {
  const { t } = useI18n();
  const api = useApi();
  const { account, keeper } = useSession();
  const toast = useToast();
  const submission = useSubmit(['old_password', 'new_password']);
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const [hasTried, setTried] = useState(false);

  const onSubmit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (old === '' || !isPassword(fresh) || fresh !== again) return;
    void submission.submit(async () => {
      keeper.adopt(await api.account.changePassword(old, fresh));
      setOld('');
      setFresh('');
      setAgain('');
      setTried(false);
      toast({ kind: 'good', text: t('settings.passwordChanged') });
      onDone?.();
    });
  };
  return (
    <form className="stack" noValidate onSubmit={onSubmit}>
      {/* password managers want to know whose it is */}
      <input type="text" name="username" autoComplete="username" value={account?.name ?? ''} readOnly hidden />
      <PasswordField
        label={oldLabel}
        autoComplete="current-password"
        value={old}
        onChange={setOld}
        error={hasTried && old === '' ? t('auth.passwordRequired') : submission.errorOf('old_password')}
      />
      <PasswordField
        label={t('auth.newPassword')}
        autoComplete="new-password"
        hint={t('auth.passwordHint')}
        value={fresh}
        onChange={setFresh}
        error={hasTried && !isPassword(fresh) ? t('errors.bad_password') : submission.errorOf('new_password')}
      />
      <PasswordField
        label={t('auth.repeatPassword')}
        autoComplete="new-password"
        value={again}
        onChange={setAgain}
        error={hasTried && fresh !== again ? t('auth.confirmMismatch') : null}
      />
      <SubmitRow submission={submission} label={t('settings.changePassword')} />
    </form>
  );
}
