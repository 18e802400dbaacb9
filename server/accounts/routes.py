"""One's own account over HTTP: password, sessions, follows, leaving."""

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.accounts.ending import announce_account_ended, announce_sessions_ended
from server.accounts.replies import Account, OpenSession
from server.accounts.rules import parse_password
from server.accounts.store import AccountRow, account_by_id, erase_account, require_another_admin, set_password
from server.auth.entry import new_refresh_token, session_response, signed_out_response
from server.auth.guards import require_account
from server.auth.sessions import Ended, end_session, end_sessions, open_sessions, renew_in_place
from server.bodies import json_body, json_response
from server.broadcasts.control import end_within, perform
from server.ratelimit import PASSWORD_BY_ACCOUNT
from server.refusal import AppError, not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.auth.tokens import Identity
    from server.lifespan import AppState


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the password door takes."""

    old_password: str
    new_password: str


class Farewell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What leaving takes."""

    password: str


async def show(request: "Request[AppState]") -> Response:
    """Who am I?"""
    identity = await require_account(request, before_password_change=True)
    return json_response(Account.of(await _own_account(request, identity)))


async def leave(request: "Request[AppState]") -> Response:
    """Delete the account: its name is free again, its channel gone, its sessions ended."""
    state = request.state
    identity = await require_account(request)
    asked = await json_body(request, Farewell)
    account = await _own_account(request, identity)
    await _confirm(request, account, asked.password, field="password")
    async with state["db"].acquire() as connection, connection.transaction():
        await require_another_admin(connection, account.id)
        await end_sessions(connection, account.id, Ended.DELETED)
        channel_id = await erase_account(connection, account.id)
        ended = await end_within(connection, channel_id, "account_disabled")
    await announce_account_ended(state["shards"], account.id)
    if ended is not None:
        await perform(state["control"], *ended)
    return signed_out_response(request)


async def change_password(request: "Request[AppState]") -> Response:
    """Set another password; the other sessions end, and older copies of this one's refresh token are worth nothing."""
    state = request.state
    identity = await require_account(request, before_password_change=True)
    asked = await json_body(request, PasswordChange)
    account = await _own_account(request, identity)
    new_password = parse_password(asked.new_password, name=account.name, field="new_password")
    await _confirm(request, account, asked.old_password, field="old_password")
    if account.must_change_password and asked.old_password == asked.new_password:
        raise AppError(
            "bad_password", 400, "Choose another password than the one you were given.", field="new_password"
        )
    hashed = await state["passwords"].hash(new_password)
    session_id, token = UUID(identity.session_id), new_refresh_token()
    async with state["db"].acquire() as connection, connection.transaction():
        others = await end_sessions(connection, account.id, Ended.PASSWORD, keep=session_id)
        await set_password(connection, account.id, hashed)
        await renew_in_place(connection, session_id, token)
        changed = await account_by_id(connection, account.id)
    await announce_sessions_ended(state["shards"], account.id, others)
    return session_response(request, changed or account, session_id, token)


async def sessions(request: "Request[AppState]") -> Response:
    """Where this account is signed in."""
    identity = await require_account(request)
    async with request.state["db"].acquire() as connection:
        rows = await open_sessions(connection, identity.account_id)
    return json_response({"sessions": [OpenSession.of(row, identity.session_id) for row in rows]})


async def end_one(request: "Request[AppState]") -> Response:
    """Sign out one device."""
    state = request.state
    identity = await require_account(request)
    session_id: UUID = request.path_params["id"]
    async with state["db"].acquire() as connection:
        if not await end_session(connection, identity.account_id, session_id):
            raise not_found("session")
    await announce_sessions_ended(state["shards"], identity.account_id, [session_id])
    return Response(status_code=204)


async def sign_out_everywhere(request: "Request[AppState]") -> Response:
    """Sign out every device, this one too."""
    state = request.state
    identity = await require_account(request)
    async with state["db"].acquire() as connection:
        await end_sessions(connection, identity.account_id, Ended.EVERYWHERE)
    await announce_account_ended(state["shards"], identity.account_id)
    return signed_out_response(request)


async def _own_account(request: "Request[AppState]", identity: "Identity") -> AccountRow:
    async with request.state["db"].acquire() as connection:
        account = await account_by_id(connection, identity.account_id)
    if account is None:
        raise AppError("bad_token", 401, "The session of this access token has ended: sign in again.")
    return account


async def _confirm(request: "Request[AppState]", account: AccountRow, password: str, *, field: str) -> None:
    await request.state["limits"].spend(PASSWORD_BY_ACCOUNT, str(account.id))
    if not await request.state["passwords"].matches(account.password_hash, password):
        raise AppError("wrong_password", 403, "That is not your password.", field=field)


routes: list[BaseRoute] = [
    Route("/api/v1/account", show),
    Route("/api/v1/account", leave, methods=["DELETE"]),
    Route("/api/v1/account/password", change_password, methods=["PUT"]),
    Route("/api/v1/account/sessions", sessions),
    Route("/api/v1/account/sessions/{id:uuid}", end_one, methods=["DELETE"]),
    Route("/api/v1/account/sign-out-everywhere", sign_out_everywhere, methods=["POST"]),
]
