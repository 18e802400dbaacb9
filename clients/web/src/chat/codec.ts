/** Frames to bytes and back, in both encodings of the wire.  Pure.  Unknown fields are passed over. */

import { decodeMulti as unpackAll, encode as pack } from '@msgpack/msgpack';
import { readAuthor, readEvent, readModes, readPinned, ROLES } from './events';
import { asFields, flag, integer, integerOrNull, listOf, oneOf, text, textOrNull, WireFault, type Fields } from './reading';
import type { ClientFrame, Encoding, Logged, Restriction, RoomLive, ServerFrame } from './wire';

/** A frame from the server: a recovery of three thousand messages is well below. */
const FRAME_MAX_BYTES = 4 * 1024 * 1024;
const EVENTS_MAX = 5000;
const LIVE: readonly RoomLive[] = ['offline', 'starting', 'live', 'interrupted', 'ended'];

export function encode(frame: ClientFrame, encoding: Encoding): string | Uint8Array<ArrayBuffer> {
  return encoding === 'leams.v1.json' ? JSON.stringify(frame) : pack(frame, { ignoreUndefined: true });
}

/**
 * Read a server's message, which holds several frames where it was compressed; those that a newer server may know and
 * we don't are left out.  Raises WireFault: not the encoding, not the schema, or larger than any honest frame.
 */
export function decode(data: string | ArrayBuffer | Uint8Array, encoding: Encoding): ServerFrame[] {
  const size = typeof data === 'string' ? data.length : data.byteLength;
  if (size > FRAME_MAX_BYTES) throw new WireFault(`a frame of ${size} bytes`);
  return parse(data, encoding)
    .map((one) => readFrame(asFields(one, 'frame')))
    .filter((frame) => frame !== null);
}

function parse(data: string | ArrayBuffer | Uint8Array, encoding: Encoding): unknown[] {
  try {
    if (encoding === 'leams.v1.json') {
      const lines = typeof data === 'string' ? data : new TextDecoder('utf-8', { fatal: true }).decode(data);
      return lines.split('\n').map((line) => JSON.parse(line) as unknown);
    }
    if (typeof data === 'string') throw new WireFault('text in a binary encoding');
    return [...unpackAll(data, { maxArrayLength: EVENTS_MAX, maxMapLength: 64 })];
  } catch (error) {
    throw error instanceof WireFault ? error : new WireFault(error instanceof Error ? error.message : String(error));
  }
}

function readFrame(f: Fields): ServerFrame | null {
  switch (text(f, 't')) {
    case 'welcome':
      return {
        t: 'welcome',
        id: integer(f, 'id'),
        session: text(f, 'session'),
        server_time_ms: integer(f, 'server_time_ms'),
        ping_seconds: integer(f, 'ping_seconds'),
        account: f['account'] === undefined || f['account'] === null ? null : readAuthor(f['account']),
        expires_in_seconds: integerOrNull(f, 'expires_in_seconds'),
        ticket: textOrNull(f, 'ticket'),
        frame_max_bytes: integer(f, 'frame_max_bytes', 16 * 1024),
        text_max_chars: integer(f, 'text_max_chars', 500),
      };
    case 'joined':
      return {
        t: 'joined',
        id: integer(f, 'id'),
        room: text(f, 'room'),
        ...position(f),
        events: listOf(f, 'events', EVENTS_MAX, logged),
        recovered: flag(f, 'recovered'),
        role: oneOf(f, 'role', ROLES, 'guest'),
        modes: f['modes'] === undefined ? readModes({}) : readModes(asFields(f['modes'], 'modes')),
        restriction: restriction(f['restriction']),
        chatters: integer(f, 'chatters', 0),
        viewers: integer(f, 'viewers', 0),
        pinned: f['pinned'] === undefined || f['pinned'] === null ? null : readPinned(asFields(f['pinned'], 'pinned')),
      };
    case 'left':
      return { t: 'left', id: integer(f, 'id'), room: text(f, 'room') };
    case 'history':
      return {
        t: 'history',
        id: integer(f, 'id'),
        room: text(f, 'room'),
        events: listOf(f, 'events', EVENTS_MAX, logged),
        complete: flag(f, 'complete'),
      };
    case 'ack':
      return {
        t: 'ack',
        id: integer(f, 'id'),
        room: text(f, 'room'),
        nonce: text(f, 'nonce'),
        epoch: text(f, 'epoch', ''),
        offset: integer(f, 'offset', 0),
        text: text(f, 'text', ''),
      };
    case 'error':
      return {
        t: 'error',
        id: integer(f, 'id'),
        code: text(f, 'code'),
        message: text(f, 'message'),
        temporary: flag(f, 'temporary'),
        retry_after_ms: integerOrNull(f, 'retry_after_ms'),
        field: textOrNull(f, 'field'),
        room: textOrNull(f, 'room'),
        nonce: textOrNull(f, 'nonce'),
      };
    case 'event':
      return { t: 'event', room: text(f, 'room'), ...position(f), event: readEvent(f['event']) };
    case 'info':
      return {
        t: 'info',
        room: text(f, 'room'),
        viewers: integer(f, 'viewers', 0),
        chatters: integer(f, 'chatters', 0),
        live: oneOf(f, 'live', LIVE, 'offline'),
        broadcast: textOrNull(f, 'broadcast'),
        title: text(f, 'title', ''),
        category: text(f, 'category', ''),
        since_ms: integerOrNull(f, 'since_ms'),
        grace_until_ms: integerOrNull(f, 'grace_until_ms'),
      };
    case 'you':
      return {
        t: 'you',
        room: text(f, 'room'),
        role: oneOf(f, 'role', ROLES),
        restriction: restriction(f['restriction']),
      };
    case 'reload':
      return { t: 'reload', room: text(f, 'room'), epoch: text(f, 'epoch') };
    case 'reconnect':
      return { t: 'reconnect', after_ms: integer(f, 'after_ms') };
    case 'pong':
      return { t: 'pong', id: integer(f, 'id') };
    default:
      return null;
  }
}

function logged(value: unknown): Logged {
  const f = asFields(value, 'logged');
  return { offset: integer(f, 'offset'), epoch: text(f, 'epoch', '') || null, event: readEvent(f['event']) };
}

const position = (f: Fields) => ({ epoch: text(f, 'epoch'), offset: integer(f, 'offset') });

function restriction(value: unknown): Restriction | null {
  if (value === undefined || value === null) return null;
  const f = asFields(value, 'restriction');
  return { code: text(f, 'code'), until_ms: integerOrNull(f, 'until_ms'), reason: text(f, 'reason', '') };
}
