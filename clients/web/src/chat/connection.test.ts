import { describe, expect, it, vi } from 'vitest';
import { ChatConnection, UNSETTLED_MAX, type Status, type Want } from './connection';
import { FakeSurroundings, type FakeSocket } from './FakeSurroundings';
import type { Position } from './link';
import type { ServerFrame } from './wire';

const ROOM = '12';

class Page {
  readonly world = new FakeSurroundings();
  readonly frames: ServerFrame[] = [];
  readonly statuses: Status[] = [];
  readonly unsent: string[] = [];
  position: Position | null = null;
  want: Want = 'nothing';
  readonly connection = new ChatConnection(ROOM, this.world, {
    receive: (frame) => {
      this.frames.push(frame);
      return this.want;
    },
    position: () => this.position,
    status: (status) => this.statuses.push(status),
    unsent: (nonce) => this.unsent.push(nonce),
  });

  get status(): Status | undefined {
    return this.statuses.at(-1);
  }

  /** Answer the newest socket's hello and join. */
  async welcome(socket: FakeSocket = this.world.socket, ticket?: string): Promise<FakeSocket> {
    socket.accept();
    await this.world.settle();
    const hello = socket.last('hello');
    socket.receive({ t: 'welcome', id: hello.id, session: 's', server_time_ms: 1, ping_seconds: 20, account: { id: 7, name: 'Anna' }, ticket });
    return socket;
  }

  async join(socket: FakeSocket = this.world.socket, ticket?: string): Promise<FakeSocket> {
    await this.welcome(socket, ticket);
    socket.receive({ t: 'joined', id: socket.last('join').id, room: ROOM, epoch: 'e', offset: 5, events: [] });
    return socket;
  }

  async start(ticket?: string): Promise<FakeSocket> {
    this.connection.start();
    return this.join(this.world.socket, ticket);
  }
}

const ack = (nonce: string) => ({ t: 'ack', id: 9, room: ROOM, nonce, epoch: 'e', offset: 6 });

describe('setting up', () => {
  it('offers both encodings, says hello with the token and joins', async () => {
    const page = new Page();
    const socket = await page.start();
    expect(socket.offered).toEqual(['leams.v1.msgpack', 'leams.v1.json']);
    expect(socket.sent).toMatchObject([{ t: 'hello', token: 'token-1' }, { t: 'join', room: ROOM }]);
    expect(page.status).toEqual({ kind: 'connected' });
  });

  it('speaks JSON where that was agreed, and reads as a guest without a token', async () => {
    const page = new Page();
    page.world.accessToken = null;
    page.connection.start();
    page.world.socket.accept('leams.v1.json');
    await page.world.settle();
    expect(page.world.socket.last('hello').token).toBeUndefined();
  });

  it('takes every frame of one message, until one of them ends it', async () => {
    const page = new Page();
    const socket = await page.start();
    const info = (title: string) => ({ t: 'info', room: ROOM, title });
    socket.receive(info('one'), info('two'));
    expect(page.frames.slice(-2)).toMatchObject([{ title: 'one' }, { title: 'two' }]);
    const gone = { t: 'error', id: socket.last('join').id, code: 'no_room', message: '' };
    socket.receive(gone, info('three'));
    expect(page.status).toEqual({ kind: 'stopped', why: 'no_room' });
    expect(page.frames.at(-1)).toMatchObject({ title: 'two' });
  });

  it('renews an expired token and says hello again on the same socket', async () => {
    const page = new Page();
    page.connection.start();
    const { socket } = page.world;
    socket.accept();
    await page.world.settle();
    socket.receive({ t: 'error', id: socket.last('hello').id, code: 'token_expired', message: '' });
    await page.world.settle();
    expect(socket.last('hello').token).toBe('token-2');
  });

  it('stops with no_room when there is no such room', async () => {
    const page = new Page();
    page.connection.start();
    const socket = await page.welcome();
    socket.receive({ t: 'error', id: socket.last('join').id, code: 'no_room', message: '' });
    expect(page.status).toEqual({ kind: 'stopped', why: 'no_room' });
  });

  it('gives up a socket that does not get as far as joined', async () => {
    const page = new Page();
    page.connection.start();
    await page.world.pass(10_000);
    expect(page.world.sockets[0]?.closedWith).toBe(1000);
    await page.world.pass(1000);
    expect(page.world.sockets).toHaveLength(2);
  });
});

