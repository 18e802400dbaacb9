/** A room as this page sees it: (state, frame) → state.  Pure: `now` comes in. */

import type { Want } from './connection';
import { HELD_MAX, LINES_MAX, lineOf, redact, type Line } from './lines';
import type { Position } from './link';
import { isRemovedBy, removalOf, type Author, type Event, type Modes, type Pinned, type Role } from './events';
import type { Ack, Info, Joined, Logged, Push, Refused, Restriction, ServerFrame } from './wire';
import { TEXT_MAX_CHARS } from './wire';

/** Said by us, not yet come back. */
export interface Pending {
  nonce: string;
  text: string;
  at_ms: number;
  /** Where the acknowledgement says it stands; the line itself follows. */
  ackedAt: Position | null;
}

/** What the server would not take: the text goes back to its field. */
export interface Refusal {
  nonce: string;
  text: string;
  code: string;
  message: string;
  until_ms: number | null;
}

export interface RoomState {
  position: Position | null;
  lines: Line[];
  /** The lines as they were when somebody began to read above, with those that came since below. */
  held: Line[] | null;
  /** Lines that came since then. */
  unseen: number;
  pending: Pending[];
  refusal: Refusal | null;
  me: Author | null;
  role: Role;
  restriction: Restriction | null;
  modes: Modes;
  /** What stands over the room, and who pinned it. */
  pinned: Pinned | null;
  info: Info | null;
  /** Our own last message, by the server's clock: slow mode counts from it. */
  saidAtMs: number | null;
  /** Server's clock minus ours. */
  skewMs: number;
  textMaxChars: number;
  told: number;
  hasJoined: boolean;
}

export const EMPTY_ROOM: RoomState = {
  position: null,
  lines: [],
  held: null,
  unseen: 0,
  pending: [],
  refusal: null,
  me: null,
  role: 'guest',
  restriction: null,
  modes: { slow_seconds: 0, followers_only_seconds: null },
  pinned: null,
  info: null,
  saidAtMs: null,
  skewMs: 0,
  textMaxChars: TEXT_MAX_CHARS,
  told: 0,
  hasJoined: false,
};

export interface Folded {
  state: RoomState;
  want: Want;
}

export function receive(state: RoomState, frame: ServerFrame, now: number): Folded {
  switch (frame.t) {
    case 'welcome':
      return still({
        ...state,
        me: frame.account,
        skewMs: frame.server_time_ms - now,
        textMaxChars: frame.text_max_chars,
      });
    case 'joined':
      // the old link moved on to another log after this one had asked
      if (frame.recovered && state.position?.epoch !== frame.epoch) return { state, want: 'anew' };
      return still(joined(state, frame, now));
    case 'event':
      return pushed(state, frame);
    case 'ack':
      return still(acknowledged(state, frame, now));
    case 'error':
      return still(refused(state, frame, now));
    case 'info':
      return still({ ...state, info: frame });
    case 'you':
      return still({ ...state, role: frame.role, restriction: frame.restriction });
    case 'reload':
      return { state, want: 'anew' };
    default:
      return still(state);
  }
}

const still = (state: RoomState): Folded => ({ state, want: 'nothing' });

function joined(state: RoomState, frame: Joined, now: number): RoomState {
  const continues = frame.recovered;
  const start: RoomState = continues ? state : { ...state, position: null, lines: [], held: null, unseen: 0 };
  const after = append(start, frame.epoch, frame.events);
  const lines = continues ? after.lines : [...after.lines, divider(frame, now)];
  return settled({
    ...after,
    lines,
    position: { epoch: frame.epoch, offset: Math.max(frame.offset, continues ? (state.position?.offset ?? 0) : 0) },
    role: frame.role,
    modes: frame.modes,
    pinned: frame.pinned,
    restriction: frame.restriction,
    hasJoined: true,
  });
}

const divider = (frame: Joined, now: number): Line => ({
  kind: 'divider',
  key: `${frame.epoch}:${frame.offset}:joined`,
  at_ms: now,
});

function pushed(state: RoomState, { epoch, offset, event }: Push): Folded {
  const position = state.position;
  if (position?.epoch !== epoch) return { state, want: 'recover' };
  if (offset <= position.offset) return still(state);
  if (offset > position.offset + 1) return { state, want: 'recover' };
  return still(settled(append({ ...state, position: { epoch, offset } }, epoch, [{ offset, epoch: null, event }], position.offset)));
}

