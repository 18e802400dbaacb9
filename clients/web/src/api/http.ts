import { ApiError, isAborted, readApiError } from './error';

const TIMEOUT_MS = 15_000;

/** Where requests get their access token from; `src/session/keeper.ts` is the one we have. */
export interface TokenSource {
  /** A token that is still good, or null for a guest. */
  token(): Promise<string | null>;
  /** Exchange a token that the server has just refused; null when the session is over. */
  renew(refused: string): Promise<string | null>;
}

export interface HttpRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** The doors that live by the refresh cookie send no access token. */
  anonymous?: boolean;
}

/** JSON over fetch with our errors, a time limit, and one renewal of a token that was refused. */
export class Http {
  tokens: TokenSource | null = null;

  constructor(private readonly base = '/api/v1') {}

  async send<T>(path: string, request: HttpRequest = {}): Promise<T> {
    const source = request.anonymous ? null : this.tokens;
    const token = source === null ? null : await source.token();
    try {
      return await this.exchange<T>(path, request, token);
    } catch (error) {
      if (source === null || token === null || !isTokenRefused(error)) throw error;
      const fresh = await source.renew(token);
      if (fresh === null || fresh === token) throw error;
      return await this.exchange<T>(path, request, fresh);
    }
  }

  private async exchange<T>(path: string, request: HttpRequest, token: string | null): Promise<T> {
    // a cross-site form can't send this header, so the cookie doors demand it
    const headers: Record<string, string> = { Accept: 'application/json', 'X-Leams': '1', ...request.headers };
    if (token !== null) headers['Authorization'] = `Bearer ${token}`;
    const init: RequestInit = { method: request.method ?? 'GET', headers, credentials: 'same-origin' };
    if (request.body !== undefined) {
      headers['Content-Type'] = 'application/json';
      init.body = JSON.stringify(request.body);
    }
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    init.signal = request.signal ? AbortSignal.any([request.signal, limit]) : limit;
    let response: Response;
    try {
      response = await fetch(this.base + path + queryString(request.query), init);
    } catch (error) {
      if (request.signal?.aborted && isAborted(error)) throw error;
      throw new ApiError('network', 0, 'No answer from the server.');
    }
    if (!response.ok) throw await readApiError(response);
    if (response.status === 204) return undefined as T;
    return (await response.json()) as T;
  }
}

function queryString(query: HttpRequest['query']): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** A wrong password is a 401 as well; only these are cured by another token. */
function isTokenRefused(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 'token_expired' || error.code === 'bad_token');
}
