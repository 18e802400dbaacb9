"""The one renderer of refusals, and Starlette's handlers that lead to it."""

import math
from http import HTTPStatus

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from server.bodies import json_response
from server.refusal import AppError

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


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


async def on_crash(request: Request, error: Exception) -> Response:
    """The last resort: log with the traceback, tell the client that trying again may help."""
    _log.error("request_crashed", method=request.method, path=request.url.path, exc_info=error)
    return render_error(
        AppError("internal", 500, "The server made a mistake; it has been logged.", retry_after_seconds=1)
    )
