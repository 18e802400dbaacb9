import { vi } from 'vitest';

export interface Call {
  method: string;
  path: string;
  body: unknown;
  headers: Headers;
}

type Answer = { status?: number; body?: unknown } | ((call: Call) => { status?: number; body?: unknown });

/** A fetch that answers by `METHOD /path` (without `/api/v1`, with the query) and remembers what it was asked. */
export class FakeServer {
  readonly calls: Call[] = [];
  private readonly answers = new Map<string, Answer>();

  install(): this {
    vi.stubGlobal('fetch', (url: string, init: RequestInit = {}) => this.answer(url, init));
    return this;
  }

  on(door: string, answer: Answer): this {
    this.answers.set(door, answer);
    return this;
  }

  refuse(door: string, status: number, code: string, extra: Record<string, unknown> = {}): this {
    const error = { code, message: `refused: ${code}`, field: null, retry_after_seconds: null, ...extra };
    return this.on(door, { status, body: { error } });
  }

  callsOf(door: string): Call[] {
    return this.calls.filter((call) => `${call.method} ${call.path}` === door);
  }

  private async answer(url: string, init: RequestInit): Promise<Response> {
    init.signal?.throwIfAborted();
    const call: Call = {
      method: init.method ?? 'GET',
      path: url.replace('/api/v1', ''),
      body: typeof init.body === 'string' ? JSON.parse(init.body) : null,
      headers: new Headers(init.headers),
    };
    this.calls.push(call);
    const answer = this.answers.get(`${call.method} ${call.path}`);
    if (answer === undefined) throw new TypeError(`no answer for ${call.method} ${call.path}`);
    const { status = 200, body } = typeof answer === 'function' ? answer(call) : answer;
    await Promise.resolve();
    return new Response(body === undefined ? null : JSON.stringify(body), { status: body === undefined ? 204 : status });
  }
}
