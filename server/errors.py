"""The one renderer of refusals, and Starlette's handlers that lead to it."""

import math
from http import HTTPStatus

import asyncpg
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from server.bodies import json_response
from server.refusal import AppError

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

_AWAY: tuple[type[Exception], ...] = (
    OSError,  # refused, reset, no route; asyncio's TimeoutError is one too
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, starting up, a statement past its time
    asyncpg.InsufficientResourcesError,  # too many connections, a full disk
    asyncpg.TransactionRollbackError,  # a deadlock: the same call may succeed
    RedisConnectionError,
    RedisTimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
)
"""What a Postgres or Redis that is away, or can't take more, does to a call; anything else is our mistake."""


def render_error(error: AppError) -> Response:
    """The one shape of every refusal: `{"error": {code, message, field, retry_after_seconds}}`."""
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds)))
    body = {
        "error": {
            "code": error.code,
            "message": error.message,
            "field": error.field,
            "retry_after_seconds": error.retry_after_seconds,
        }
    }
    return json_response(body, status=error.status, headers=headers)


async def on_app_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for `AppError`."""
    assert isinstance(error, AppError)  # noqa: S101  # registered for this class alone
    return render_error(error)


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no route, wrong method) in our shape."""
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for this class alone
    status = HTTPStatus(error.status_code)
    response = render_error(AppError(status.name.lower(), status, status.description or status.phrase))
    response.headers.update(error.headers or {})
    return response


async def on_unavailable(request: Request, error: Exception) -> Response:
    """A server behind us is away: 503, and when to come back."""
    if request.scope["type"] != "http":  # a conversation is its session's to end
        raise error
    _log.warning("request_unavailable", method=request.method, path=request.url.path, error=type(error).__name__)
    return render_error(
        AppError("unavailable", 503, "The server can't reach its database right now.", retry_after_seconds=1)
    )


async def on_closed_connection(request: Request, error: Exception) -> Response:
    """The driver's own word for a connection that was lost is the one it uses for wrong calls: the text decides."""
    if "closed" in str(error) or "closing" in str(error):
        return await on_unavailable(request, error)
    raise error


async def on_gone(_request: Request, _error: Exception) -> Response:
    """The client left before its body was here; nobody reads this."""
    return render_error(AppError("bad_body", 400, "The body ended early."))


async def on_crash(request: Request, error: Exception) -> Response:
    """The last resort: log with the traceback, tell the client that trying again may help."""
    _log.error("request_crashed", method=request.method, path=request.url.path, exc_info=error)
    return render_error(
        AppError("internal", 500, "The server made a mistake; it has been logged.", retry_after_seconds=1)
    )


HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    AppError: on_app_error,
    HTTPException: on_http_exception,
    ClientDisconnect: on_gone,
    asyncpg.InterfaceError: on_closed_connection,
    **dict.fromkeys(_AWAY, on_unavailable),
    Exception: on_crash,
}
