import { useEffect, useState } from 'react';
import { Link } from 'react-router';
import type { ChannelCard } from '../../api/types';
import { Icon } from '../../components/Icon';
import { Skeleton } from '../../components/Skeleton';
import { useI18n } from '../../i18n/context';
import '../../components/card.css';

/** The server draws a new thumbnail this often. */
const THUMBNAIL_MS = 10_000;

/** One live channel: the whole card is one link, its title the link's name. */
export function LiveCard({ card, now }: { card: ChannelCard; now: number }) {
  const { t, compact, clock, span, moment } = useI18n();
  const title = card.title === '' ? t('home.untitled') : card.title;
  const uptime = card.since_ms === null ? null : now - card.since_ms;
  return (
    <li className="card">
      <div className="card-picture">
        {card.thumbnail === null ? (
          <Icon name="broadcast" size={40} />
        ) : (
          <Thumbnail path={card.thumbnail} version={Math.floor(now / THUMBNAIL_MS)} />
        )}
        <span className="card-state">
          {card.live === 'live' && <span className="badge badge-live">{t('home.live')}</span>}
          {card.live === 'starting' && <span className="badge badge-accent">{t('home.starting')}</span>}
          {card.live === 'interrupted' && <span className="badge badge-warn">{t('home.interrupted')}</span>}
        </span>
        {uptime !== null && (
          <time className="card-chip card-uptime" title={t('home.uptime', { span: span(uptime) })}>
            {clock(uptime)}
          </time>
        )}
        <span className="card-chip card-viewers" title={t('home.viewers', { count: card.viewers })}>
          <Icon name="users" size={14} />
          {compact(card.viewers)}
          <span className="visually-hidden">{t('home.viewers', { count: card.viewers })}</span>
        </span>
      </div>
      <div className="card-text">
        <span className="card-initial" aria-hidden="true">
          {card.name.slice(0, 1).toUpperCase()}
        </span>
        <div>
          <h3>
            <Link to={`/${card.slug}`} title={card.since_ms === null ? title : `${title}\n${moment(card.since_ms)}`}>
              {title}
            </Link>
          </h3>
          <p>{card.name}</p>
          <p className="muted">{card.category}</p>
        </div>
      </div>
    </li>
  );
}

/** The last picture stays until the next one has loaded: nothing flashes, nothing jumps. */
function Thumbnail({ path, version }: { path: string; version: number }) {
  const wanted = `${path}?v=${version}`;
  const [shown, setShown] = useState<string | null>(null);
  useEffect(() => {
    const next = new Image();
    next.onload = () => setShown(wanted);
    next.src = wanted;
    return () => {
      next.onload = null;
    };
  }, [wanted]);
  return shown === null ? <Icon name="broadcast" size={40} /> : <img src={shown} alt="" />;
}

/** The place of a card, of its final size. */
export function CardSkeleton() {
  return (
    <li className="card">
      <div className="card-picture">
        <Skeleton height="100%" />
      </div>
      <div className="card-text">
        <Skeleton width="36px" height="36px" />
        <div className="card-lines">
          <Skeleton width="85%" />
          <Skeleton width="45%" />
          <Skeleton width="30%" />
        </div>
      </div>
    </li>
  );
}
