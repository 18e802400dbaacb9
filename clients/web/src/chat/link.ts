/** One socket's conversation: hello, welcome, join, joined, and the watch over its silence. */

import { decode, encode } from './codec';
import { ENCODINGS, type ClientFrame, type Encoding, type Refused, type ServerFrame, type Welcome } from './wire';

/** What we use of a WebSocket; the tests have one of their own. */
export interface Socket {
  readonly protocol: string;
  binaryType: BinaryType;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send: (data: string | Uint8Array<ArrayBuffer>) => void;
  close: (code?: number, reason?: string) => void;
}

/** Where time, sockets and tokens come from. */
export interface Surroundings {
  open: (protocols: readonly string[]) => Socket;
  now: () => number;
  random: () => number;
  /** Run later; the result cancels. */
  after: (ms: number, run: () => void) => () => void;
  token: () => Promise<string | null>;
  renew: (refused: string) => Promise<string | null>;
  nonce: () => string;
}

export interface Position {
  epoch: string;
  offset: number;
}

export interface LinkEvents {
  /** What the last welcome gave us to come back with; it saves a token, and the server a signature. */
  ticket: () => string | null;
  position: () => Position | null;
  welcomed: (link: Link, welcome: Welcome) => void;
  frame: (link: Link, frame: ServerFrame) => void;
  /** Joining is refused for good, by this code. */
  refused: (link: Link, code: string) => void;
  /** Once, whoever closed it; 1006 when it went silent. */
  closed: (link: Link, code: number) => void;
}

const SETUP_MS = 10_000;
const RETRY_MS = 2000;
const PING_SECONDS = 25;
const GREETINGS_MAX = 3;

export class Link {
  isJoined = false;
  isClosed = false;
  readonly openedAt: number;
  private readonly socket: Socket;
  private encoding: Encoding = 'leams.v1.json';
  private lastId = 0;
  private helloId = 0;
  private joinId = 0;
  private greetings = 0;
  private token: string | null = null;
  private ticket: string | null = null;
  private pingMs = PING_SECONDS * 1000;
  private heardAt: number;
  private cancels: (() => void)[] = [];
  private cancelWatch: () => void = () => undefined;

  constructor(
    private readonly room: string,
    private readonly around: Surroundings,
    private readonly events: LinkEvents,
  ) {
    this.openedAt = this.heardAt = around.now();
    this.socket = around.open(ENCODINGS);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onopen = () => this.onOpen();
    this.socket.onmessage = (event) => this.onMessage(event.data);
    this.socket.onclose = (event) => this.end(event.code);
    this.cancels.push(around.after(SETUP_MS, () => !this.isJoined && this.drop(1006)));
  }

  /** Send a frame; false when this socket takes no more. */
  send(frame: ClientFrame): boolean {
    if (this.isClosed) return false;
    try {
      this.socket.send(encode(frame, this.encoding));
      return true;
    } catch {
      this.drop(1006);
      return false;
    }
  }

  nextId(): number {
    this.lastId += 1;
    return this.lastId;
  }

  /** Say hello with the newest token; again whenever it was renewed. */
  async greet(): Promise<void> {
    this.ticket = null;
    try {
      this.token = await this.around.token();
    } catch {
      // nobody can tell who we are just now: read as a guest, the next renewal greets again
      this.token = null;
    }
    this.hello();
  }

  join(position: Position | null): void {
    this.joinId = this.nextId();
    this.send({ t: 'join', id: this.joinId, room: this.room, ...(position ?? {}) });
  }

  /** Look now whether the other side is there: the page woke up or the network changed. */
  probe(): void {
    this.send({ t: 'ping', id: this.nextId() });
    const asked = this.around.now();
    this.cancels.push(this.around.after(5000, () => this.heardAt < asked && this.drop(1006)));
  }

  /** Close politely; `closed` is not told. */
  leave(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.quiet();
    this.socket.close(1000);
  }

