import { describe, expect, it } from 'vitest';
import { HELD_MAX, LINES_MAX } from './lines';
import { EMPTY_ROOM, hold, receive, release, say, tell, unsay, type RoomState } from './room';
import { speechOf } from './speech';
import type { Author, Event, Message } from './events';
import type { Joined, Logged } from './wire';

const NOW = 1_000_000;
const ANNA: Author = { id: 7, name: 'Anna', role: 'member' };
const BORIS: Author = { id: 8, name: 'Boris', role: 'moderator' };

const message = (text: string, author = BORIS, nonce = ''): Message => ({
  t: 'message',
  id: `m-${text}`,
  at_ms: NOW,
  author,
  text,
  me: false,
  nonce,
});
const logged = (offset: number, event: Event): Logged => ({ offset, epoch: null, event });
const joinedWith = (events: Logged[], more: Partial<Joined> = {}): Joined => ({
  t: 'joined',
  id: 2,
  room: '1',
  epoch: 'e',
  offset: events.at(-1)?.offset ?? 0,
  events,
  recovered: false,
  role: 'member',
  modes: { slow_seconds: 0, followers_only_seconds: null },
  restriction: null,
  chatters: 0,
  viewers: 0,
  pinned: null,
  ...more,
});

function entered(events: Logged[] = [], more: Partial<Joined> = {}): RoomState {
  return receive({ ...EMPTY_ROOM, me: ANNA }, joinedWith(events, more), NOW).state;
}
function push(state: RoomState, offset: number, event: Event, epoch = 'e') {
  return receive(state, { t: 'event', room: '1', epoch, offset, event }, NOW);
}
function texts({ lines }: Pick<RoomState, 'lines'>): string[] {
  return lines.map((line) => (line.kind === 'message' ? (line.removed === 'no' ? line.text : line.removed) : line.kind));
}

describe('order', () => {
  it('shows the backfill, then where one joined, then what comes', () => {
    const state = push(entered([logged(3, message('a'))]), 4, message('b')).state;
    expect(texts(state)).toEqual(['a', 'divider', 'b']);
    expect(state.position).toEqual({ epoch: 'e', offset: 4 });
  });

  it('passes over what it has and asks for what is missing', () => {
    const state = entered([logged(3, message('a'))]);
    expect(push(state, 3, message('a'))).toEqual({ state, want: 'nothing' });
    expect(push(state, 5, message('c'))).toEqual({ state, want: 'recover' });
    expect(push(state, 4, message('c'), 'other')).toEqual({ state, want: 'recover' });
    expect(receive(state, { t: 'reload', room: '1', epoch: 'f' }, NOW).want).toBe('anew');
  });

  it('adds what was missed, once, when the log was recovered', () => {
    const state = push(entered([logged(1, message('a'))]), 2, message('b')).state;
    const missed = joinedWith([logged(2, message('b')), logged(3, message('c'))], { recovered: true });
    expect(texts(receive(state, missed, NOW).state)).toEqual(['a', 'divider', 'b', 'c']);
  });

  it('forgets the old lines when it was not', () => {
    const state = entered([logged(1, message('a'))]);
    expect(texts(receive(state, joinedWith([logged(1, message('z'))], { epoch: 'f' }), NOW).state)).toEqual(['z', 'divider']);
  });

  it('keeps entries of an older epoch in the backfill', () => {
    const events = [{ offset: 90, epoch: 'd', event: message('old') }, logged(1, message('new'))];
    expect(texts(entered(events))).toEqual(['old', 'new', 'divider']);
  });

  it('is bounded', () => {
    let state = entered();
    for (let offset = 1; offset <= LINES_MAX + 20; offset += 1) state = push(state, offset, message(`${offset}`)).state;
    expect(state.lines).toHaveLength(LINES_MAX);
    expect(texts(state).at(-1)).toBe(`${LINES_MAX + 20}`);
  });
});

