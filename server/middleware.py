"""What every HTTP exchange gets: a request id, one log line, security headers.  Plain ASGI, no buffering."""

import re
import secrets
import time
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from server.errors import on_crash

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

_QUIET = {"/api/v1/beacons": 204}
"""What is asked by each player every five seconds, and the answer that needs no line."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9-]{8,64}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""For replies of the API; pages get theirs, with a wider policy, from `nginx/edge.conf`."""


class ExchangeMiddleware:
    """Bind a request id to the log context, answer it as `X-Request-Id`, add the security headers."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_headers)
            except Exception as error:  # the request's top: on_crash logs it, while the log still knows the request
                if status:
                    raise
                response = await on_crash(Request(scope), error)
                await response(scope, receive, send_with_headers)
            finally:
                if _QUIET.get(scope["path"]) != status:
                    _log.info(
                        "http_exchange",
                        method=scope["method"],
                        path=scope["path"],
                        status=status,
                        seconds=round(time.perf_counter() - started, 4),
                    )
