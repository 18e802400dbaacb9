/** Who speaks on the chat's connection: while nobody can tell, and while somebody else comes. */

import { expect, it } from 'vitest';
import { ChatConnection, type Status } from './connection';
import { FakeSurroundings, type FakeSocket } from './FakeSurroundings';

const ROOM = '12';

function page() {
  const world = new FakeSurroundings();
  const statuses: Status[] = [];
  const connection = new ChatConnection(ROOM, world, {
    receive: () => 'nothing',
    position: () => null,
    status: (status) => statuses.push(status),
    unsent: () => undefined,
  });
  return { world, statuses, connection };
}

async function join(world: FakeSurroundings): Promise<FakeSocket> {
  const { socket } = world;
  socket.accept();
  await world.settle();
  socket.receive({ t: 'welcome', id: socket.last('hello').id, session: 's', server_time_ms: 1, ping_seconds: 20 });
  socket.receive({ t: 'joined', id: socket.last('join').id, room: ROOM, epoch: 'e', offset: 5, events: [] });
  return socket;
}

it('says hello again while nobody can tell who it is, and becomes no guest for it', async () => {
  const { world, connection } = page();
  connection.start();
  const { socket } = world;
  socket.accept();
  await world.settle();
  for (let tries = 1; tries < 5; tries += 1) {
    const { id } = socket.last('hello');
    socket.receive({ t: 'error', id, code: 'unavailable', message: '', temporary: true, retry_after_ms: 1000 });
    await world.pass(1500);
    expect(socket.all('hello')).toHaveLength(tries + 1);
    expect(socket.last('hello').token).toBe('token-1');
  }
  expect(world.renewed).toBe(0);
});

it('says nothing by the link of who was here before, whose end ends nothing', async () => {
  const { world, statuses, connection } = page();
  connection.start();
  const old = await join(world);
  connection.changeWho();
  connection.say('one');
  expect(old.all('send')).toEqual([]);
  await world.pass(1);
  old.fail(4504);
  expect(statuses.at(-1)).toEqual({ kind: 'connecting' });
  expect((await join(world)).last('send').text).toBe('one');
});