describe('coming back', () => {
  it.each([1001, 1006, 1011, 1012, 1013, 4000, 4001, 4499])('comes back after %i, with its position', async (code) => {
    const page = new Page();
    const first = await page.start();
    page.position = { epoch: 'e', offset: 41 };
    first.fail(code);
    await page.world.pass(10_000);
    const second = await page.welcome();
    expect(second).not.toBe(first);
    expect(second.last('join')).toMatchObject({ epoch: 'e', offset: 41 });
  });

  it('comes back with its ticket, and with the token where that no longer stands', async () => {
    const page = new Page();
    (await page.start('ticket-1')).fail(1006);
    await page.world.pass(10_000);
    const second = page.world.socket;
    second.accept();
    await page.world.settle();
    expect(second.last('hello')).toMatchObject({ ticket: 'ticket-1' });
    expect(second.last('hello').token).toBeUndefined();
    second.receive({ t: 'error', id: second.last('hello').id, code: 'token_expired', message: '' });
    await page.world.settle();
    expect(second.last('hello')).toMatchObject({ token: 'token-1' });
    expect(second.last('hello').ticket).toBeUndefined();
    expect(page.world.renewed).toBe(0);
  });

  it('says the token after its ticket was refused for good, and shows none for somebody else', async () => {
    const page = new Page();
    (await page.start('ticket-1')).fail(4501);
    await page.world.pass(10_000);
    const second = await page.join();
    expect(second.last('hello').token).toBe('token-1');
    expect(page.world.renewed).toBe(0);
    const third = new Page();
    await third.start('ticket-1');
    third.connection.changeWho();
    await third.world.pass(0);
    third.world.socket.accept();
    await third.world.settle();
    expect(third.world.socket.last('hello').ticket).toBeUndefined();
  });

  it.each([
    [1002, 'refused'],
    [1007, 'refused'],
    [4500, 'outdated'],
    [4502, 'flood'],
    [4504, 'account_gone'],
  ])('stays away after %i: %s', async (code, why) => {
    const page = new Page();
    (await page.start()).fail(code);
    await page.world.pass(60_000);
    expect(page.world.sockets).toHaveLength(1);
    expect(page.status).toEqual({ kind: 'stopped', why });
  });

  it('renews a token that was refused for good once, then stops', async () => {
    const page = new Page();
    (await page.start()).fail(4501);
    await page.world.settle();
    await page.world.pass(10_000);
    expect(page.world.renewed).toBe(1);
    (await page.join()).fail(4501);
    expect(page.status).toEqual({ kind: 'stopped', why: 'renew_token' });
  });

  it('waits longer after each failure, and at most 10 s', async () => {
    const page = new Page();
    page.connection.start();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      page.world.socket.fail(1006);
      await page.world.settle();
      const status = page.status;
      if (status?.kind !== 'waiting') throw new Error('not waiting');
      pauses.push(status.untilMs - page.world.now());
      await page.world.pass(status.untilMs - page.world.now());
    }
    expect(pauses).toEqual([...pauses].sort((one, other) => one - other));
    expect(pauses.at(-1)).toBeLessThanOrEqual(10_000);
    expect(page.world.sockets).toHaveLength(9);
  });

  it('asks after a silence, and drops a socket that does not answer', async () => {
    const page = new Page();
    const socket = await page.start();
    await page.world.pass(20_000);
    expect(socket.all('ping')).toHaveLength(1);
    await page.world.pass(20_000);
    expect(socket.closedWith).toBe(1000);
    expect(page.status?.kind).toBe('waiting');
  });

  it('keeps a socket that answers its pings', async () => {
    const page = new Page();
    const socket = await page.start();
    for (let minute = 0; minute < 6; minute += 1) {
      await page.world.pass(20_000);
      socket.receive({ t: 'pong', id: socket.last('ping').id });
    }
    expect(socket.closedWith).toBeUndefined();
  });

  it('opens another socket on reconnect and keeps the old one until the new one has joined', async () => {
    const page = new Page();
    const old = await page.start();
    old.receive({ t: 'reconnect', after_ms: 1000 });
    await page.world.pass(1000);
    const fresh = page.world.socket;
    expect(fresh).not.toBe(old);
    await page.welcome(fresh);
    old.receive({ t: 'info', room: ROOM, viewers: 3 });
    expect(page.frames.at(-1)).toMatchObject({ t: 'info', viewers: 3 });
    expect(old.closedWith).toBeUndefined();
    fresh.receive({ t: 'joined', id: fresh.last('join').id, room: ROOM, epoch: 'e', offset: 5, events: [] });
    expect(old.closedWith).toBe(1000);
    expect(page.statuses.filter(({ kind }) => kind === 'waiting')).toEqual([]);
  });
});

