import type { ReactNode } from 'react';
import type { RoomLive } from '../chat/wire';
import { useNow } from '../chat/useNow';
import { Button, ButtonLink } from '../components/Button';
import { useI18n } from '../i18n/context';
import type { PlaybackState } from './state';

export interface LastVod {
  to: string;
  title: string;
}

interface OverlayProps {
  live: RoomLive;
  state: PlaybackState;
  name: string;
  graceUntilMs: number | null;
  lastVod: LastVod | null;
  onRetry: () => void;
  onPlay: () => void;
}

/** What is the matter, over the picture: always in words. */
export function Overlay({ live, state, name, graceUntilMs, lastVod, onRetry, onPlay }: OverlayProps) {
  const { t } = useI18n();
  switch (live) {
    case 'offline':
      return (
        <Words solid title={t('watch.offline', { name })} text={t('watch.offlineText')}>
          <ToVod vod={lastVod} />
        </Words>
      );
    case 'ended':
      return (
        <Words title={t('watch.ended')} text={t('watch.endedText')}>
          <ToVod vod={lastVod} />
        </Words>
      );
    case 'starting':
      return <Words solid title={t('watch.starting')} />;
    case 'interrupted':
      return <Interrupted untilMs={graceUntilMs} />;
    case 'live':
      if (state.status === 'unsupported') return <Words solid title={t('watch.failed')} text={t('watch.unsupported')} />;
      if (state.status === 'failed') {
        return (
          <Words title={t('watch.failed')} text={t('watch.failedText')}>
            <Button variant="primary" icon="refresh" onClick={onRetry}>
              {t('shell.retry')}
            </Button>
          </Words>
        );
      }
      if (state.isBlocked) {
        return (
          <Words>
            <Button variant="primary" onClick={onPlay}>
              {t('watch.play')}
            </Button>
          </Words>
        );
      }
      if (state.status !== 'ready') return <Words solid title={t('watch.loading')} />;
      return state.isWaiting ? <p className="player-waiting">{t('watch.waiting')}</p> : null;
  }
}

function ToVod({ vod }: { vod: LastVod | null }) {
  const { t } = useI18n();
  if (vod === null) return null;
  return (
    <ButtonLink to={vod.to} icon="play">
      {t('watch.lastVod', { title: vod.title })}
    </ButtonLink>
  );
}

function Interrupted({ untilMs }: { untilMs: number | null }) {
  const { t, clock } = useI18n();
  const now = useNow(1000);
  const left = untilMs === null ? 0 : untilMs - now;
  return (
    <Words title={t('watch.interrupted')}>
      {left > 0 && (
        // counted for the eyes only: a screen reader would speak every second
        <p className="player-left" aria-hidden="true">
          {t('watch.interruptedLeft', { time: clock(left) })}
        </p>
      )}
    </Words>
  );
}

function Words({
  title,
  text,
  solid = false,
  children,
}: {
  title?: string;
  text?: string;
  solid?: boolean;
  children?: ReactNode;
}) {
  return (
    <div className={solid ? 'player-words player-words-solid' : 'player-words'} role="status">
      {title !== undefined && <p className="player-title">{title}</p>}
      {text !== undefined && <p>{text}</p>}
      {children}
    </div>
  );
}
