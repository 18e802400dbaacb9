import { useEffect, useRef } from 'react';
import { Link, useLocation, useNavigate, useSearchParams } from 'react-router';
import { Button, ButtonLink } from '../components/Button';
import { Icon } from '../components/Icon';
import { Skeleton } from '../components/Skeleton';
import { useI18n } from '../i18n/context';
import { useSession } from '../session/context';
import { AccountMenu } from './AccountMenu';
import '../components/field.css';
import './header.css';

/** Logo, search, and who is here. */
export function Header() {
  const { t } = useI18n();
  const session = useSession();
  const { pathname } = useLocation();
  return (
    <header className="header">
      <Link className="logo" to="/" aria-label={t('shell.home')}>
        <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
          <rect width="32" height="32" rx="8" fill="var(--accent)" />
          <path d="M10 8v16h13v-4h-8.500V8z" fill="#fff" />
          <circle cx="22" cy="11" r="3.500" fill="#ff5c6c" />
        </svg>
        <span className="logo-word">Leams</span>
      </Link>
      <Search />
      <div className="header-end">
        {session.status === 'loading' && <Skeleton width="96px" height="32px" />}
        {session.status === 'signedOut' && pathname !== '/login' && (
          <ButtonLink to={`/login?next=${encodeURIComponent(pathname)}`} variant="primary" size="s">
            {t('shell.signIn')}
          </ButtonLink>
        )}
        <AccountMenu />
      </div>
    </header>
  );
}

/** Filters the home page's list; the text lives in the address as `?q=`. */
function Search() {
  const { t } = useI18n();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const [params] = useSearchParams();
  const field = useRef<HTMLInputElement>(null);
  const text = pathname === '/' ? (params.get('q') ?? '') : '';

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      field.current?.focus();
      field.current?.select();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);

  const search = (wanted: string) => {
    void navigate(wanted === '' ? '/' : `/?q=${encodeURIComponent(wanted)}`, { replace: pathname === '/' });
  };
  return (
    <div className="search" role="search">
      <Icon name="search" size={18} />
      <input
        ref={field}
        className="input"
        type="search"
        value={text}
        aria-label={t('shell.search')}
        aria-keyshortcuts="/"
        title={t('shell.searchHint')}
        placeholder={t('shell.search')}
        onChange={(event) => search(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
      {text === '' ? (
        <kbd aria-hidden="true">/</kbd>
      ) : (
        <Button variant="quiet" size="s" icon="x" aria-label={t('shell.clearSearch')} onClick={() => search('')} />
      )}
    </div>
  );
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