describe('moderation', () => {
  const said = entered([logged(1, message('a')), logged(2, message('b', ANNA)), logged(3, message('c'))]);

  it('replaces a deleted message in place', () => {
    const state = push(said, 4, { t: 'deleted', at_ms: NOW, message_id: 'm-b', by: BORIS }).state;
    expect(texts(state)).toEqual(['a', 'deleted', 'c', 'divider']);
  });

  it('treats an announcement as a line: shown, deleted and cleared like a message', () => {
    const event: Event = { t: 'announcement', id: 'a', at_ms: NOW, author: BORIS, text: 'hear', colour: 'blue' };
    const state = push(said, 4, event).state;
    expect(state.lines.at(-1)).toMatchObject({ kind: 'message', text: 'hear', colour: 'blue', me: false });
    expect(texts(push(state, 5, { t: 'deleted', at_ms: NOW, message_id: 'a', by: ANNA }).state).at(-1)).toBe('deleted');
    expect(texts(push(state, 5, { t: 'room_cleared', at_ms: NOW, by: ANNA }).state).at(-2)).toBe('cleared');
  });

  it('clears what one account said and tells why', () => {
    const event: Event = { t: 'user_cleared', at_ms: NOW, account_id: 8, name: 'Boris', by: ANNA, seconds: 60, reason: '' };
    expect(texts(push(said, 4, event).state)).toEqual(['cleared', 'b', 'cleared', 'divider', 'notice']);
  });

  it('clears the room, also for one who reads above', () => {
    const state = push(hold(said), 4, { t: 'room_cleared', at_ms: NOW, by: BORIS }).state;
    expect(texts({ lines: state.held ?? [] })).toEqual(['cleared', 'cleared', 'cleared', 'divider', 'notice']);
  });

  it('keeps what is pinned until it is unpinned, replaced or removed', () => {
    const pinned: Event = { t: 'pinned', at_ms: NOW, by: BORIS, message: { id: 'm-b', at_ms: NOW, author: ANNA, text: 'b' } };
    const state = push(said, 4, pinned).state;
    expect(state.pinned).toBe(pinned);
    expect(texts(state).at(-1)).toBe('notice');
    const [deleted, unpinned]: Event[] = [
      { t: 'deleted', at_ms: NOW, message_id: 'm-b', by: BORIS },
      { t: 'unpinned', at_ms: NOW, by: BORIS },
    ];
    for (const event of [deleted, unpinned]) expect(push(state, 5, event as Event).state.pinned).toBeNull();
    expect(push(state, 5, { t: 'deleted', at_ms: NOW, message_id: 'm-a', by: BORIS }).state.pinned).toBe(pinned);
    expect(receive(state, joinedWith([], { recovered: true, offset: 9 }), NOW).state.pinned).toBeNull();
    expect(entered([], { pinned }).pinned).toBe(pinned);
  });

  it('changes modes, and the own role only by events about oneself', () => {
    const modes = push(said, 4, { t: 'modes', at_ms: NOW, by: BORIS, slow_seconds: 30, followers_only_seconds: null }).state;
    expect(modes.modes.slow_seconds).toBe(30);
    const other = push(modes, 5, { t: 'role', at_ms: NOW, account_id: 99, name: 'X', role: 'vip', by: BORIS }).state;
    expect(other.role).toBe('member');
    expect(push(other, 6, { t: 'role', at_ms: NOW, account_id: 7, name: 'Anna', role: 'vip', by: BORIS }).state.role).toBe('vip');
  });
});

