import type { Channel } from '../api/types';
import { useNow } from '../chat/useNow';
import type { RoomLive } from '../chat/wire';
import { Button, ButtonLink } from '../components/Button';
import { Icon } from '../components/Icon';
import { useToast } from '../components/toasts';
import { useI18n } from '../i18n/context';
import { PastBroadcasts } from '../vods/PastBroadcasts';
import type { VodList } from '../vods/useVods';
import { FollowButton } from './FollowButton';
import type { Live } from './live';

interface BelowProps {
  channel: Channel;
  live: Live;
  seen: RoomLive;
  title: string;
  onChange: (channel: Channel) => void;
  vods: VodList;
}

/** Under the player: what is on, who it is, how many watch, since when. */
export function Below({ channel, live, seen, title, onChange, vods }: BelowProps) {
  const { t, compact, number } = useI18n();
  const isOn = seen === 'live' || seen === 'interrupted' || seen === 'starting';
  return (
    <div className="watch-below">
      <div className="watch-head">
        <div className="watch-what">
          <h1>{isOn || live.title !== '' ? title : channel.name}</h1>
          <p className="watch-who">
            <strong>{channel.name}</strong>
            {live.category !== '' && <span className="badge">{live.category}</span>}
            {isOn && (
              <span title={number(live.viewers)}>
                <Icon name="eye" size={16} /> {t('watch.viewers', { count: live.viewers })}
              </span>
            )}
            {isOn && live.sinceMs !== null && <Uptime sinceMs={live.sinceMs} />}
            <span className="watch-followers" title={number(channel.followers)}>
              {channel.followers < 10_000
                ? t('watch.followers', { count: channel.followers })
                : `${compact(channel.followers)} ${t('watch.followers', { count: channel.followers }).replace(/^\S+\s/, '')}`}
            </span>
          </p>
        </div>
        <div className="watch-acts">
          {channel.is_owner ? (
            <ButtonLink to="/dashboard" icon="edit">
              <span className="watch-act">{t('watch.edit')}</span>
            </ButtonLink>
          ) : (
            <FollowButton channel={channel} onChange={onChange} />
          )}
          <Share />
        </div>
      </div>
      <section className="watch-about" aria-label={t('watch.about', { name: channel.name })}>
        <h2>{t('watch.about', { name: channel.name })}</h2>
        {channel.description === '' ? (
          <p className="muted">{t('watch.noDescription', { name: channel.name })}</p>
        ) : (
          <p className="watch-description">{channel.description}</p>
        )}
      </section>
      <PastBroadcasts slug={channel.slug} list={vods} />
    </div>
  );
}

function Uptime({ sinceMs }: { sinceMs: number }) {
  const { t, clock, moment } = useI18n();
  const time = clock(useNow(1000) - sinceMs);
  return (
    <span title={moment(sinceMs)}>
      <Icon name="clock" size={16} /> <span className="visually-hidden">{t('watch.uptime', { time: '' })}</span>
      <span className="watch-uptime">{time}</span>
    </span>
  );
}

function Share() {
  const { t } = useI18n();
  const toast = useToast();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(location.origin + location.pathname);
      toast({ kind: 'good', text: t('watch.copied') });
    } catch {
      // no secure context, or forbidden
      toast({ kind: 'bad', text: t('watch.copyFailed') });
    }
  };
  return (
    <Button icon="copy" aria-label={t('watch.share')} onClick={() => void copy()}>
      <span className="watch-act">{t('watch.share')}</span>
    </Button>
  );
}
