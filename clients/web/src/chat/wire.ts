/** The chat wire (`docs/wire.md`): the types of all frames.  Times are Unix milliseconds. */

import type { Author, Event, Modes, Pinned, Role } from './events';

export type Encoding = 'leams.v1.msgpack' | 'leams.v1.json';

/** In the order of our preference. */
export const ENCODINGS: readonly Encoding[] = ['leams.v1.msgpack', 'leams.v1.json'];
export const TEXT_MAX_CHARS = 500;

// -- what we send --

export interface Hello {
  t: 'hello';
  id: number;
  token?: string;
  ticket?: string;
  client?: string;
}

export interface Join {
  t: 'join';
  id: number;
  room: string;
  epoch?: string;
  offset?: number;
}

export interface Leave {
  t: 'leave';
  id: number;
  room: string;
}

export interface Send {
  t: 'send';
  id: number;
  room: string;
  nonce: string;
  text: string;
}

export interface Older {
  t: 'older';
  id: number;
  room: string;
  epoch: string;
  offset: number;
  limit?: number;
}

export interface Ping {
  t: 'ping';
  id: number;
}

export type ClientFrame = Hello | Join | Leave | Send | Older | Ping;

// -- what the server sends --

export interface Logged {
  offset: number;
  /** Only where it is not the one of the frame around. */
  epoch: string | null;
  event: Event;
}

export interface Restriction {
  code: string;
  until_ms: number | null;
  reason: string;
}

export interface Welcome {
  t: 'welcome';
  id: number;
  session: string;
  server_time_ms: number;
  ping_seconds: number;
  account: Author | null;
  expires_in_seconds: number | null;
  ticket: string | null;
  frame_max_bytes: number;
  text_max_chars: number;
}

export interface Joined {
  t: 'joined';
  id: number;
  room: string;
  epoch: string;
  offset: number;
  events: Logged[];
  recovered: boolean;
  role: Role;
  modes: Modes;
  restriction: Restriction | null;
  chatters: number;
  viewers: number;
  pinned: Pinned | null;
}

export interface Left {
  t: 'left';
  id: number;
  room: string;
}

export interface History {
  t: 'history';
  id: number;
  room: string;
  events: Logged[];
  complete: boolean;
}

export interface Ack {
  t: 'ack';
  id: number;
  room: string;
  nonce: string;
  epoch: string;
  offset: number;
  text: string;
}

export interface Refused {
  t: 'error';
  id: number;
  code: string;
  message: string;
  temporary: boolean;
  retry_after_ms: number | null;
  field: string | null;
  room: string | null;
  nonce: string | null;
}

export interface Push {
  t: 'event';
  room: string;
  epoch: string;
  offset: number;
  event: Event;
}

export type RoomLive = 'offline' | 'starting' | 'live' | 'interrupted' | 'ended';

export interface Info {
  t: 'info';
  room: string;
  viewers: number;
  chatters: number;
  live: RoomLive;
  broadcast: string | null;
  title: string;
  category: string;
  since_ms: number | null;
  grace_until_ms: number | null;
}

export interface You {
  t: 'you';
  room: string;
  role: Role;
  restriction: Restriction | null;
}

export interface Reload {
  t: 'reload';
  room: string;
  epoch: string;
}

export interface Reconnect {
  t: 'reconnect';
  after_ms: number;
}

export interface Pong {
  t: 'pong';
  id: number;
}

export type ServerFrame =
  | Welcome
  | Joined
  | Left
  | History
  | Ack
  | Refused
  | Push
  | Info
  | You
  | Reload
  | Reconnect
  | Pong;