describe('what one says oneself', () => {
  it('stands as pending until it comes back by its nonce', () => {
    const state = say(entered(), 'n', 'hi', NOW);
    expect(state.pending).toHaveLength(1);
    const back = push(state, 1, message('hi', ANNA, 'n')).state;
    expect([back.pending, texts(back)]).toEqual([[], ['divider', 'hi']]);
  });

  it('is not taken for its own by another who copies the nonce', () => {
    expect(push(say(entered(), 'n', 'hi', NOW), 1, message('hi', BORIS, 'n')).state.pending).toHaveLength(1);
  });

  it('is shown once whether the acknowledgement comes before or after', () => {
    const ack = { t: 'ack', id: 1, room: '1', nonce: 'n', epoch: 'e', offset: 1, text: '' } as const;
    const early = receive(say(entered(), 'n', 'hi', NOW), ack, NOW).state;
    expect(early.pending).toHaveLength(1);
    expect(push(early, 1, message('hi', ANNA, 'n')).state.pending).toEqual([]);
    const late = push(say(entered(), 'n', 'hi', NOW), 1, message('hi', ANNA, 'n')).state;
    expect(texts(receive(late, ack, NOW).state)).toEqual(['divider', 'hi']);
  });

  it('settles a command by its place, and tells what it answers', () => {
    const state = say(entered(), 'n', '/help', NOW);
    const answered = receive(state, { t: 'ack', id: 1, room: '1', nonce: 'n', epoch: 'e', offset: 0, text: 'help' }, NOW).state;
    expect(answered.pending).toEqual([]);
    expect(texts(answered)).toEqual(['divider', 'told']);
  });

  it('goes back with the reason and the time when it was refused', () => {
    const state = receive(
      say(entered(), 'n', 'hi', NOW),
      { t: 'error', id: 1, code: 'slow_mode', message: '', temporary: true, retry_after_ms: 5000, field: null, room: '1', nonce: 'n' },
      NOW,
    ).state;
    expect(state.pending).toEqual([]);
    expect(state.refusal).toMatchObject({ text: 'hi', code: 'slow_mode', until_ms: NOW + 5000 });
    expect(unsay(say(entered(), 'n', 'hi', NOW), 'n', 'stopped').refusal?.code).toBe('stopped');
  });
});

describe('reading above', () => {
  it('keeps what is looked at, counts what comes, and shows it on return', () => {
    let state = hold(entered([logged(1, message('a'))]));
    for (let offset = 2; offset <= LINES_MAX + 50; offset += 1) state = push(state, offset, message(`${offset}`)).state;
    expect(state.unseen).toBe(LINES_MAX + 49);
    expect(texts({ lines: state.held ?? [] })[0]).toBe('a');
    expect(release(state)).toMatchObject({ held: null, unseen: 0 });
  });

  it('is bounded too', () => {
    let state = hold(entered());
    for (let offset = 1; offset <= HELD_MAX + 10; offset += 1) state = push(state, offset, message('x')).state;
    expect(state.held?.length).toBe(HELD_MAX);
  });

  it('also shows what is told to this page alone', () => {
    expect(tell(hold(entered()), 'words', NOW).held).toHaveLength(2);
  });
});

describe('leave to speak', () => {
  it('is asked of guests', () => {
    expect(speechOf(EMPTY_ROOM, NOW)).toEqual({ kind: 'guest' });
  });

  it('is withheld while a restriction lasts', () => {
    const restriction = { code: 'timed_out', until_ms: NOW + 1000, reason: 'spam' };
    const state = receive(entered(), { t: 'you', room: '1', role: 'member', restriction }, NOW).state;
    expect(speechOf(state, NOW)).toMatchObject({ kind: 'barred', code: 'timed_out' });
    expect(speechOf(state, NOW + 1001)).toEqual({ kind: 'free' });
  });

  it('is withheld by slow mode after one spoke, but not from VIPs', () => {
    const modes = { slow_seconds: 30, followers_only_seconds: null };
    const state = entered([logged(1, message('hi', ANNA))], { modes });
    expect(speechOf(state, NOW + 10_000)).toMatchObject({ code: 'slow_mode', untilMs: NOW + 30_000 });
    expect(speechOf({ ...state, role: 'vip' }, NOW + 10_000)).toEqual({ kind: 'free' });
  });
});
