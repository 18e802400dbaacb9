/**
 * The chat's connection: always trying to have one joined link, and never two that speak.
 *
 * What was sent and not yet acknowledged is sent again on the next link with the same nonce, so it is neither lost nor doubled.
 */

import { backoffMs, closingOf, type Closing } from './closing';
import { Link, type Position, type Surroundings } from './link';
import type { Refused, ServerFrame, Welcome } from './wire';

export type Status =
  | { kind: 'connecting' }
  | { kind: 'connected' }
  | { kind: 'waiting'; untilMs: number }
  | { kind: 'stopped'; why: Closing | 'no_room' };

/** What the room's state asks for after a frame. */
export type Want = 'nothing' | 'recover' | 'anew';

export interface Listener {
  /** Fold a frame in; the answer says whether the room has to be joined again. */
  receive: (frame: ServerFrame) => Want;
  position: () => Position | null;
  status: (status: Status) => void;
  /** What was said and will not be said again: its author decides. */
  unsent: (nonce: string) => void;
}

/** Said and not yet acknowledged. */
export const UNSETTLED_MAX = 20;
/** So often the same thing is said again before it goes back to its author. */
const TRIES_MAX = 6;
const REPEAT_MS = 1000;
/** The server knows a nonce for ten minutes: what waited longer is never repeated, it could be said twice. */
const REPEATABLE_MS = 540_000;
/** A link that lived this long was a good one: the next failure starts from the shortest pause. */
const STEADY_MS = 10_000;

interface Unsettled {
  text: string;
  tries: number;
  firstSentMs: number | null;
}

export class ChatConnection {
  private active: Link | null = null;
  private next: Link | null = null;
  private attempts = 0;
  private isRunning = false;
  private isRejoining = false;
  /** Somebody else is here, and the link that speaks is still the last one's. */
  private isChanging = false;
  private hasRenewed = false;
  /** What the last welcome gave whoever is here; the next link shows it instead of a token. */
  private ticket: string | null = null;
  private cancelOpening: (() => void) | null = null;
  private readonly unsettled = new Map<string, Unsettled>();
  private readonly repeats = new Set<() => void>();

  constructor(
    private readonly room: string,
    private readonly around: Surroundings,
    private readonly listener: Listener,
  ) {}

  start(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.isChanging = false;
    this.hasRenewed = false;
    this.attempts = 0;
    this.listener.status({ kind: 'connecting' });
    this.open();
  }

  stop(): void {
    this.isRunning = false;
    this.cancelOpening?.();
    this.cancelOpening = null;
    for (const cancel of this.repeats) cancel();
    this.repeats.clear();
    this.active?.leave();
    this.next?.leave();
    this.active = this.next = null;
  }

  /** Say or command; null when too much is still on its way. */
  say(text: string): string | null {
    if (this.unsettled.size >= UNSETTLED_MAX || !this.isRunning) return null;
    const nonce = this.around.nonce();
    this.unsettled.set(nonce, { text, tries: 0, firstSentMs: null });
    this.transmit(nonce);
    return nonce;
  }

  /** The access token was renewed for the same account. */
  greet(): void {
    void this.active?.greet();
  }

  /** Somebody else is here now: a new link speaks for them, the old one stays until it has joined. */
  changeWho(): void {
    this.hasRenewed = false;
    this.ticket = null;
    this.giveBack(); // never said again in another's name
    if (!this.isRunning) this.start();
    else {
      this.isChanging = true;
      this.handOver(0);
    }
  }

  /** The network is back or the page woke up: don't wait for the pause to pass. */
  nudge(): void {
    if (!this.isRunning) return;
    if (this.cancelOpening !== null && this.active === null) this.openSoon(0);
    else this.active?.probe();
  }

  private handOver(pauseMs: number): void {
    this.next?.leave();
    this.next = null;
    this.openSoon(pauseMs);
  }

  private openSoon(pauseMs: number): void {
    this.cancelOpening?.();
    this.cancelOpening = this.around.after(pauseMs, () => this.open());
    if (this.active === null && pauseMs > 0) {
      this.listener.status({ kind: 'waiting', untilMs: this.around.now() + pauseMs });
    }
  }

  private open(): void {
    this.cancelOpening?.();
    this.cancelOpening = null;
    if (!this.isRunning || this.next !== null) return;
    if (this.active === null) this.listener.status({ kind: 'connecting' });
    try {
      this.next = new Link(this.room, this.around, {
        ticket: () => this.ticket,
        position: () => this.listener.position(),
        welcomed: (link, welcome) => this.onWelcome(link, welcome),
        frame: (link, frame) => this.onFrame(link, frame),
        refused: () => this.giveUp('no_room'),
        closed: (link, code) => void this.onClosed(link, code),
      });
    } catch {
      this.retry();
    }
  }

