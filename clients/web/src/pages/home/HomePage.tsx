import { useCallback, type ReactNode } from 'react';
import { useSearchParams } from 'react-router';
import { useApi } from '../../api/context';
import type { ChannelCard } from '../../api/types';
import { usePolled } from '../../api/usePolled';
import { Button, ButtonLink } from '../../components/Button';
import { EmptyState } from '../../components/EmptyState';
import { VisuallyHidden } from '../../components/VisuallyHidden';
import { useI18n } from '../../i18n/context';
import { useErrorText } from '../../i18n/errorText';
import { useSession } from '../../session/context';
import { Notice } from '../../shell/Notice';
import { useNow } from '../../shell/useNow';
import { useTitle } from '../../shell/useTitle';
import { CardSkeleton, LiveCard } from './LiveCard';
import { matching } from './matching';
import './home.css';

const REFRESH_MS = 10_000;

/** Who is live: followed channels first, renewed every 10 s. */
export function HomePage() {
  const { t } = useI18n();
  const api = useApi();
  const errorText = useErrorText();
  const account = useSession().account;
  const [params, setParams] = useSearchParams();
  const query = params.get('q') ?? '';
  const isMember = account !== null;
  // a sign-in or sign-out changes who is followed
  const load = useCallback(
    async (signal: AbortSignal) => ({ ...(await api.channels.live(signal)), isMember }),
    [api, isMember],
  );
  const { data, error, reload } = usePolled(load, REFRESH_MS);
  useTitle(null);

  let content: ReactNode;
  if (data === null && error === null) content = <Loading />;
  else if (data === null) {
    content = (
      <EmptyState
        icon="offline"
        title={t('home.unreachable')}
        actions={
          <Button variant="primary" onClick={reload}>
            {t('shell.retry')}
          </Button>
        }
      >
        <p role="alert">{errorText(error)}</p>
      </EmptyState>
    );
  } else if (data.channels.length === 0) content = <NobodyLive />;
  else {
    const found = matching(data.channels, query);
    content = found.length === 0 ? <NoMatch query={query} onClear={() => setParams({})} /> : <Channels channels={found} />;
  }
  return (
    <div className="page">
      <div className="page-head">
        <h1>{t('home.title')}</h1>
      </div>
      {data !== null && error !== null && (
        <Notice kind="warn">{t('home.stale', { reason: errorText(error) })}</Notice>
      )}
      {content}
    </div>
  );
}

function Channels({ channels }: { channels: ChannelCard[] }) {
  const { t } = useI18n();
  const now = useNow(REFRESH_MS);
  const followed = channels.filter((card) => card.followed);
  const others = channels.filter((card) => !card.followed);
  const list = (cards: ChannelCard[]) => (
    <ul className="cards">
      {cards.map((card) => (
        <LiveCard key={card.slug} card={card} now={now} />
      ))}
    </ul>
  );
  if (followed.length === 0) return list(others);
  return (
    <div className="home-groups">
      <section>
        <h2>{t('home.followed')}</h2>
        {list(followed)}
      </section>
      {others.length > 0 && (
        <section>
          <h2>{t('home.others')}</h2>
          {list(others)}
        </section>
      )}
    </div>
  );
}

function Loading() {
  const { t } = useI18n();
  return (
    <div role="status">
      <VisuallyHidden>{t('shell.loading')}</VisuallyHidden>
      <ul className="cards" aria-hidden="true">
        {Array.from({ length: 8 }, (_, index) => (
          <CardSkeleton key={index} />
        ))}
      </ul>
    </div>
  );
}

function NobodyLive() {
  const { t } = useI18n();
  const { status } = useSession();
  const isMember = status === 'signedIn';
  const actions = isMember ? (
    <ButtonLink to="/dashboard" variant="primary" icon="broadcast">
      {t('home.goLive')}
    </ButtonLink>
  ) : (
    <>
      <ButtonLink to="/register" variant="primary">
        {t('home.emptyRegister')}
      </ButtonLink>
      <ButtonLink to="/login">{t('shell.signIn')}</ButtonLink>
    </>
  );
  return (
    <EmptyState icon="broadcast" title={t('home.emptyTitle')} actions={actions}>
      <p>{t(isMember ? 'home.emptyMember' : 'home.emptyGuest')}</p>
    </EmptyState>
  );
}

function NoMatch({ query, onClear }: { query: string; onClear: () => void }) {
  const { t } = useI18n();
  return (
    <EmptyState
      icon="search"
      title={t('home.noMatchTitle', { query })}
      actions={<Button onClick={onClear}>{t('home.showAll')}</Button>}
    >
      <p>{t('home.noMatchText')}</p>
    </EmptyState>
  );
}
