import { useState } from 'react';
import { Link } from 'react-router';
import type { Vod } from '../api/types';
import { Icon } from '../components/Icon';
import { useI18n } from '../i18n/context';
import '../components/card.css';
import { addressOf, isWatchable } from './vod';
import './vods.css';

/** One past broadcast: the whole card is one link, its title the link's name. */
export function VodCard({ slug, vod, channelName }: { slug: string; vod: Vod; channelName?: string }) {
  const { t, clock, ago, moment } = useI18n();
  const title = vod.title === '' ? t('vods.untitled') : vod.title;
  return (
    <li className="card">
      <div className="card-picture">
        <Picture path={vod.thumbnail} />
        {vod.visibility !== 'public' && (
          <span className="card-state">
            <span className="badge">
              <Icon name="lock" size={14} /> {t(`vods.visibility_${vod.visibility}`)}
            </span>
          </span>
        )}
        <span className="card-chip card-viewers">
          {isWatchable(vod) ? clock(vod.duration_seconds * 1000) : t('vods.preparing')}
        </span>
      </div>
      <div className="card-text">
        <div>
          <h3>
            <Link to={addressOf(slug, vod.public_id)} title={title}>
              {title}
            </Link>
          </h3>
          {channelName !== undefined && <p>{channelName}</p>}
          <p className="muted">
            <time dateTime={new Date(vod.started_ms).toISOString()} title={moment(vod.started_ms)}>
              {ago(vod.started_ms)}
            </time>
            {vod.category !== '' && ` · ${vod.category}`}
          </p>
        </div>
      </div>
    </li>
  );
}

/** A thumbnail may be gone before its recording. */
function Picture({ path }: { path: string }) {
  const [isGone, setGone] = useState(false);
  if (isGone) return <Icon name="film" size={40} />;
  return <img src={path} alt="" loading="lazy" onError={() => setGone(true)} />;
}