  private onWelcome(link: Link, welcome: Welcome): void {
    if (link !== this.next && link !== this.active) return;
    this.ticket = welcome.ticket;
    this.listener.receive(welcome);
  }

  private onFrame(link: Link, frame: ServerFrame): void {
    if (link === this.next && frame.t === 'joined') this.promote(link);
    if (link !== this.active) return;
    if (frame.t === 'reconnect') {
      this.handOver(frame.after_ms * (0.5 + this.around.random() / 2));
      return;
    }
    if (frame.t === 'joined') this.isRejoining = false;
    if (frame.t === 'error' && this.repeat(frame)) return;
    this.settle(frame);
    const want = this.listener.receive(frame);
    if (want !== 'nothing' && !this.isRejoining) {
      this.isRejoining = true;
      link.join(want === 'anew' ? null : this.listener.position());
    }
    if (frame.t === 'joined') for (const nonce of [...this.unsettled.keys()]) this.transmit(nonce);
  }

  private promote(link: Link): void {
    this.active?.leave();
    this.active = link;
    this.next = null;
    this.isChanging = false;
    this.listener.status({ kind: 'connected' });
  }

  private transmit(nonce: string): void {
    const link = this.active;
    const said = this.unsettled.get(nonce);
    if (said === undefined || this.isChanging || !link?.isJoined) return;
    const now = this.around.now();
    said.firstSentMs ??= now;
    if (now - said.firstSentMs > REPEATABLE_MS) {
      this.unsettled.delete(nonce);
      this.listener.unsent(nonce);
      return;
    }
    said.tries += 1;
    link.send({ t: 'send', id: link.nextId(), room: this.room, nonce, text: said.text });
  }

  /**
   * Say it again under the same nonce where the server can't tell whether it was said, and where a burst of repeats
   * after a reconnect went too fast; false: the refusal is its author's to see.
   */
  private repeat({ nonce, code, retry_after_ms }: Refused): boolean {
    const said = nonce === null ? undefined : this.unsettled.get(nonce);
    if (nonce === null || said === undefined || said.tries >= TRIES_MAX) return false;
    if (code !== 'unavailable' && !(code === 'rate_limited' && said.tries > 1)) return false;
    const pause = Math.max(retry_after_ms ?? 0, REPEAT_MS * 2 ** (said.tries - 1)) * (1 + this.around.random() / 2);
    const cancel = this.around.after(pause, () => {
      this.repeats.delete(cancel);
      this.transmit(nonce);
    });
    this.repeats.add(cancel);
    return true;
  }

  private settle(frame: ServerFrame): void {
    if (frame.t === 'ack') this.unsettled.delete(frame.nonce);
    else if (frame.t === 'error' && frame.nonce !== null) this.unsettled.delete(frame.nonce);
  }

  private async onClosed(link: Link, code: number): Promise<void> {
    const wasActive = link === this.active;
    if (!wasActive && link !== this.next) return;
    if (wasActive) {
      this.active = null;
      this.isRejoining = false;
      if (this.around.now() - link.openedAt >= STEADY_MS) this.attempts = 0;
    } else this.next = null;
    const closing = closingOf(code);
    if (closing === 'renew_token' && this.ticket !== null) {
      this.ticket = null; // its session has ended: the token may be of another one
      if (this.isRunning) this.retry();
    } else if (closing === 'renew_token' && !this.hasRenewed) {
      this.hasRenewed = true;
      const token = await this.around.token().catch(() => null);
      if (token !== null) await this.around.renew(token).catch(() => null);
      if (this.isRunning) this.retry();
    } else if (closing === 'account_gone' && wasActive && this.isChanging) this.retry();
    else if (closing !== 'come_back') this.giveUp(closing);
    else if (this.isRunning) this.retry();
  }

  private retry(): void {
    if (this.next !== null || this.cancelOpening !== null) {
      if (this.active === null) this.listener.status({ kind: 'connecting' });
      return;
    }
    this.openSoon(backoffMs(this.attempts, this.around.random()));
    this.attempts += 1;
  }

  private giveUp(why: Closing | 'no_room'): void {
    this.stop();
    this.listener.status({ kind: 'stopped', why });
    this.giveBack();
  }

  private giveBack(): void {
    for (const nonce of this.unsettled.keys()) this.listener.unsent(nonce);
    this.unsettled.clear();
  }
}
