/** The events of a room's log: what they hold, how they are read, and what they remove.  Pure. */

import { asFields, flag, integer, integerOrNull, oneOf, text, type Fields } from './reading';

export const ROLES = ['owner', 'moderator', 'vip', 'member', 'guest'] as const;
export type Role = (typeof ROLES)[number];

export interface Author {
  id: number;
  name: string;
  role: Role;
}

export interface Message {
  t: 'message';
  id: string;
  at_ms: number;
  author: Author;
  text: string;
  me: boolean;
  nonce: string;
}

export const COLOURS = ['primary', 'blue', 'green', 'orange', 'purple'] as const;
export type Colour = (typeof COLOURS)[number];

export interface Announced {
  t: 'announcement';
  id: string;
  at_ms: number;
  author: Author;
  text: string;
  colour: Colour;
}

export interface Deleted {
  t: 'deleted';
  at_ms: number;
  message_id: string;
  by: Author;
}

export interface UserCleared {
  t: 'user_cleared';
  at_ms: number;
  account_id: number;
  name: string;
  by: Author;
  seconds: number | null;
  reason: string;
}

export interface UserRestored {
  t: 'user_restored';
  at_ms: number;
  account_id: number;
  name: string;
  by: Author;
}

export interface RoomCleared {
  t: 'room_cleared';
  at_ms: number;
  by: Author;
}

export interface Modes {
  slow_seconds: number;
  followers_only_seconds: number | null;
}

export interface ModesChanged extends Modes {
  t: 'modes';
  at_ms: number;
  by: Author;
}

export interface RoleChanged {
  t: 'role';
  at_ms: number;
  account_id: number;
  name: string;
  role: Role;
  by: Author;
}

/** A line stands over the room, in place of any other. */
export interface Pinned {
  t: 'pinned';
  at_ms: number;
  by: Author;
  message: { id: string; at_ms: number; author: Author; text: string };
}

export interface Unpinned {
  t: 'unpinned';
  at_ms: number;
  by: Author;
}

/** An event that a newer server knows and we don't: it only holds its place in the log. */
export interface Unknown {
  t: 'unknown';
  at_ms: number;
}

export type Event =
  | Unknown
  | Message
  | Announced
  | Deleted
  | UserCleared
  | UserRestored
  | RoomCleared
  | ModesChanged
  | RoleChanged
  | Pinned
  | Unpinned;

/** The earlier lines that an event removes: one, all of one account, or (neither is set) all. */
export interface Removal {
  messageId?: string;
  accountId?: number;
}

export function removalOf(event: Event): Removal | null {
  switch (event.t) {
    case 'deleted':
      return { messageId: event.message_id };
    case 'user_cleared':
      return { accountId: event.account_id };
    case 'room_cleared':
      return {};
    default:
      return null;
  }
}

export function isRemovedBy({ messageId, accountId }: Removal, said: { id: string; author: Author }): boolean {
  if (messageId === undefined && accountId === undefined) return true;
  return messageId === said.id || accountId === said.author.id;
}

export function readEvent(value: unknown): Event {
  const f = asFields(value, 'event');
  const at_ms = integer(f, 'at_ms');
  switch (text(f, 't')) {
    case 'message':
      return {
        t: 'message',
        id: text(f, 'id'),
        at_ms,
        author: readAuthor(f['author']),
        text: text(f, 'text'),
        me: flag(f, 'me'),
        nonce: text(f, 'nonce', ''),
      };
    case 'announcement':
      return {
        t: 'announcement',
        id: text(f, 'id'),
        at_ms,
        author: readAuthor(f['author']),
        text: text(f, 'text'),
        colour: oneOf(f, 'colour', COLOURS, 'primary'),
      };
    case 'deleted':
      return { t: 'deleted', at_ms, message_id: text(f, 'message_id'), by: readAuthor(f['by']) };
    case 'user_cleared':
      return {
        t: 'user_cleared',
        at_ms,
        ...account(f),
        by: readAuthor(f['by']),
        seconds: integerOrNull(f, 'seconds'),
        reason: text(f, 'reason', ''),
      };
    case 'user_restored':
      return { t: 'user_restored', at_ms, ...account(f), by: readAuthor(f['by']) };
    case 'room_cleared':
      return { t: 'room_cleared', at_ms, by: readAuthor(f['by']) };
    case 'modes':
      return { t: 'modes', at_ms, by: readAuthor(f['by']), ...readModes(f) };
    case 'role':
      return { t: 'role', at_ms, ...account(f), role: oneOf(f, 'role', ROLES), by: readAuthor(f['by']) };
    case 'pinned':
      return readPinned(f);
    case 'unpinned':
      return { t: 'unpinned', at_ms, by: readAuthor(f['by']) };
    default:
      return { t: 'unknown', at_ms };
  }
}

export function readPinned(f: Fields): Pinned {
  const message = asFields(f['message'], 'message');
  return {
    t: 'pinned',
    at_ms: integer(f, 'at_ms'),
    by: readAuthor(f['by']),
    message: {
      id: text(message, 'id'),
      at_ms: integer(message, 'at_ms'),
      author: readAuthor(message['author']),
      text: text(message, 'text'),
    },
  };
}

const account = (f: Fields) => ({ account_id: integer(f, 'account_id'), name: text(f, 'name') });

export function readAuthor(value: unknown): Author {
  const f = asFields(value, 'author');
  return { id: integer(f, 'id'), name: text(f, 'name'), role: oneOf(f, 'role', ROLES, 'member') };
}

export function readModes(f: Fields): Modes {
  return { slow_seconds: integer(f, 'slow_seconds', 0), followers_only_seconds: integerOrNull(f, 'followers_only_seconds') };
}
