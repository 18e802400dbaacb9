import type { ReactNode } from 'react';
import type { Vod } from '../api/types';
import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';
import type { Playback } from '../watch/playback';
import type { PlaybackState } from '../watch/state';
import { isWatchable } from './vod';

/** What is the matter with a recording, over its picture. */
export function VodOverlay({ vod, playback, state }: { vod: Vod; playback: Playback | null; state: PlaybackState }) {
  const { t } = useI18n();
  if (!isWatchable(vod)) return <Words title={t('vods.preparingTitle')} />;
  switch (state.status) {
    case 'unsupported':
      return <Words title={t('vods.failed')}>{t('watch.unsupported')}</Words>;
    case 'failed':
      return (
        <Words title={t('vods.failed')}>
          <p>{t('watch.failedText')}</p>
          <Button variant="primary" icon="refresh" onClick={() => playback?.wake()}>
            {t('shell.retry')}
          </Button>
        </Words>
      );
    case 'idle':
    case 'loading':
      if (!state.isBlocked) return <Words title={t('vods.loading')} />;
      break;
    case 'ready':
      break;
  }
  if (state.isBlocked || state.isOver) {
    return (
      <Words solid={false}>
        <Button variant="primary" icon={state.isOver ? 'refresh' : 'play'} onClick={() => void playback?.play()}>
          {t(state.isOver ? 'vods.again' : 'watch.play')}
        </Button>
      </Words>
    );
  }
  return state.isWaiting ? <p className="player-waiting">{t('watch.waiting')}</p> : null;
}

function Words({ title, solid = true, children }: { title?: string; solid?: boolean; children?: ReactNode }) {
  return (
    <div className={solid ? 'player-words player-words-solid' : 'player-words'} role="status">
      {title !== undefined && <p className="player-title">{title}</p>}
      {children}
    </div>
  );
}
