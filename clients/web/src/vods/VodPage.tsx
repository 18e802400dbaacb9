import { useCallback, useEffect, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { useApi } from '../api/context';
import type { VodDetails } from '../api/types';
import { usePolled } from '../api/usePolled';
import { useNow } from '../chat/useNow';
import { Button } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { Skeleton } from '../components/Skeleton';
import { useI18n } from '../i18n/context';
import { useErrorText } from '../i18n/errorText';
import { NotFoundPage } from '../pages/NotFoundPage';
import { useSession } from '../session/context';
import { useTitle } from '../shell/useTitle';
import type { Playback } from '../watch/playback';
import { Screen } from '../watch/Screen';
import { vodSource } from '../watch/source';
import { useBeacons } from '../watch/useBeacons';
import { usePlayback } from '../watch/usePlayback';
import '../watch/watch.css';
import { PastBroadcasts } from './PastBroadcasts';
import { useVods } from './useVods';
import { isWatchable } from './vod';
import { VodActions } from './VodActions';
import { VodOverlay } from './VodOverlay';
import './vods.css';

/** A broadcast that has just ended is a recording within this time. */
const PREPARING_MS = 2000;

/** One past broadcast. */
export default function VodPage() {
  const { id = '' } = useParams();
  return <Loaded key={id} id={id} />;
}

function Loaded({ id }: { id: string }) {
  const { t } = useI18n();
  const errorText = useErrorText();
  const api = useApi();
  const loadVod = useCallback((signal: AbortSignal) => api.vods.read(id, signal), [api, id]);
  const [everyMs, setEvery] = useState(0);
  const vod = usePolled(loadVod, everyMs);
  const wanted = vod.data !== null && !isWatchable(vod.data) ? PREPARING_MS : 0;
  if (wanted !== everyMs) setEvery(wanted);

  if (vod.data !== null) return <VodView vod={vod.data} onChange={vod.replace} />;
  const { error } = vod;
  if (error === null) {
    return (
      <div className="vod" role="status">
        <span className="visually-hidden">{t('shell.loading')}</span>
        <div className="player player-loading" />
        <div className="watch-below">
          <Skeleton width="60%" height="28px" />
          <Skeleton width="30%" />
        </div>
      </div>
    );
  }
  if (error.status === 404) return <NotFoundPage />;
  return (
    <EmptyState
      icon="offline"
      title={t('vods.loadFailed')}
      actions={
        <Button variant="primary" icon="refresh" onClick={vod.reload}>
          {t('shell.retry')}
        </Button>
      }
    >
      <p role="alert">{errorText(error)}</p>
    </EmptyState>
  );
}

function VodView({ vod, onChange }: { vod: VodDetails; onChange: (vod: VodDetails) => void }) {
  const { t, day, moment } = useI18n();
  const { channel } = vod;
  const session = useSession();
  const navigate = useNavigate();
  const handle = usePlayback();
  const { playback, state } = handle;
  const list = useVods(channel.slug, false);
  const title = vod.title === '' ? t('vods.untitled') : vod.title;
  useTitle(`${channel.name}: ${title}`);

  const playlist = isWatchable(vod) ? vod.playlist : null;
  const isPrivate = vod.visibility === 'private';
  useEffect(() => {
    const token = isPrivate ? session.token : null;
    playback?.load(playlist === null ? null : vodSource(playlist, token));
  }, [playback, playlist, isPrivate, session.token]);
  useBeacons(playback, playlist === null ? null : vod.public_id, 'vod');
  const others = { ...list, vods: list.vods?.filter(({ public_id }) => public_id !== vod.public_id) ?? null };

  return (
    <div className="vod">
      <Screen
        handle={handle}
        kind="vod"
        isOn={playlist !== null && state.status !== 'unsupported'}
        look="vod"
        poster={vod.thumbnail}
        over={<VodOverlay vod={vod} playback={playback} state={state} />}
        where={playback !== null && <Clock playback={playback} />}
        theatre={null}
      />
      <div className="watch-below">
        <div className="watch-head">
          <div className="watch-what">
            <h1>{title}</h1>
            <p className="watch-who">
              <Link to={`/${channel.slug}`}>
                <strong>{channel.name}</strong>
              </Link>
              {vod.category !== '' && <span className="badge">{vod.category}</span>}
              <time dateTime={new Date(vod.started_ms).toISOString()} title={moment(vod.started_ms)}>
                {day(vod.started_ms)}
              </time>
            </p>
          </div>
          {vod.is_owner && (
            <VodActions vod={vod} onChange={onChange} onRemoved={() => void navigate(`/${channel.slug}`, { replace: true })} />
          )}
        </div>
        <PastBroadcasts slug={channel.slug} list={others} />
      </div>
    </div>
  );
}

/** 1:23 / 1:02:03. */
function Clock({ playback }: { playback: Playback }) {
  const { clock } = useI18n();
  useNow(500);
  const timeline = playback.timeline();
  if (timeline === null) return null;
  return (
    <span className="player-clock">
      {clock((timeline.now - timeline.start) * 1000)} / {clock((timeline.end - timeline.start) * 1000)}
    </span>
  );
}
