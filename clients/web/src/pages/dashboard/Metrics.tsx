import type { BroadcastHealth, BroadcastRendition, Figure } from '../../api/types';
import { VisuallyHidden } from '../../components/VisuallyHidden';
import { useI18n } from '../../i18n/context';
import { severityOfFigure } from './figures';
import { useFigureText } from './figureText';

/** What arrives, and what leaves for the viewers, as figures with units. */
export function Metrics({ health, figures }: { health: BroadcastHealth; figures: readonly Figure[] }) {
  const { t, number } = useI18n();
  const { source, renditions } = health;
  const kbps = (value: number) => t('dashboard.unit_video_kbps', { value: number(Math.round(value)) });
  return (
    <>
      <dl className="metrics">
        {source !== null && source.width > 0 && (
          <div className="metric">
            <dt>{t('dashboard.picture')}</dt>
            <dd>{`${source.width} × ${source.height}`}</dd>
          </div>
        )}
        {figures.map((figure) => (
          <Row key={figure.metric} figure={figure} />
        ))}
      </dl>
      {renditions.length > 0 && (
        <div>
          <h3>{t('dashboard.renditions')}</h3>
          <ul className="renditions">
            {renditions.map((rendition) => (
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
function nameOf({ width, height, fps }: BroadcastRendition): string | null {
  if (!width || !height) return null;
  const lines = Math.min(width, height); // held upright, a picture is called by its shorter side too
  return fps && fps > 35 ? `${lines}p${Math.round(fps)}` : `${lines}p`;
}

const WORDS = { green: 'dashboard.healthGreen', amber: 'dashboard.healthAmber', red: 'dashboard.healthRed' } as const;

function Row({ figure }: { figure: Figure }) {
  const { t } = useI18n();
  const { labelOf, valueOf } = useFigureText();
  const severity = severityOfFigure(figure);
  return (
    <div className={`metric metric-${severity}`}>
      <dt>
        {labelOf(figure.metric)}
        <span className={`dot dot-${severity}`} title={t(WORDS[severity])}>
          <VisuallyHidden>{t(WORDS[severity])}</VisuallyHidden>
        </span>
      </dt>
      <dd>{figure.value === null ? t('dashboard.none') : valueOf(figure.metric, figure.value)}</dd>
    </div>
  );
}
