import { useNow } from '../chat/useNow';
import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';
import type { Playback, PlaybackState } from './playback';
import { rungName } from './rungs';

/** Figures for those who ask why it stutters. */
export function Stats({ playback, state, onClose }: { playback: Playback; state: PlaybackState; onClose: () => void }) {
  const { t, number } = useI18n();
  const now = useNow(500);
  const { video } = playback;
  const seconds = (value: number | null) => (value === null ? '–' : t('watch.seconds', { value: number(value, ONE) }));
  const rung = state.rungs.find((one) => one.index === state.current);
  const quality = video.getVideoPlaybackQuality();
  const kbps = playback.bandwidthKbps();
  const rows: [string, string][] = [
    [t('watch.latency'), seconds(playback.latencySeconds(now))],
    [t('watch.buffer'), seconds(bufferedAhead(video))],
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

function bufferedAhead(video: HTMLVideoElement): number {
  const { buffered, currentTime } = video;
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= currentTime + 0.1 && buffered.end(index) > currentTime) return buffered.end(index) - currentTime;
  }
  return 0;
}
