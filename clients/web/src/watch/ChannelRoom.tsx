import { useCallback, useEffect, useState, type CSSProperties } from 'react';
import type { Channel } from '../api/types';
import { ChatPane } from '../chat/ChatPane';
import { useChat } from '../chat/useChat';
import { Button } from '../components/Button';
import { useI18n } from '../i18n/context';
import { recall, remember } from '../preferences/storage';
import { useSession } from '../session/context';
import { useTitle } from '../shell/useTitle';
import { useVods } from '../vods/useVods';
import { addressOf, isWatchable } from '../vods/vod';
import { Below } from './Below';
import { ChatTools } from './ChatTools';
import { liveOfChannel, liveOfInfo, stateSeen } from './live';
import { Player } from './Player';
import { CHAT_FIRST_PX, clampChat, Resizer } from './Resizer';
import { useEver, useOnChange, type ChannelHandle } from './useChannel';

const WIDTH = 'leams.chatWidth';
const HIDDEN = 'leams.chatHidden';

interface ChannelRoomProps {
  handle: ChannelHandle;
  channel: Channel;
  /** Whether the chat tells what is on, so that nobody has to ask. */
  onTold: (isTold: boolean) => void;
}

export function ChannelRoom({ handle, channel, onTold }: ChannelRoomProps) {
  const { t } = useI18n();
  const { status: session } = useSession();
  const { store, view } = useChat(String(channel.id));
  const [isTheatre, setTheatre] = useState(false);
  const [isHidden, setHidden] = useState(() => recall(HIDDEN) === '1');
  const [chatPx, setChatPx] = useState(() => clampChat(Number(recall(WIDTH) ?? CHAT_FIRST_PX)));

  const { info } = view.room;
  const isTold = view.status.kind === 'connected' && info !== null;
  useEffect(() => onTold(isTold), [onTold, isTold]);

  const live = isTold ? liveOfInfo(info, channel) : liveOfChannel(channel);
  const hasWatched = useEver(live.playlist !== null);
  const seen = stateSeen(live, hasWatched);
  const title = live.title === '' ? t('watch.untitled', { name: channel.name }) : live.title;
  const [watched, setWatched] = useState(live.broadcast);
  if (live.broadcast !== null && live.broadcast !== watched) setWatched(live.broadcast);
  const [isAwaited, setAwaited] = useState(false);
  const list = useVods(channel.slug, isAwaited);
  // what has just ended is a recording within seconds
  const isMissing = seen === 'ended' && watched !== null && !(list.vods?.some(({ public_id }) => public_id === watched) ?? true);
  if (isMissing !== isAwaited) setAwaited(isMissing);
  const last = list.vods?.find(isWatchable);
  const lastVod =
    last === undefined
      ? null
      : { to: addressOf(channel.slug, last.public_id), title: last.title === '' ? t('vods.untitled') : last.title };
  useTitle(live.playlist === null ? channel.name : `${channel.name}: ${title}`);

  // who follows and how many is told by the channel alone: asked when the broadcast or the viewer changes
  const { reload } = handle;
  const reloadVods = list.reload;
  const reloadAll = useCallback(() => {
    reload();
    reloadVods();
  }, [reload, reloadVods]);
  useOnChange(`${live.state} ${session}`, reloadAll);

  const changeHidden = (hidden: boolean) => {
    setHidden(hidden);
    remember(HIDDEN, hidden ? '1' : null);
  };
  const changeWidth = useCallback((px: number) => {
    setChatPx(px);
    remember(WIDTH, String(px));
  }, []);

  const classes = ['watch', isTheatre && 'watch-theatre', isHidden && 'watch-alone'].filter(Boolean).join(' ');
  return (
    <div className={classes} style={{ '--chat-px': `${chatPx}px` } as CSSProperties}>
      <div className="watch-main">
        <Player
          live={live}
          seen={seen}
          name={channel.name}
          poster={channel.thumbnail ?? last?.thumbnail ?? null}
          lastVod={lastVod}
          isTheatre={isTheatre}
          onTheatre={() => setTheatre(!isTheatre)}
        />
        <Below channel={channel} live={live} seen={seen} title={title} onChange={handle.replace} vods={list} />
        {isHidden && (
          <Button className="watch-show-chat" size="s" icon="chat" onClick={() => changeHidden(false)}>
            {t('watch.showChat')}
          </Button>
        )}
      </div>
      {!isHidden && (
        <>
          <Resizer px={chatPx} onChange={changeWidth} />
          <div className="watch-chat">
            <ChatPane
              store={store}
              view={view}
              tools={<ChatTools slug={channel.slug} onHide={() => changeHidden(true)} />}
            />
          </div>
        </>
      )}
    </div>
  );
}
