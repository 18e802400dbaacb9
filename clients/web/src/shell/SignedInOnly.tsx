import type { ReactNode } from 'react';
import { useLocation } from 'react-router';
import type { Account } from '../api/types';
import { ButtonLink } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { useI18n } from '../i18n/context';
import { useSession } from '../session/context';
import { PageSkeleton } from './PageSkeleton';

/** A page that needs an account: its skeleton while that isn't known, a way to sign in for guests. */
export function SignedInOnly({ children }: { children: (account: Account) => ReactNode }) {
  const { t } = useI18n();
  const session = useSession();
  const { pathname } = useLocation();
  if (session.status === 'loading') return <PageSkeleton />;
  if (session.status === 'signedIn') return children(session.account);
  return (
    <EmptyState
      icon="user"
      title={t('shell.signInFirst')}
      actions={
        <ButtonLink to={`/login?next=${encodeURIComponent(pathname)}`} variant="primary">
          {t('shell.signIn')}
        </ButtonLink>
      }
    >
      <p>{t(session.reason === 'expired' ? 'shell.sessionExpired' : 'shell.signInFirstText')}</p>
    </EmptyState>
  );
}
