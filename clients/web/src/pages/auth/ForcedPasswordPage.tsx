import { Button } from '../../components/Button';
import { useToast } from '../../components/toasts';
import { useI18n } from '../../i18n/context';
import { useErrorText } from '../../i18n/errorText';
import { useSession } from '../../session/context';
import { useTitle } from '../../shell/useTitle';
import { PasswordForm } from './PasswordForm';
import './auth.css';

/** In the place of every page while the account's password is one that somebody else knows. */
export default function ForcedPasswordPage() {
  const { t } = useI18n();
  const session = useSession();
  const toast = useToast();
  const errorText = useErrorText();
  useTitle(t('auth.forcedTitle'));
  const signOut = () => void session.signOut().catch((error: unknown) => toast({ kind: 'bad', text: errorText(error) }));
  return (
    <div className="auth-page">
      <h1>{t('auth.forcedTitle')}</h1>
      <div className="panel">
        <p>{t('auth.forcedText')}</p>
        <PasswordForm oldLabel={t('auth.oneTimePassword')} />
      </div>
      <p className="auth-other">
        <Button variant="quiet" onClick={signOut}>
          {t('shell.signOut')}
        </Button>
      </p>
    </div>
  );
}
