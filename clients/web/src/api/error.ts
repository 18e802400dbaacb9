/** A refusal by the server, or the lack of an answer (`code: 'network'`, status 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
    readonly field: string | null = null,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
  }
}

export function isAborted(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError';
}

/** Anything that was thrown, as an `ApiError`: what isn't ours is a fault of this page. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError('client', 0, error instanceof Error ? error.message : String(error));
}

interface ErrorBody {
  error: { code: string; message: string; field: string | null; retry_after_seconds: number | null };
}

function isErrorBody(body: unknown): body is ErrorBody {
  if (typeof body !== 'object' || body === null || !('error' in body)) return false;
  const { error } = body;
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string';
}

/** Read the body of a reply that isn't 2xx; a proxy's HTML page becomes `unavailable` or `http_<status>`. */
export async function readApiError(response: Response): Promise<ApiError> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    // not JSON: a proxy answered
  }
  if (isErrorBody(body)) {
    const { code, message, field, retry_after_seconds } = body.error;
    return new ApiError(code, response.status, message, field, retry_after_seconds);
  }
  const code = response.status >= 502 && response.status <= 504 ? 'unavailable' : `http_${response.status}`;
  const header = Number(response.headers.get('Retry-After'));
  return new ApiError(code, response.status, response.statusText, null, header > 0 ? header : null);
}
