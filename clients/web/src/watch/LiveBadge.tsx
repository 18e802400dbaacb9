import { useNow } from '../chat/useNow';
import { useI18n } from '../i18n/context';
import type { Playback } from './playback';

const ONE: Intl.NumberFormatOptions = { maximumFractionDigits: 1, minimumFractionDigits: 1 };
/** From here on tenths of a second say nothing, and soon a clock says more. */
const WHOLE_SECONDS = 10;
const CLOCK_SECONDS = 60;

/** LIVE, how far behind, and the way to the edge. */
export function LiveBadge({ playback }: { playback: Playback }) {
  const { t, number, clock } = useI18n();
  useNow(1000);
  const latency = playback.latencySeconds();
  const isAtEdge = playback.isAtEdge() && !playback.video.paused;
  let behind = '';
  if (latency !== null && latency >= CLOCK_SECONDS) behind = t('watch.behindClock', { time: clock(latency * 1000) });
  else if (latency !== null) {
    behind = t('watch.behind', { seconds: latency < WHOLE_SECONDS ? number(latency, ONE) : number(Math.round(latency)) });
  }
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
