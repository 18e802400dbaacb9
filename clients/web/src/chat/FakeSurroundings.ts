/** A hand-made world for the connection's tests: sockets one can see into, and a clock that is turned by hand. */

import { encode as pack, decode as unpack } from '@msgpack/msgpack';
import type { Socket, Surroundings } from './link';
import type { ClientFrame } from './wire';

export class FakeSocket implements Socket {
  protocol = '';
  binaryType: BinaryType = 'blob';
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  closedWith: number | undefined;
  readonly sent: ClientFrame[] = [];

  constructor(readonly offered: readonly string[]) {}

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.closedWith !== undefined) throw new DOMException('closed', 'InvalidStateError');
    this.sent.push((typeof data === 'string' ? JSON.parse(data) : unpack(data)) as ClientFrame);
  }

  close(code = 1000): void {
    this.closedWith = code;
  }

  accept(protocol = 'leams.v1.msgpack'): void {
    this.protocol = protocol;
    this.onopen?.({} as never);
  }

  /** A message as the server would write it, of one frame or more: what is at its default may be left out. */
  receive(...frames: Record<string, unknown>[]): void {
    const isJson = this.protocol === 'leams.v1.json';
    const lines = frames.map((frame) => JSON.stringify(frame)).join('\n');
    this.onmessage?.({ data: isJson ? lines : Uint8Array.from(frames.flatMap((frame) => [...pack(frame)])) });
  }

  fail(code: number): void {
    this.closedWith = code;
    this.onclose?.({ code });
  }

  last<T extends ClientFrame['t']>(kind: T): Extract<ClientFrame, { t: T }> {
    const found = this.sent.findLast((frame) => frame.t === kind);
    if (found === undefined) throw new Error(`no ${kind} was sent`);
    return found as Extract<ClientFrame, { t: T }>;
  }

  all<T extends ClientFrame['t']>(kind: T): Extract<ClientFrame, { t: T }>[] {
    return this.sent.filter((frame) => frame.t === kind) as Extract<ClientFrame, { t: T }>[];
  }
}

export class FakeSurroundings implements Surroundings {
  readonly sockets: FakeSocket[] = [];
  accessToken: string | null = 'token-1';
  renewed = 0;
  private time = 1_000_000;
  private nonces = 0;
  private timers: { at: number; run: () => void }[] = [];

  open = (protocols: readonly string[]): Socket => {
    const socket = new FakeSocket(protocols);
    this.sockets.push(socket);
    return socket;
  };
  now = () => this.time;
  random = () => 0.5;
  after = (ms: number, run: () => void) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((one) => one !== timer);
    };
  };
  token = () => Promise.resolve(this.accessToken);
  renew = () => {
    this.renewed += 1;
    this.accessToken = `token-${this.renewed + 1}`;
    return Promise.resolve(this.accessToken);
  };
  nonce = () => `n-${++this.nonces}`;

  get socket(): FakeSocket {
    const last = this.sockets.at(-1);
    if (last === undefined) throw new Error('no socket was opened');
    return last;
  }

  /** Turn the clock; what falls due runs in its order. */
  async pass(ms: number): Promise<void> {
    const until = this.time + ms;
    for (;;) {
      const due = this.timers.filter(({ at }) => at <= until).sort((one, other) => one.at - other.at)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((one) => one !== due);
      this.time = Math.max(this.time, due.at);
      due.run();
      await this.settle();
    }
    this.time = until;
  }

  /** Let promises that are ready go on. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }
}
