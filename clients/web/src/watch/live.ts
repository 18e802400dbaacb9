/** What is on now, whichever way we heard of it.  Pure. */

import type { Channel } from '../api/types';
import type { Info, RoomLive } from '../chat/wire';

export interface Live {
  state: RoomLive;
  broadcast: string | null;
  playlist: string | null;
  title: string;
  category: string;
  viewers: number;
  sinceMs: number | null;
  graceUntilMs: number | null;
}

export function liveOfChannel(channel: Channel): Live {
  const isPlayable = channel.live === 'live' || channel.live === 'interrupted';
  return {
    state: channel.live,
    broadcast: channel.broadcast,
    playlist: isPlayable ? (channel.playlist ?? playlistOf(channel.broadcast)) : null,
    title: channel.title,
    category: channel.category,
    viewers: channel.viewers,
    sinceMs: channel.since_ms,
    graceUntilMs: channel.grace_until_ms,
  };
}

/** `channel` knows better where a broadcast that not everybody may see is played from. */
export function liveOfInfo(info: Info, channel: Pick<Channel, 'broadcast' | 'playlist'> | null = null): Live {
  const isPlayable = info.live === 'live' || info.live === 'interrupted';
  const told = channel !== null && channel.broadcast === info.broadcast ? channel.playlist : null;
  return {
    state: info.live,
    broadcast: info.broadcast,
    playlist: isPlayable ? (told ?? playlistOf(info.broadcast)) : null,
    title: info.title,
    category: info.category,
    viewers: info.viewers,
    sinceMs: info.since_ms,
    graceUntilMs: info.grace_until_ms,
  };
}

/** `docs/architecture.md`, "Media addresses". */
function playlistOf(broadcast: string | null): string | null {
  return broadcast === null ? null : `/live/${encodeURIComponent(broadcast)}/index.m3u8`;
}

/** An offline channel whose broadcast we have watched has just ended. */
export function stateSeen(live: Live, hasWatched: boolean): RoomLive {
  return live.state === 'offline' && hasWatched ? 'ended' : live.state;
}
