/** The chat of one room on this page: the connection's frames folded into state, told to React once per frame drawn. */

import { ChatConnection, type Status } from './connection';
import type { Surroundings } from './link';
import { EMPTY_ROOM, hold, receive, release, say, tell, unsay, type RoomState } from './room';

export interface ChatView {
  room: RoomState;
  status: Status;
}

/** Hidden pages draw nothing; their counters still move. */
const HIDDEN_MS = 1000;

export class ChatStore {
  private view: ChatView = { room: EMPTY_ROOM, status: { kind: 'connecting' } };
  private published = this.view;
  private isDue = false;
  private readonly watchers = new Set<() => void>();
  private readonly connection: ChatConnection;

  constructor(
    readonly room: string,
    private readonly around: Surroundings,
    private readonly draw: (publish: () => void) => void = nextDraw,
  ) {
    this.connection = new ChatConnection(room, around, {
      position: () => this.view.room.position,
      receive: (frame) => {
        const { state, want } = receive(this.view.room, frame, around.now());
        this.become({ room: state });
        return want;
      },
      status: (status) => this.become({ status }),
      unsent: (nonce) => this.become({ room: unsay(this.view.room, nonce, 'stopped') }),
    });
  }

  start = () => this.connection.start();
  stop = () => this.connection.stop();
  greet = () => this.connection.greet();
  changeWho = () => this.connection.changeWho();
  nudge = () => this.connection.nudge();

  /** Say or command; false when too much is still on its way. */
  say = (text: string): boolean => {
    const nonce = this.connection.say(text);
    if (nonce === null) return false;
    this.become({ room: say(this.view.room, nonce, text, this.around.now()) });
    return true;
  };

  hold = () => this.become({ room: hold(this.view.room) });
  release = () => this.become({ room: release(this.view.room) });
  tell = (text: string) => this.become({ room: tell(this.view.room, text, this.around.now()) });
  forgetRefusal = () => this.become({ room: { ...this.view.room, refusal: null } });

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  snapshot = (): ChatView => this.published;

  private become(change: Partial<ChatView>): void {
    this.view = { ...this.view, ...change };
    if (this.isDue) return;
    this.isDue = true;
    this.draw(() => {
      this.isDue = false;
      this.published = this.view;
      for (const watcher of this.watchers) watcher();
    });
  }
}

/** At the next frame drawn, or soon after when the page is hidden and draws none. */
function nextDraw(publish: () => void): void {
  const once = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    publish();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, HIDDEN_MS);
}
