import type { BroadcastHealth, BroadcastRendition, BroadcastSource } from '../../api/types';
import { VisuallyHidden } from '../../components/VisuallyHidden';
import { useI18n } from '../../i18n/context';
import type { Metric, Verdict } from './verdicts';

/** What arrives, and what leaves for the viewers, as figures with units. */
export function Metrics({
  health,
  source,
  verdicts,
}: {
  health: BroadcastHealth;
  source: BroadcastSource;
  verdicts: readonly Verdict[];
}) {
  const { t, number } = useI18n();
  const unknown = t('dashboard.unknown');
  // a figure that isn't known is 0, empty or null
  const kbps = (value: number | null) => (value ? `${number(Math.round(value))} ${t('dashboard.kbps')}` : unknown);
  const sound = source.audio_codec ? source.audio_codec.toUpperCase() : t('dashboard.soundNone');
  const rows: [Metric, string, string][] = [
    ['picture', t('dashboard.picture'), source.width > 0 ? `${source.width} × ${source.height}` : unknown],
    ['fps', t('dashboard.fps'), source.fps > 0 ? number(source.fps, { maximumFractionDigits: 2 }) : unknown],
    ['video', t('dashboard.video'), kbps(source.video_kbps)],
    [
      'keyframes',
      t('dashboard.keyframes'),
      source.keyframe_seconds === null
        ? unknown
        : `${number(source.keyframe_seconds, { maximumFractionDigits: 1 })} ${t('dashboard.seconds')}`,
    ],
    ['sound', t('dashboard.sound'), source.audio_kbps ? `${sound}, ${kbps(source.audio_kbps)}` : sound],
    [
      'speed',
      t('dashboard.speed'),
      health.speed ? `${number(health.speed, { minimumFractionDigits: 2, maximumFractionDigits: 2 })}×` : unknown,
    ],
  ];
  return (
    <>
      <dl className="metrics">
        {rows.map(([metric, label, value]) => (
          <Row key={metric} label={label} value={value} verdict={verdicts.find((one) => one.metric === metric)} />
        ))}
      </dl>
      {health.renditions.length > 0 && (
        <div>
          <h3>{t('dashboard.renditions')}</h3>
          <ul className="renditions">
            {health.renditions.map((rendition) => (
              <li key={rendition.name}>
                {nameOf(rendition) ?? t('dashboard.sound')} · {kbps(rendition.kbps)}
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

/** `720p60`, `360p`: as the player's quality menu says it; null for the one without a picture. */
function nameOf({ height, fps }: BroadcastRendition): string | null {
  if (!height) return null;
  return fps && fps > 35 ? `${height}p${Math.round(fps)}` : `${height}p`;
}

const WORDS = { green: 'dashboard.healthGreen', amber: 'dashboard.healthAmber', red: 'dashboard.healthRed' } as const;

function Row({ label, value, verdict }: { label: string; value: string; verdict: Verdict | undefined }) {
  const { t } = useI18n();
  const severity = verdict?.severity ?? 'green';
  return (
    <div className={`metric metric-${severity}`}>
      <dt>
        {label}
        <span className={`dot dot-${severity}`} title={t(WORDS[severity])}>
          <VisuallyHidden>{t(WORDS[severity])}</VisuallyHidden>
        </span>
      </dt>
      <dd>{value}</dd>
    </div>
  );
}
