import { useCallback } from 'react';
import { Link } from 'react-router';
import { useApi } from '../../api/context';
import type { Account } from '../../api/types';
import { usePolled } from '../../api/usePolled';
import { Icon } from '../../components/Icon';
import { Skeleton } from '../../components/Skeleton';
import { useI18n } from '../../i18n/context';
import { SignedInOnly } from '../../shell/SignedInOnly';
import { Unreachable } from '../../shell/Unreachable';
import { useTitle } from '../../shell/useTitle';
import { AboutForm } from './AboutForm';
import { AudiencePanel } from './AudiencePanel';
import { HealthPanel } from './HealthPanel';
import { HistoryPanel } from './HistoryPanel';
import { KeyPanel } from './KeyPanel';
import { ObsSteps } from './ObsSteps';
import { PreviewPanel } from './PreviewPanel';
import { QualityPanel } from './QualityPanel';
import { RecordingsPanel } from './RecordingsPanel';
import './dashboard.css';

const REFRESH_MS = 2000;
/** When a key was last used changes with every stream. */
const KEYS_REFRESH_MS = 20_000;

/** The streamer's own page: how it goes, what it is about, the keys, and how to begin. */
export default function DashboardPage() {
  const { t } = useI18n();
  useTitle(t('dashboard.title'));
  return <SignedInOnly>{(account) => <Dashboard account={account} />}</SignedInOnly>;
}

function Dashboard({ account }: { account: Account }) {
  const { t } = useI18n();
  const api = useApi();
  const slug = account.channel;
  const loadHealth = useCallback((signal: AbortSignal) => api.broadcast.health(slug, signal), [api, slug]);
  const loadKeys = useCallback((signal: AbortSignal) => api.keys.list(slug, signal), [api, slug]);
  const loadChannel = useCallback((signal: AbortSignal) => api.channels.read(slug, signal), [api, slug]);
  const health = usePolled(loadHealth, REFRESH_MS);
  const keys = usePolled(loadKeys, KEYS_REFRESH_MS);
  const channel = usePolled(loadChannel, 0);
  const openChat = () => window.open(`/${slug}/chat`, 'leams-chat', 'popup,width=420,height=720');

  return (
    <div className="page">
      <div className="page-head">
        <h1>{t('dashboard.title')}</h1>
        <div className="row">
          <Link className="button button-secondary button-s" to={`/${slug}`}>
            <Icon name="broadcast" size={16} />
            {t('dashboard.visit')}
          </Link>
          <button type="button" className="button button-secondary button-s" onClick={openChat}>
            <Icon name="chat" size={16} />
            {t('dashboard.chat')}
          </button>
        </div>
      </div>
      <div className="dashboard">
        <div className="stack">
          <HealthPanel polled={health} slug={slug} />
          {health.data !== null && <PreviewPanel health={health.data} />}
          {health.data !== null && health.data.state !== 'offline' && <HistoryPanel slug={slug} />}
          <section className="panel">
            <h2>{t('dashboard.about')}</h2>
            {channel.data !== null && <AboutForm key={channel.data.slug} channel={channel.data} onSaved={channel.replace} />}
            {channel.data === null && channel.error === null && <Skeleton height="220px" />}
            {channel.data === null && channel.error !== null && (
              <Unreachable error={channel.error} onRetry={channel.reload} />
            )}
          </section>
          <RecordingsPanel slug={slug} isLive={health.data !== null && health.data.state !== 'offline'} />
          <Moderators />
        </div>
        <div className="stack">
          {channel.data !== null && health.data !== null && (
            <AudiencePanel
              channel={channel.data}
              health={health.data}
              onChannel={channel.replace}
              onChange={health.reload}
            />
          )}
          <KeyPanel polled={keys} slug={slug} />
          <ObsSteps />
          {health.data !== null && <QualityPanel slug={slug} health={health.data} onChange={health.reload} />}
        </div>
      </div>
    </div>
  );
}

/** Moderators are made in the chat itself. */
function Moderators() {
  const { t, language } = useI18n();
  const name = language === 'ru' ? 'имя' : 'name';
  const [before = '', between = '', after = ''] = t('dashboard.moderatorsHint').split(/\{(?:mod|unmod)\}/);
  return (
    <section className="panel">
      <h2>{t('dashboard.moderators')}</h2>
      <p className="muted">
        {before}
        <code>/mod {name}</code>
        {between}
        <code>/unmod {name}</code>
        {after}
      </p>
    </section>
  );
}
