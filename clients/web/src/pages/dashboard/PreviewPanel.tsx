import { lazy, Suspense, useState } from 'react';
import type { BroadcastHealth } from '../../api/types';
import { Button } from '../../components/Button';
import { useI18n } from '../../i18n/context';
import { Notice } from '../../shell/Notice';

const Preview = lazy(() => import('./Preview'));

/** One's own broadcast, shown when asked: it takes the line that the encoder needs. */
export function PreviewPanel({ health }: { health: BroadcastHealth }) {
  const { t } = useI18n();
  const [isOpen, setOpen] = useState(false);
  if (health.playlist === null || health.state === 'offline' || health.state === 'starting') return null;
  const { playlist, is_test: isTest, visibility } = health;
  return (
    <section className="panel stack" aria-labelledby="preview">
      <div className="panel-head">
        <h2 id="preview">{t('dashboard.preview')}</h2>
        <Button size="s" icon={isOpen ? 'eyeOff' : 'eye'} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {t(isOpen ? 'dashboard.hidePreview' : 'dashboard.showPreview')}
        </Button>
      </div>
      {isTest && <Notice kind="info">{t('dashboard.testNotice')}</Notice>}
      {!isTest && visibility === 'private' && <Notice kind="info">{t('dashboard.privateNotice')}</Notice>}
      {isOpen && (
        <div className="preview">
          <Suspense fallback={<div className="player player-loading" />}>
            <Preview playlist={playlist} isInterrupted={health.state === 'interrupted'} />
          </Suspense>
        </div>
      )}
    </section>
  );
}
