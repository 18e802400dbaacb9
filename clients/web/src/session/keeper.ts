import type { Api } from '../api/doors';
import { ApiError } from '../api/error';
import type { TokenSource } from '../api/http';
import { randomName } from '../api/randomName';
import type { Account, Session } from '../api/types';
import { recall, remember } from '../preferences/storage';

export type SessionState =
  | { status: 'loading'; account: null }
  | { status: 'signedOut'; account: null; reason: 'none' | 'expired' }
  | { status: 'signedIn'; account: Account };

type Notice = { kind: 'signedOut' } | { kind: 'session'; session: Session; at: number };

const FLAG = 'leams.signedIn';
/** The name of a try whose reply hasn't come: who repeats it under this name is no thief (60 s, `X-Leams-Attempt`). */
const ATTEMPT = 'leams.attempt';
/** Renewed this long before it ends; a token nearer to its end than a quarter of that is not used any more. */
const RENEW_BEFORE_MS = 60_000;
const RETRY_MS = [1000, 2000, 5000, 10_000, 30_000];

/** The access token, in memory only, and the account it speaks for.  One per page; tabs tell each other. */
export class SessionKeeper implements TokenSource {
  private state: SessionState = { status: 'loading', account: null };
  private current: { token: string; expiresAt: number } | null = null;
  private refreshing: Promise<string | null> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private readonly watchers = new Set<() => void>();
  private readonly tokenListeners = new Set<(token: string | null) => void>();
  private readonly tabs: BroadcastChannel;

  constructor(private readonly auth: Api['auth']) {
    this.tabs = new BroadcastChannel('leams.session');
    this.tabs.onmessage = (event: MessageEvent<Notice>) => this.onNotice(event.data);
  }

  /** Take up the session of the last visit, if there was one: a guest's page asks nothing. */
  start(): void {
    if (recall(FLAG) === null) this.forget('none');
    else void this.refresh().catch(() => undefined); // `refresh` has put the next attempt on its timer
  }

  close(): void {
    clearTimeout(this.timer);
    this.tabs.close();
  }

  readonly subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  readonly snapshot = (): SessionState => this.state;

  /** Hear every new access token, and null at the sign-out.  Returns its undo. */
  readonly onToken = (listener: (token: string | null) => void): (() => void) => {
    this.tokenListeners.add(listener);
    return () => this.tokenListeners.delete(listener);
  };

  async token(): Promise<string | null> {
    if (this.state.status === 'signedOut') return null;
    if (this.current !== null && Date.now() < this.current.expiresAt - RENEW_BEFORE_MS / 4) return this.current.token;
    return await this.refresh();
  }

  async renew(refused: string): Promise<string | null> {
    if (this.current !== null && this.current.token !== refused) return this.current.token;
    return await this.refresh();
  }

  async signIn(name: string, password: string): Promise<Account> {
    return this.adopt(await this.auth.login(name, password));
  }

  async register(name: string, password: string): Promise<Account> {
    return this.adopt(await this.auth.register(name, password));
  }

  /** Throws only if the server could not be told: then the session goes on. */
  async signOut(): Promise<void> {
    try {
      await this.auth.logout();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
    }
    this.end();
  }

  /** The session is over on the server already: a deleted account, a sign-out everywhere. */
  end(): void {
    this.forget('none');
    this.tabs.postMessage({ kind: 'signedOut' } satisfies Notice);
  }

  /** Use a session that the server has just handed out, and tell the other tabs. */
  adopt(session: Session): Account {
    const at = Date.now();
    this.take(session, at);
    this.tabs.postMessage({ kind: 'session', session, at } satisfies Notice);
    return session.account;
  }

  private refresh(): Promise<string | null> {
    this.refreshing ??= this.exchange().finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  private async exchange(): Promise<string | null> {
    try {
      const session = await this.auth.refresh(attemptName());
      remember(ATTEMPT, null);
      this.adopt(session);
      return session.access_token;
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        remember(ATTEMPT, null);
        this.forget('expired');
        return null;
      }
      const pause = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)] ?? 30_000;
      this.failures += 1;
      this.schedule(pause * (0.5 + Math.random()));
      throw error;
    }
  }

  private take(session: Session, at: number): void {
    this.failures = 0;
    this.current = { token: session.access_token, expiresAt: at + session.expires_in_seconds * 1000 };
    remember(FLAG, '1');
    // tabs spread their renewals, and the first one's answer serves them all
    this.schedule(this.current.expiresAt - Date.now() - RENEW_BEFORE_MS * (1 + Math.random() / 2));
    this.become({ status: 'signedIn', account: session.account });
    for (const listener of this.tokenListeners) listener(session.access_token);
  }

  private forget(reason: 'none' | 'expired'): void {
    clearTimeout(this.timer);
    const had = this.current !== null;
    this.current = null;
    remember(FLAG, null);
    this.become({ status: 'signedOut', account: null, reason });
    if (had) for (const listener of this.tokenListeners) listener(null);
  }

  private schedule(pauseMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh().catch(() => undefined), Math.max(1000, pauseMs));
  }

  private become(state: SessionState): void {
    this.state = state;
    for (const watcher of this.watchers) watcher();
  }

  private onNotice(notice: Notice): void {
    if (notice.kind === 'signedOut') this.forget('none');
    else this.take(notice.session, notice.at);
  }
}

/** The name of the running try: shared by tabs and kept over a reload, so a lost reply doesn't end the session. */
function attemptName(): string {
  const running = recall(ATTEMPT);
  if (running !== null) return running;
  const name = randomName(16);
  remember(ATTEMPT, name);
  return name;
}