  private onOpen(): void {
    const agreed = ENCODINGS.find((one) => one === this.socket.protocol);
    if (agreed === undefined) {
      this.socket.close(1000);
      this.end(1002);
      return;
    }
    this.encoding = agreed;
    this.ticket = this.events.ticket();
    if (this.ticket === null) void this.greet();
    else this.hello();
  }

  private hello(): void {
    this.greetings += 1;
    this.helloId = this.nextId();
    const token = this.token === null ? {} : { token: this.token };
    const who = this.ticket === null ? token : { ticket: this.ticket };
    this.send({ t: 'hello', id: this.helloId, client: 'leams-web', ...who });
  }

  private onMessage(data: unknown): void {
    if (this.isClosed) return;
    this.heardAt = this.around.now();
    let frames: ServerFrame[];
    try {
      if (typeof data !== 'string' && !(data instanceof ArrayBuffer) && !(data instanceof Uint8Array)) return;
      frames = decode(data, this.encoding);
    } catch (error) {
      console.warn('chat: a frame that the schema refuses', error);
      this.drop(1006);
      return;
    }
    for (const frame of frames) this.onFrame(frame);
  }

  private onFrame(frame: ServerFrame): void {
    if (this.isClosed) return;
    if (frame.t === 'welcome') this.onWelcome(frame);
    else if (frame.t === 'error' && frame.id === this.helloId) void this.onHelloRefused(frame);
    else if (frame.t === 'error' && frame.id === this.joinId && frame.nonce === null) {
      this.onJoinRefused(frame.code, frame.temporary, frame.retry_after_ms);
    } else if (frame.t !== 'pong') {
      if (frame.t === 'joined') this.isJoined = true;
      this.events.frame(this, frame);
    }
  }

  private onWelcome(welcome: Welcome): void {
    this.greetings = 0;
    this.pingMs = Math.max(5, welcome.ping_seconds) * 1000;
    this.watch();
    this.events.welcomed(this, welcome);
    if (!this.isJoined) this.join(this.events.position());
  }

  /** The token had expired on the way: a few times at most, then as a guest.  Or nobody can tell now: the same again. */
  private async onHelloRefused({ code, retry_after_ms }: Refused): Promise<void> {
    if (code !== 'token_expired') {
      this.greetings = 0;
      const pause = (retry_after_ms ?? RETRY_MS) * (1 + this.around.random());
      this.cancels.push(this.around.after(pause, () => this.hello()));
      return;
    }
    if (this.ticket !== null) {
      await this.greet();
      return;
    }
    try {
      this.token = this.token === null || this.greetings >= GREETINGS_MAX ? null : await this.around.renew(this.token);
    } catch {
      this.token = null;
    }
    if (this.greetings > GREETINGS_MAX) this.drop(1006);
    else this.hello();
  }

  private onJoinRefused(code: string, isTemporary: boolean, retryAfterMs: number | null): void {
    if (!isTemporary) {
      this.events.refused(this, code);
      return;
    }
    const pause = (retryAfterMs ?? RETRY_MS) * (1 + this.around.random());
    this.cancels.push(this.around.after(pause, () => this.join(this.events.position())));
  }

  /** Ask after a silence of one ping interval; two without a word mean that nobody is there. */
  private watch(): void {
    this.cancelWatch();
    this.cancelWatch = this.around.after(this.pingMs, () => {
      const silentMs = this.around.now() - this.heardAt;
      if (silentMs >= this.pingMs * 2) {
        this.drop(1006);
        return;
      }
      if (silentMs >= this.pingMs * 0.9) this.send({ t: 'ping', id: this.nextId() });
      this.watch();
    });
  }

  private drop(code: number): void {
    if (this.isClosed) return;
    this.socket.close(1000);
    this.end(code);
  }

  private end(code: number): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.quiet();
    this.events.closed(this, code);
  }

  private quiet(): void {
    this.cancelWatch();
    for (const cancel of this.cancels) cancel();
    this.cancels = [];
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
  }
}