describe('what was said', () => {
  it('is sent again under its nonce after a lost connection, and not once it was acknowledged', async () => {
    const page = new Page();
    const first = await page.start();
    page.connection.say('one');
    page.connection.say('two');
    first.receive(ack('n-1'));
    first.fail(1006);
    await page.world.pass(1000);
    const second = await page.join();
    expect(second.all('send').map(({ nonce, text }) => [nonce, text])).toEqual([['n-2', 'two']]);
  });

  it('waits for the connection', async () => {
    const page = new Page();
    page.connection.start();
    expect(page.connection.say('early')).toBe('n-1');
    expect(page.world.socket.sent).toEqual([]);
    expect((await page.join()).last('send').text).toBe('early');
  });

  it('is bounded', async () => {
    const page = new Page();
    await page.start();
    for (let count = 0; count < UNSETTLED_MAX; count += 1) expect(page.connection.say('x')).not.toBeNull();
    expect(page.connection.say('too much')).toBeNull();
  });

  it('is repeated under the same nonce while the server is out of order, and then refused', async () => {
    const page = new Page();
    const socket = await page.start();
    page.connection.say('one');
    const refuse = () => socket.receive({ t: 'error', id: 3, code: 'unavailable', message: '', temporary: true, nonce: 'n-1' });
    for (let tries = 1; tries < 6; tries += 1) {
      refuse();
      expect(socket.all('send')).toHaveLength(tries);
      await page.world.pass(1250 * 2 ** (tries - 1));
      socket.receive({ t: 'pong', id: 1 });
    }
    expect(socket.all('send').map(({ nonce }) => nonce)).toEqual(Array(6).fill('n-1'));
    expect(page.frames.some(({ t }) => t === 'error')).toBe(false);
    refuse();
    expect(page.frames.at(-1)).toMatchObject({ t: 'error', nonce: 'n-1' });
  });

  it('goes back to its author when somebody else is here: never said in their name', async () => {
    const page = new Page();
    await page.start();
    page.connection.say('one');
    page.connection.changeWho();
    await page.world.pass(1);
    const fresh = await page.join();
    expect(fresh.all('send')).toEqual([]);
    expect(page.unsent).toEqual(['n-1']);
  });

  it('goes back to its author when the connection stops for good', async () => {
    const page = new Page();
    const socket = await page.start();
    page.connection.say('one');
    socket.fail(4504);
    expect(page.unsent).toEqual(['n-1']);
  });
});

it('joins again with its position when the room asks for it, once', async () => {
  const page = new Page();
  const socket = await page.start();
  page.position = { epoch: 'e', offset: 5 };
  page.want = 'recover';
  const gap = { t: 'event', room: ROOM, epoch: 'e', offset: 9, event: { t: 'room_cleared', at_ms: 1, by: { id: 1, name: 'B' } } };
  socket.receive(gap);
  socket.receive(gap);
  expect(socket.all('join')).toHaveLength(2);
  expect(socket.last('join')).toMatchObject({ epoch: 'e', offset: 5 });
});

it('takes a frame that is not the schema as a broken connection', async () => {
  const page = new Page();
  const socket = await page.start();
  vi.spyOn(console, 'warn').mockReturnValue();
  socket.onmessage?.({ data: new Uint8Array([0xc1]) });
  expect(socket.closedWith).toBe(1000);
  expect(page.status?.kind).toBe('waiting');
});