/** Fold events in, passing over those that we have. */
function append(state: RoomState, epoch: string, events: Logged[], known = state.position?.offset ?? 0): RoomState {
  const lines = [...state.lines];
  const held = state.held === null ? null : [...state.held];
  let next = state;
  let unseen = state.unseen;
  for (const { offset, epoch: own, event } of events) {
    if (own === null && offset <= known) continue;
    const line = lineOf(`${own ?? epoch}:${offset}`, event);
    for (const list of [lines, held]) if (list !== null) redact(list, event);
    if (line !== null) {
      lines.push(line);
      if (held !== null && held.length < HELD_MAX) held.push(line);
      if (held !== null) unseen += 1;
    }
    next = affect(next, event);
  }
  return { ...next, lines: lines.slice(-LINES_MAX), held, unseen };
}

/** What an event changes besides the lines. */
function affect(state: RoomState, event: Event): RoomState {
  if (event.t === 'modes') {
    const { slow_seconds, followers_only_seconds } = event;
    return { ...state, modes: { slow_seconds, followers_only_seconds } };
  }
  if (event.t === 'pinned') return { ...state, pinned: event };
  if (event.t === 'unpinned') return { ...state, pinned: null };
  const removal = removalOf(event);
  if (removal !== null) {
    return state.pinned !== null && isRemovedBy(removal, state.pinned.message) ? { ...state, pinned: null } : state;
  }
  if (state.me === null) return state;
  if (event.t === 'role' && event.account_id === state.me.id) return { ...state, role: event.role };
  if (event.t === 'message' && event.author.id === state.me.id) {
    const pending = state.pending.filter((one) => one.nonce !== event.nonce);
    return { ...state, pending, saidAtMs: Math.max(state.saidAtMs ?? 0, event.at_ms) };
  }
  return state;
}

/** Drop acknowledged lines that the log has passed, or whose log is gone. */
function settled(state: RoomState): RoomState {
  const passed = ({ ackedAt }: Pending) =>
    ackedAt !== null && (ackedAt.epoch !== state.position?.epoch || ackedAt.offset <= state.position.offset);
  return state.pending.some(passed) ? { ...state, pending: state.pending.filter((one) => !passed(one)) } : state;
}

function acknowledged(state: RoomState, ack: Ack, now: number): RoomState {
  const pending = state.pending.map((one) =>
    one.nonce === ack.nonce ? { ...one, ackedAt: { epoch: ack.epoch, offset: ack.offset } } : one,
  );
  const next = settled({ ...state, pending });
  return ack.text === '' ? next : tell(next, ack.text, now);
}

/** Add a line that only this page sees. */
export function tell(state: RoomState, text: string, now: number): RoomState {
  const told = state.told + 1;
  const line: Line = { kind: 'told', key: `told:${told}`, at_ms: now, text };
  const held = state.held === null ? null : [...state.held, line];
  return { ...state, told, held, lines: [...state.lines, line].slice(-LINES_MAX) };
}

function refused(state: RoomState, error: Refused, now: number): RoomState {
  const one = state.pending.find(({ nonce }) => nonce === error.nonce);
  if (one === undefined) return state;
  return {
    ...state,
    pending: state.pending.filter((other) => other !== one),
    refusal: {
      nonce: one.nonce,
      text: one.text,
      code: error.code,
      message: error.message,
      until_ms: error.retry_after_ms === null ? null : now + error.retry_after_ms,
    },
  };
}

/** We said something: it stands below the lines until it comes back. */
export function say(state: RoomState, nonce: string, text: string, now: number): RoomState {
  const pending: Pending = { nonce, text, at_ms: now + state.skewMs, ackedAt: null };
  return { ...state, pending: [...state.pending, pending], refusal: null };
}

/** It will never be said: the connection has stopped. */
export function unsay(state: RoomState, nonce: string, code: string): RoomState {
  const error: Refused = {
    t: 'error',
    id: 0,
    code,
    message: '',
    temporary: false,
    retry_after_ms: null,
    field: null,
    room: null,
    nonce,
  };
  return refused(state, error, 0);
}

/** Somebody reads above: what they look at stays. */
export function hold(state: RoomState): RoomState {
  return state.held === null ? { ...state, held: state.lines, unseen: 0 } : state;
}

export function release(state: RoomState): RoomState {
  return state.held === null ? state : { ...state, held: null, unseen: 0 };
}
