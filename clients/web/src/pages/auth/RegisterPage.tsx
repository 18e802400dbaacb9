import { useCallback, useState, type SyntheticEvent } from 'react';
import { Link, Navigate, useSearchParams } from 'react-router';
import { useApi } from '../../api/context';
import { usePolled } from '../../api/usePolled';
import { ButtonLink } from '../../components/Button';
import { EmptyState } from '../../components/EmptyState';
import { PasswordField, TextField } from '../../components/Field';
import { useI18n } from '../../i18n/context';
import { useSession } from '../../session/context';
import { useTitle } from '../../shell/useTitle';
import { SubmitRow } from '../SubmitRow';
import { useSubmit } from '../useSubmit';
import { destination } from './destination';
import { isName, isPassword } from './rules';
import './auth.css';

export default function RegisterPage() {
  const { t } = useI18n();
  const api = useApi();
  const session = useSession();
  const [params] = useSearchParams();
  const load = useCallback((signal: AbortSignal) => api.auth.registration(signal), [api]);
  const { data } = usePolled(load, 0);
  useTitle(t('auth.register'));

  if (session.status === 'signedIn') return <Navigate to={destination(params.get('next'))} replace />;
  if (data?.open === false) {
    return (
      <EmptyState
        icon="shield"
        title={t('auth.closedTitle')}
        actions={
          <>
            <ButtonLink to="/login" variant="primary">
              {t('shell.signIn')}
            </ButtonLink>
            <ButtonLink to="/">{t('shell.toHome')}</ButtonLink>
          </>
        }
      >
        <p>{t('auth.closedText')}</p>
      </EmptyState>
    );
  }
  return (
    <div className="auth-page">
      <h1>{t('auth.registerTitle')}</h1>
      <RegisterForm />
      <p className="auth-other">
        {t('auth.haveAccount')} <Link to={`/login?${params.toString()}`}>{t('shell.signIn')}</Link>
      </p>
    </div>
  );
}

function RegisterForm() {
  const { t } = useI18n();
  const session = useSession();
  const submission = useSubmit(['name', 'password']);
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [hasTried, setTried] = useState(false);

  const onSubmit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (!isName(name) || !isPassword(password)) return;
    void submission.submit(() => session.register(name, password));
  };
  return (
    <form className="panel" noValidate onSubmit={onSubmit}>
      <TextField
        label={t('auth.name')}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        maxLength={25}
        hint={t('auth.nameHint')}
        value={name}
        onChange={setName}
        error={hasTried && !isName(name) ? t('errors.bad_name') : submission.errorOf('name')}
      />
      <PasswordField
        label={t('auth.password')}
        name="password"
        autoComplete="new-password"
        required
        hint={t('auth.passwordHint')}
        value={password}
        onChange={setPassword}
        error={hasTried && !isPassword(password) ? t('errors.bad_password') : submission.errorOf('password')}
      />
      <SubmitRow submission={submission} label={t('auth.register')} />
    </form>
  );
}
