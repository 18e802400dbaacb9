import { lazy, Suspense, useEffect, useRef } from 'react';
import { Outlet, useLocation } from 'react-router';
import { useI18n } from '../i18n/context';
import { useSession } from '../session/context';
import { CrashBoundary } from './CrashBoundary';
import { Header } from './Header';
import { NetworkBanner } from './NetworkBanner';
import { PageSkeleton } from './PageSkeleton';
import './layout.css';

const ForcedPasswordPage = lazy(() => import('../pages/auth/ForcedPasswordPage'));

/** Skip link, header, the page.  A navigation moves the focus to the page and the scroll to its top. */
export function Layout() {
  const { t } = useI18n();
  const mustChange = useSession().account?.must_change_password === true;
  const { pathname } = useLocation();
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);

  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [pathname]);

  return (
    <>
      <a className="skip-link" href="#main">
        {t('shell.skip')}
      </a>
      <Header />
      <NetworkBanner />
      <main id="main" className="main" tabIndex={-1} ref={main}>
        <CrashBoundary key={pathname}>
          <Suspense fallback={<PageSkeleton />}>
            {mustChange ? <ForcedPasswordPage /> : <Outlet />}
          </Suspense>
        </CrashBoundary>
      </main>
    </>
  );
}
