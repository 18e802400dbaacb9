/** The scripted conversations of `tests/data/chat/recovery.json` against this client; the Python client reads them too. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FakeSurroundings, type FakeSocket } from './FakeSurroundings';
import { ChatStore } from './store';

type Frame = Record<string, unknown> & { t: string };
interface Step {
  open?: number;
  client?: Frame;
  server?: Frame;
  answers?: 'join';
  close?: number;
  on?: number;
  say?: string;
  wait_ms?: number;
  shown?: string[];
  silent?: number;
  left?: number;
  kept?: number;
  sockets?: number;
}
interface Vector {
  name: string;
  steps: Step[];
}

const PATH = `${import.meta.dirname}/../../../../tests/data/chat/recovery.json`;
const VECTORS = JSON.parse(readFileSync(PATH, 'utf8')) as Vector[];
const TURN_MS = 50;
const OPENS_WITHIN_MS = 30_000;

/** A page before a scripted server. */
class Page {
  readonly world = new FakeSurroundings();
  readonly store = new ChatStore('12', this.world, (publish) => publish());
  private readonly taken = new Map<FakeSocket, number>();

  socket(number: number): FakeSocket {
    const found = this.world.sockets.at(number - 1);
    if (found === undefined) throw new Error(`no socket ${number}`);
    return found;
  }

  /** The n-th socket (0: the next one) opens, once the client has asked for it. */
  async accept(number: number): Promise<void> {
    const wanted = number === 0 ? this.world.sockets.length + 1 : number;
    for (let waited = 0; this.world.sockets.length < wanted; waited += TURN_MS) {
      if (waited > OPENS_WITHIN_MS) throw new Error('it does not open another socket');
      await this.world.pass(TURN_MS);
    }
    const socket = this.socket(wanted);
    socket.accept();
    await this.world.settle();
    socket.receive({ t: 'welcome', id: socket.last('hello').id, session: 's', server_time_ms: 1, ping_seconds: 25 });
  }

  /** What the client has sent and no step has looked at, without greetings and pings. */
  unread(socket: FakeSocket): Frame[] {
    const asked = socket.sent.filter(({ t }) => t !== 'hello' && t !== 'ping') as unknown as Frame[];
    return asked.slice(this.taken.get(socket) ?? 0);
  }

  expectSent(socket: FakeSocket, expected: Frame): void {
    const sent = this.unread(socket)[0];
    const seen = Object.fromEntries(Object.keys(expected).map((name) => [name, sent?.[name] ?? null]));
    expect(seen).toEqual(expected);
    this.taken.set(socket, (this.taken.get(socket) ?? 0) + 1);
  }

  answer(socket: FakeSocket, frame: Frame, answers: Step['answers']): void {
    if (!['joined', 'ack', 'error'].includes(frame.t)) socket.receive(frame);
    else socket.receive({ ...frame, id: socket.last(answers ?? (frame.t === 'joined' ? 'join' : 'send')).id });
  }

  get texts(): string[] {
    return this.store.snapshot().room.lines.flatMap((line) => (line.kind === 'message' && line.removed === 'no' ? [line.text] : []));
  }

  async take(step: Step): Promise<void> {
    if (step.open !== undefined) await this.accept(step.open);
    if (step.client !== undefined) this.expectSent(this.socket(step.on ?? 0), step.client);
    if (step.server !== undefined) this.answer(this.socket(step.on ?? 0), step.server, step.answers);
    if (step.close !== undefined) this.socket(step.on ?? 0).fail(step.close);
    if (step.say !== undefined) this.store.say(step.say);
    if (step.wait_ms !== undefined) await this.world.pass(step.wait_ms);
    if (step.shown !== undefined) expect(this.texts).toEqual(step.shown);
    if (step.silent !== undefined) expect(this.unread(this.socket(step.silent))).toEqual([]);
    if (step.left !== undefined) expect(this.socket(step.left).closedWith).toBe(1000);
    if (step.kept !== undefined) expect(this.socket(step.kept).closedWith).toBeUndefined();
    if (step.sockets !== undefined) expect(this.world.sockets).toHaveLength(step.sockets);
    await this.world.settle();
  }
}

it.each(VECTORS)('$name', async ({ steps }) => {
  const page = new Page();
  page.store.start();
  for (const step of steps) await page.take(step);
});
