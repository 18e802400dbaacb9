import { describe, expect, it } from 'vitest';
import { FakeServer } from '../testing/FakeServer';
import { ApiError } from './error';
import { Http, type TokenSource } from './http';

function withTokens(first: string | null, second: string | null = null): { http: Http; renewals: string[] } {
  const renewals: string[] = [];
  const source: TokenSource = {
    token: () => Promise.resolve(first),
    renew: (refused) => {
      renewals.push(refused);
      return Promise.resolve(second);
    },
  };
  const http = new Http();
  http.tokens = source;
  return { http, renewals };
}

async function refusalOf(work: Promise<unknown>): Promise<ApiError> {
  const thrown: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(ApiError);
  return thrown as ApiError;
}

describe('Http', () => {
  it('sends the token, the header against cross-site forms, and the body as JSON', async () => {
    const server = new FakeServer().install().on('PATCH /channels/anna', { body: { title: 'x' } });
    const { http } = withTokens('secret');
    await http.send('/channels/anna', { method: 'PATCH', body: { title: 'x' } });
    const [call] = server.calls;
    expect(call?.headers.get('Authorization')).toBe('Bearer secret');
    expect(call?.headers.get('X-Leams')).toBe('1');
    expect(call?.headers.get('Content-Type')).toBe('application/json');
    expect(call?.body).toEqual({ title: 'x' });
  });

  it('sends no token as a guest, nor to the cookie doors', async () => {
    const server = new FakeServer().install().on('GET /channels?live=1', { body: {} }).on('POST /auth/logout', {});
    await withTokens(null).http.send('/channels', { query: { live: 1, none: undefined, empty: '' } });
    await withTokens('secret').http.send('/auth/logout', { method: 'POST', anonymous: true });
    expect(server.calls.map((call) => call.headers.get('Authorization'))).toEqual([null, null]);
  });

  it('renews a refused token once and repeats the request with the fresh one', async () => {
    const server = new FakeServer().install().on('GET /account', (call) =>
      call.headers.get('Authorization') === 'Bearer new'
        ? { body: { id: 1 } }
        : { status: 401, body: { error: { code: 'token_expired', message: '', field: null, retry_after_seconds: null } } },
    );
    const { http, renewals } = withTokens('old', 'new');
    await expect(http.send('/account')).resolves.toEqual({ id: 1 });
    expect(renewals).toEqual(['old']);
    expect(server.calls).toHaveLength(2);
  });

  it('does not renew for a wrong password, nor twice', async () => {
    const server = new FakeServer().install().refuse('DELETE /account', 401, 'wrong_password');
    const { http, renewals } = withTokens('old', 'new');
    expect((await refusalOf(http.send('/account', { method: 'DELETE' }))).code).toBe('wrong_password');
    expect(renewals).toEqual([]);
    server.refuse('DELETE /account', 401, 'bad_token');
    expect((await refusalOf(http.send('/account', { method: 'DELETE' }))).code).toBe('bad_token');
    expect(renewals).toEqual(['old']);
    expect(server.calls).toHaveLength(3);
  });

  it('carries the code, the field and the seconds to wait of a refusal', async () => {
    new FakeServer().install().refuse('GET /x', 429, 'too_many_tries', { field: 'name', retry_after_seconds: 4.2 });
    const error = await refusalOf(new Http().send('/x'));
    expect([error.code, error.status, error.field, error.retryAfterSeconds]).toEqual(['too_many_tries', 429, 'name', 4.2]);
  });

  it('calls a proxy’s answer unavailable and any other stranger by its status', async () => {
    new FakeServer().install().on('GET /a', { status: 502, body: '<html>' }).on('GET /b', { status: 413, body: 7 });
    expect((await refusalOf(new Http().send('/a'))).code).toBe('unavailable');
    expect((await refusalOf(new Http().send('/b'))).code).toBe('http_413');
  });

  it('tells no answer from an abort by its caller', async () => {
    new FakeServer().install();
    expect((await refusalOf(new Http().send('/silent'))).code).toBe('network');
    const leaving = new AbortController();
    leaving.abort();
    await expect(new Http().send('/silent', { signal: leaving.signal })).rejects.toMatchObject({ name: 'AbortError' });
  });
});
