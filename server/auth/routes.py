"""Register, log in, refresh, log out; the public keys."""

import re
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec
from starlette.routing import BaseRoute, Route

from server.accounts.ending import announce_sessions_ended
from server.accounts.rules import is_name, parse_free_name, parse_password
from server.accounts.store import account_by_id, account_by_name, hold_account, new_account, registration_open
from server.auth.entry import (
    address_of,
    device_of,
    new_refresh_token,
    refresh_cookie,
    session_response,
    signed_out_response,
)
from server.auth.sessions import Reused, end_session_of_token, open_session, rotate
from server.bodies import json_body, json_response
from server.ratelimit import LOGIN_BY_ADDRESS, LOGIN_BY_NAME, REFRESH_BY_ADDRESS, REGISTER_BY_ADDRESS
from server.refusal import AppError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from server.accounts.store import AccountRow
    from server.db.pool import Connection
    from server.lifespan import AppState

_ATTEMPT: Final = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What registration and login take."""

    name: str
    password: str


async def register(request: "Request[AppState]") -> "Response":
    """Make an account with its channel, and sign it in."""
    state = request.state
    asked = await json_body(request, Credentials)
    name = parse_free_name(asked.name)
    password = parse_password(asked.password, name=name)
    async with state["db"].acquire() as connection:
        is_open = await registration_open(connection)
        taken = is_open and await account_by_name(connection, name) is not None
    if not is_open:
        raise AppError("registration_closed", 403, "Registration is closed.")
    if taken:
        raise AppError("name_taken", 409, "This name is taken.", field="name")
    # counted here, so that looking for a free name costs nothing
    await state["limits"].spend_address(REGISTER_BY_ADDRESS, address_of(request))
    hashed = await state["passwords"].hash(password)
    async with state["db"].acquire() as connection, connection.transaction():
        account = await new_account(connection, name, hashed)
        return await _enter(request, connection, account, status=201)


async def login(request: "Request[AppState]") -> "Response":
    """Sign in; an unknown name costs the same as a wrong password and is told in the same words."""
    state = request.state
    asked = await json_body(request, Credentials)
    await state["limits"].spend_address(LOGIN_BY_ADDRESS, address_of(request))
    await state["limits"].spend(LOGIN_BY_NAME, asked.name.lower())
    account = None
    if is_name(asked.name):
        async with state["db"].acquire() as connection:
            account = await account_by_name(connection, asked.name)
    if not await state["passwords"].matches(account.password_hash if account else None, asked.password) or not account:
        raise AppError("bad_credentials", 401, "The name or the password is wrong.")
    async with state["db"].acquire() as connection, connection.transaction():
        # what happened meanwhile counts: nobody disables it or changes its password from here to the session's begin
        await hold_account(connection, account.id)
        current = await account_by_id(connection, account.id)
        if current is None or current.password_hash != account.password_hash:
            raise AppError("bad_credentials", 401, "The name or the password is wrong.")
        if current.disabled:
            raise AppError("account_disabled", 403, "This account is disabled.")
        return await _enter(request, connection, current)


async def refresh(request: "Request[AppState]") -> "Response":
    """Use the refresh token for new ones."""
    state = request.state
    old_token = refresh_cookie(request)
    if not old_token:
        raise AppError("sign_in", 401, "Sign in first.")
    await state["limits"].spend_address(REFRESH_BY_ADDRESS, address_of(request))
    attempt = request.headers.get("x-leams-attempt")
    if attempt is not None and _ATTEMPT.fullmatch(attempt) is None:
        raise AppError("bad_attempt", 400, "X-Leams-Attempt is 16 to 64 letters, digits, - or _.")
    new_token = new_refresh_token()
    async with state["db"].acquire() as connection:
        turned = await rotate(connection, old_token, new_token, device_of(request), attempt)
        account = await account_by_id(connection, turned.account_id) if turned else None
    if isinstance(turned, Reused):
        await announce_sessions_ended(state["shards"], turned.account_id, [turned.session_id])
        raise AppError("token_reused", 401, "This refresh token was used before: its session has been ended.")
    if turned is None or account is None:
        raise AppError("session_ended", 401, "The session has ended: sign in again.")
    return session_response(request, account, turned.session_id, new_token)


async def logout(request: "Request[AppState]") -> "Response":
    """End the session of the cookie; without one there is nothing to end, which is what was asked for."""
    state = request.state
    token = refresh_cookie(request)
    if token:
        async with state["db"].acquire() as connection:
            ended = await end_session_of_token(connection, token)
        if ended is not None:
            await announce_sessions_ended(state["shards"], ended.account_id, [ended.session_id])
    return signed_out_response(request)


async def registration(request: "Request[AppState]") -> "Response":
    """May anybody make an account?"""
    async with request.state["db"].acquire() as connection:
        return json_response({"open": await registration_open(connection)})


async def jwks(request: "Request[AppState]") -> "Response":
    """The public keys, for whoever wants to check an access token."""
    return json_response(request.state["tokens"].jwks(), headers={"Cache-Control": "public, max-age=300"})


async def _enter(
    request: "Request[AppState]", connection: "Connection", account: "AccountRow", *, status: int = 200
) -> "Response":
    session_id, token = uuid4(), new_refresh_token()
    await open_session(connection, account.id, session_id, token, device_of(request))
    return session_response(request, account, session_id, token, status=status)


routes: list[BaseRoute] = [
    Route("/api/v1/auth/register", register, methods=["POST"]),
    Route("/api/v1/auth/login", login, methods=["POST"]),
    Route("/api/v1/auth/refresh", refresh, methods=["POST"]),
    Route("/api/v1/auth/logout", logout, methods=["POST"]),
    Route("/api/v1/auth/registration", registration),
    Route("/.well-known/jwks.json", jwks),
]
