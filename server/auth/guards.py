"""Who a request comes from, and whether they may: the only place where doors learn it.

A token's signature is not enough: its session's row is read too (one look-up by primary key), so that a log-out, a
disabled account or a changed role acts on the very next request, and Redis has no part in it.
"""

import time
from typing import TYPE_CHECKING

from server.auth.permissions import Permission, may
from server.auth.sessions import standing
from server.auth.tokens import Identity, TokenError, TokenFault
from server.refusal import AppError

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.auth.signing_keys import AccessTokens
    from server.db.pool import Pool
    from server.lifespan import AppState


async def identify(
    db: "Pool", tokens: "AccessTokens", token: str, now: float, *, before_password_change: bool = False
) -> Identity:
    """Whom an access token stands for now, with the site role of this moment.

    `before_password_change` lets in an account that must first change its password.

    Raises:
        AppError: 401 `token_expired` or `bad_token`; 403 `password_change_required`.
    """
    try:
        claimed = await tokens.verify(token, now)
    except TokenError as error:
        if error.fault is TokenFault.EXPIRED:
            raise AppError("token_expired", 401, "The access token has expired: refresh it.") from error
        raise AppError("bad_token", 401, "This is not an access token of ours.") from error
    async with db.acquire() as connection:
        current = await standing(connection, claimed.session_id)
    if current is None:
        raise AppError("bad_token", 401, "The session of this access token has ended: sign in again.")
    if current.must_change_password and not before_password_change:
        raise AppError("password_change_required", 403, "Change your password first.")
    return Identity(claimed.account_id, claimed.name, current.site_role, claimed.session_id, claimed.expires_at)


async def require_account(request: "Request[AppState]", *, before_password_change: bool = False) -> Identity:
    """The account behind the request.

    Raises:
        AppError: 401 `sign_in`, `token_expired` or `bad_token`; 403 `password_change_required`.
    """
    token = _bearer(request)
    if token is None:
        raise AppError("sign_in", 401, "Sign in first.")
    state = request.state
    return await identify(
        state["db"], state["tokens"], token, time.time(), before_password_change=before_password_change
    )


async def optional_account(request: "Request[AppState]") -> Identity | None:
    """The account behind the request, None without a token; a token that no longer stands is refused all the same.

    An account that must change its password passes: these doors serve anybody.

    Raises:
        AppError: 401 `token_expired` or `bad_token`.
    """
    if _bearer(request) is None:
        return None
    return await require_account(request, before_password_change=True)


async def require_permission(request: "Request[AppState]", permission: Permission) -> Identity:
    """The account behind the request, if its site role includes `permission`.

    Raises:
        AppError: as `require_account`; 403 `forbidden`.
    """
    identity = await require_account(request)
    if not may(identity.site_role, permission):
        raise AppError("forbidden", 403, "Your account may not do this.")
    return identity


def _bearer(request: "Request[AppState]") -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None
