import { useState, type SyntheticEvent } from 'react';
import { Link, Navigate, useSearchParams } from 'react-router';
import { PasswordField, TextField } from '../../components/Field';
import { useI18n } from '../../i18n/context';
import { useSession } from '../../session/context';
import { Notice } from '../../shell/Notice';
import { useTitle } from '../../shell/useTitle';
import { SubmitRow } from '../SubmitRow';
import { useSubmit } from '../useSubmit';
import { destination } from './destination';
import './auth.css';

export default function LoginPage() {
  const { t } = useI18n();
  const session = useSession();
  const [params] = useSearchParams();
  const submission = useSubmit();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [hasTried, setTried] = useState(false);
  useTitle(t('auth.signInTitle'));

  if (session.status === 'signedIn') return <Navigate to={destination(params.get('next'))} replace />;

  const onSubmit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (name.trim() === '' || password === '') return;
    void submission.submit(() => session.signIn(name.trim(), password));
  };
  return (
    <div className="auth-page">
      <h1>{t('auth.signInTitle')}</h1>
      {session.status === 'signedOut' && session.reason === 'expired' && <Notice>{t('shell.sessionExpired')}</Notice>}
      <form className="panel" noValidate onSubmit={onSubmit}>
        <TextField
          label={t('auth.name')}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          value={name}
          onChange={setName}
          error={hasTried && name.trim() === '' ? t('auth.nameRequired') : null}
        />
        <PasswordField
          label={t('auth.password')}
          name="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={setPassword}
          error={hasTried && password === '' ? t('auth.passwordRequired') : null}
        />
        <SubmitRow submission={submission} label={t('shell.signIn')} />
      </form>
      <p className="auth-other">
        {t('auth.noAccount')} <Link to={`/register?${params.toString()}`}>{t('auth.register')}</Link>
      </p>
    </div>
  );
}
