import { useNow } from '../chat/useNow';
import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';
import type { Playback } from './playback';
import { rungAt, rungName } from './rungs';
import type { PlaybackState } from './state';
import { aheadOf } from './timeline';
import type { Kind } from './tuning';

/** Figures for those who ask why it stutters. */
export function Stats({
  playback,
  state,
  kind,
  onClose,
}: {
  playback: Playback;
  state: PlaybackState;
  kind: Kind;
  onClose: () => void;
}) {
  const { t, number } = useI18n();
  useNow(500);
  const { video } = playback;
  const seconds = (value: number | null) => (value === null ? '–' : t('watch.seconds', { value: number(value, ONE) }));
  const rung = rungAt(state.rungs, state.current);
  const quality = video.getVideoPlaybackQuality();
  const kbps = playback.bandwidthKbps();
  const { stalls, stalledMs } = playback.figures();
  const rows: [string, string][] = [
    ...(kind === 'live' ? [[t('watch.latency'), seconds(playback.latencySeconds())] as [string, string]] : []),
    [t('watch.buffer'), seconds(aheadOf(video.buffered, video.currentTime))],
    [
      t('watch.rung'),
      rung === undefined
        ? `${video.videoWidth}×${video.videoHeight}`
        : t('watch.rungOf', { name: rungName(rung) ?? t('watch.soundAlone'), kbps: rung.kbps }),
    ],
    [
      t('watch.dropped'),
      t('watch.droppedOf', { dropped: quality.droppedVideoFrames, total: quality.totalVideoFrames }),
    ],
    [t('watch.stalls'), t('watch.stallsOf', { count: stalls, seconds: number(stalledMs / 1000, ONE) })],
    [t('watch.bandwidth'), kbps === null ? '–' : `${number(kbps / 1000, ONE)} Mbit/s`],
  ];
  return (
    <section className="player-stats" aria-label={t('watch.statsTitle')}>
      <Button variant="quiet" size="s" icon="x" aria-label={t('shell.close')} onClick={onClose} />
      <dl>
        {rows.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

const ONE: Intl.NumberFormatOptions = { maximumFractionDigits: 1, minimumFractionDigits: 1 };
