"""Let somebody in: the reply, the cookie and the device of a session that begins or goes on."""

import secrets
import time
from typing import TYPE_CHECKING, Final
from uuid import UUID

from starlette.responses import Response

from server.accounts.replies import Account, Session
from server.accounts.store import AccountRow
from server.auth.sessions import REFRESH_SECONDS, Device
from server.auth.tokens import ACCESS_SECONDS, Identity
from server.bodies import json_response
from server.refusal import AppError

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.lifespan import AppState

COOKIE: Final = "leams_refresh"
COOKIE_PATH: Final = "/api/v1/auth"


def new_refresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def session_response(
    request: "Request[AppState]", account: AccountRow, session_id: UUID, refresh_token: str, *, status: int = 200
) -> Response:
    """The `Session` reply with a fresh access token, and the refresh token in its cookie."""
    now = time.time()
    identity = Identity(account.id, account.name, account.site_role, str(session_id), now + ACCESS_SECONDS)
    token = request.state["tokens"].sign(identity, now)
    response = json_response(Session(token, ACCESS_SECONDS, Account.of(account)), status=status)
    _set_cookie(request, response, refresh_token, REFRESH_SECONDS)
    return response


def signed_out_response(request: "Request[AppState]") -> Response:
    """204, and the cookie is gone."""
    response = Response(status_code=204)
    _set_cookie(request, response, "", 0)
    return response


def device_of(request: "Request[AppState]") -> Device:
    """What the session's list will show; whatever a client writes there, it is printable."""
    agent = request.headers.get("user-agent", "")
    return Device("".join(character for character in agent if character.isprintable()), address_of(request))


def address_of(request: "Request[AppState]") -> str:
    """The client's address as the edge reports it."""
    return request.client.host if request.client else ""


def refresh_cookie(request: "Request[AppState]") -> str | None:
    """The refresh token; the header beside it is what a form on another site cannot send.

    Raises:
        AppError: 403 `header_missing`.
    """
    if request.headers.get("x-leams") != "1":
        raise AppError("header_missing", 403, "This address wants the header X-Leams: 1.")
    return request.cookies.get(COOKIE)


def _set_cookie(request: "Request[AppState]", response: Response, value: str, max_age_seconds: int) -> None:
    response.set_cookie(
        COOKIE,
        value,
        max_age=max_age_seconds,
        path=COOKIE_PATH,
        secure=request.state["settings"].is_https,
        httponly=True,
        samesite="strict",
    )
