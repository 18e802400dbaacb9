import { useState } from 'react';
import { Link } from 'react-router';
import type { Vod } from '../../api/types';
import { Button } from '../../components/Button';
import { Skeleton } from '../../components/Skeleton';
import { useI18n } from '../../i18n/context';
import { useErrorText } from '../../i18n/errorText';
import { useVods } from '../../vods/useVods';
import { addressOf, sizeText } from '../../vods/vod';
import { RemoveVod } from '../../vods/VodActions';
import { FiguresDialog } from './FiguresDialog';

/** What is kept of past broadcasts, how much room it takes, and when it goes. */
export function RecordingsPanel({ slug, isLive }: { slug: string; isLive: boolean }) {
  const { t, language } = useI18n();
  const errorText = useErrorText();
  const [wasLive, setWasLive] = useState(isLive);
  const [isAwaited, setAwaited] = useState(false);
  const list = useVods(slug, isAwaited);
  const [known, setKnown] = useState<string[]>([]);
  const [removing, setRemoving] = useState<Vod | null>(null);
  const count = list.vods?.length ?? 0;
  // a broadcast that has just ended is a recording within seconds
  if (wasLive !== isLive) {
    setWasLive(isLive);
    setAwaited(!isLive);
    setKnown(list.vods?.map(({ public_id }) => public_id) ?? []);
  }
  const newest = list.vods?.[0]?.public_id;
  if (isAwaited && newest !== undefined && !known.includes(newest)) setAwaited(false);
  const bytes = list.vods?.reduce((sum, vod) => sum + vod.size_bytes, 0) ?? 0;

  return (
    <section className="panel stack" aria-labelledby="recordings">
      <div className="panel-head">
        <h2 id="recordings">{t('dashboard.recordings')}</h2>
        {count > 0 && (
          <span className="muted">
            {list.hasMore
              ? t('dashboard.recordingsAtLeast', { size: sizeText(bytes, language) })
              : t('dashboard.recordingsTake', { count, size: sizeText(bytes, language) })}
          </span>
        )}
      </div>
      {list.vods === null && list.error === null && <Skeleton height="80px" />}
      {list.vods?.length === 0 && <p className="muted">{t('dashboard.recordingsNone')}</p>}
      {count > 0 && (
        <ul className="recordings">
          {list.vods?.map((vod) => (
            <Recording key={vod.public_id} slug={slug} vod={vod} onRemove={() => setRemoving(vod)} />
          ))}
        </ul>
      )}
      {list.error !== null && <p role="alert">{errorText(list.error)}</p>}
      {list.hasMore && (
        <Button size="s" busy={list.isLoadingMore} onClick={() => void list.more()}>
          {t('vods.more')}
        </Button>
      )}
      {removing !== null && (
        <RemoveVod vod={removing} onRemoved={() => list.remove(removing.public_id)} onClose={() => setRemoving(null)} />
      )}
    </section>
  );
}

function Recording({ slug, vod, onRemove }: { slug: string; vod: Vod; onRemove: () => void }) {
  const { t, language, ago, clock, day, moment } = useI18n();
  const [hasFigures, setFigures] = useState(false);
  const title = vod.title === '' ? t('vods.untitled') : vod.title;
  return (
    <li>
      <div className="recording-text">
        <Link to={addressOf(slug, vod.public_id)}>{title}</Link>
        <p className="muted">
          <time dateTime={new Date(vod.started_ms).toISOString()} title={moment(vod.started_ms)}>
            {ago(vod.started_ms)}
          </time>
          {` · ${clock(vod.duration_seconds * 1000)} · ${sizeText(vod.size_bytes, language)}`}
          {vod.visibility !== 'public' && ` · ${t(`vods.visibility_${vod.visibility}`)}`}
        </p>
        {vod.expires_ms !== null && <p className="muted">{t('dashboard.recordingUntil', { day: day(vod.expires_ms) })}</p>}
        {vod.stopped_for !== null && <p className="recording-cut">{t('dashboard.recordingCut')}</p>}
      </div>
      <div className="recording-acts">
        <Button variant="quiet" size="s" aria-label={t('dashboard.figuresOf', { title })} onClick={() => setFigures(true)}>
          {t('dashboard.figures')}
        </Button>
        <Button
          variant="quiet"
          size="s"
          icon="trash"
          aria-label={t('dashboard.recordingRemove', { title })}
          onClick={onRemove}
        />
      </div>
      {hasFigures && <FiguresDialog slug={slug} vod={vod} title={title} onClose={() => setFigures(false)} />}
    </li>
  );
}
