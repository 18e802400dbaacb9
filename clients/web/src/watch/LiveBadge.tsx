import { useNow } from '../chat/useNow';
import { useI18n } from '../i18n/context';
import type { Playback } from './playback';

/** LIVE, how far behind, and the way to the edge. */
export function LiveBadge({ playback }: { playback: Playback }) {
  const { t } = useI18n();
  const latency = playback.latencySeconds(useNow(1000));
  const isAtEdge = playback.isAtEdge() && !playback.video.paused;
  const behind = latency === null ? '' : t('watch.behind', { seconds: Math.round(latency) });
  return (
    <button
      type="button"
      className={isAtEdge ? 'player-live player-live-edge' : 'player-live'}
      title={t(isAtEdge ? 'watch.liveEdge' : 'watch.toEdge')}
      aria-label={`${t(isAtEdge ? 'watch.liveEdge' : 'watch.toEdge')}${behind === '' ? '' : `, ${behind}`}`}
      onClick={() => playback.toEdge()}
    >
      <span className="player-live-word">{t('watch.live')}</span>
      {behind !== '' && <span className="player-live-behind">{behind}</span>}
    </button>
  );
}
