import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDoors } from '../api/doors';
import { Http } from '../api/http';
import { FakeServer } from '../testing/FakeServer';
import { ANNA, sessionOf } from '../testing/renderPage';
import { SessionKeeper } from './keeper';

const REFRESH = 'POST /auth/refresh';
let server: FakeServer;
let keepers: SessionKeeper[];

function open(): SessionKeeper {
  const keeper = new SessionKeeper(openDoors(new Http()).auth);
  keepers.push(keeper);
  return keeper;
}

beforeEach(() => {
  server = new FakeServer().install();
  keepers = [];
});

afterEach(() => {
  for (const keeper of keepers) keeper.close();
  vi.useRealTimers();
});

describe('SessionKeeper', () => {
  it('asks nothing for somebody who never signed in here', async () => {
    const keeper = open();
    keeper.start();
    expect(keeper.snapshot()).toEqual({ status: 'signedOut', account: null, reason: 'none' });
    await expect(keeper.token()).resolves.toBeNull();
    expect(server.calls).toEqual([]);
  });

  it('takes up the last session, with one refresh however many ask for the token', async () => {
    localStorage.setItem('leams.signedIn', '1');
    server.on(REFRESH, { body: sessionOf(ANNA) });
    const keeper = open();
    keeper.start();
    expect(keeper.snapshot().status).toBe('loading');
    await expect(Promise.all([keeper.token(), keeper.token()])).resolves.toEqual(['token-1', 'token-1']);
    expect(keeper.snapshot()).toEqual({ status: 'signedIn', account: ANNA });
    expect(server.callsOf(REFRESH)).toHaveLength(1);
    expect(server.calls[0]?.headers.get('X-Leams')).toBe('1');
  });

  it('never writes a token to storage', async () => {
    server.on('POST /auth/login', { body: sessionOf(ANNA, 'top-secret') });
    await open().signIn('anna', 'pass');
    expect(Object.values(localStorage).join()).not.toContain('top-secret');
  });

  it('renews before the token ends and tells the listeners', async () => {
    vi.useFakeTimers();
    server.on(REFRESH, { body: sessionOf(ANNA, 'token-2') });
    const keeper = open();
    const heard: (string | null)[] = [];
    keeper.onToken((token) => heard.push(token));
    keeper.adopt(sessionOf(ANNA));
    await vi.advanceTimersByTimeAsync(540_000);
    expect(heard).toEqual(['token-1', 'token-2']);
    expect(server.callsOf(REFRESH)).toHaveLength(1);
  });

  it('repeats a refresh whose reply was lost under the same name, and a later one under another', async () => {
    vi.useFakeTimers();
    localStorage.setItem('leams.signedIn', '1');
    const keeper = open();
    keeper.start(); // no answer is set: the network fails
    await vi.advanceTimersByTimeAsync(10);
    expect(keeper.snapshot().status).toBe('loading');
    server.on(REFRESH, { body: sessionOf(ANNA) });
    await vi.advanceTimersByTimeAsync(5000);
    expect(keeper.snapshot().status).toBe('signedIn');
    await keeper.renew('token-1');
    const names = server.callsOf(REFRESH).map((call) => call.headers.get('X-Leams-Attempt'));
    expect(names).toHaveLength(3);
    expect(names[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(names[1]).toBe(names[0]);
    expect(names[2]).not.toBe(names[0]);
  });

  it('signs out when the server says that the session has ended', async () => {
    localStorage.setItem('leams.signedIn', '1');
    server.refuse(REFRESH, 401, 'session_ended');
    const keeper = open();
    await expect(keeper.token()).resolves.toBeNull();
    expect(keeper.snapshot()).toMatchObject({ status: 'signedOut', reason: 'expired' });
    expect(localStorage.getItem('leams.signedIn')).toBeNull();
  });

  it('keeps the session when the sign-out did not reach the server', async () => {
    const keeper = open();
    keeper.adopt(sessionOf(ANNA));
    await expect(keeper.signOut()).rejects.toMatchObject({ code: 'network' });
    expect(keeper.snapshot().status).toBe('signedIn');
  });

  it('shares a sign-in and a sign-out with the other tabs', async () => {
    server.on('POST /auth/logout', {});
    const [here, there] = [open(), open()];
    here.start();
    there.start();
    here.adopt(sessionOf(ANNA));
    await vi.waitFor(() => expect(there.snapshot().status).toBe('signedIn'));
    await expect(there.token()).resolves.toBe('token-1');
    await there.signOut();
    await vi.waitFor(() => expect(here.snapshot().status).toBe('signedOut'));
  });
});
