import { useState } from 'react';
import { useParams } from 'react-router';
import { Button } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { Skeleton } from '../components/Skeleton';
import { useI18n } from '../i18n/context';
import { useErrorText } from '../i18n/errorText';
import { NotFoundPage } from '../pages/NotFoundPage';
import { ChannelRoom } from './ChannelRoom';
import { useChannel } from './useChannel';
import './watch.css';

/** A channel: its player, its chat, and what it is about. */
export default function ChannelPage() {
  const { slug = '' } = useParams();
  return <Channel key={slug.toLowerCase()} slug={slug.toLowerCase()} />;
}

function Channel({ slug }: { slug: string }) {
  const { t } = useI18n();
  const errorText = useErrorText();
  const [isTold, setTold] = useState(false);
  const handle = useChannel(slug, isTold);
  if (handle.channel !== null) return <ChannelRoom handle={handle} channel={handle.channel} onTold={setTold} />;
  if (handle.error === null) return <Loading />;
  if (handle.error.status === 404) return <NotFoundPage />;
  return (
    <EmptyState
      icon="offline"
      title={t('watch.loadFailed')}
      actions={
        <Button variant="primary" icon="refresh" onClick={handle.reload}>
          {t('shell.retry')}
        </Button>
      }
    >
      <p role="alert">{errorText(handle.error)}</p>
    </EmptyState>
  );
}

function Loading() {
  const { t } = useI18n();
  return (
    <div className="watch" role="status">
      <span className="visually-hidden">{t('shell.loading')}</span>
      <div className="watch-main">
        <div className="player player-loading" />
        <div className="watch-below">
          <Skeleton width="60%" height="28px" />
          <Skeleton width="30%" />
        </div>
      </div>
      <div className="watch-chat" />
    </div>
  );
}
