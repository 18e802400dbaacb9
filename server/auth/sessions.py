"""Sessions and their refresh tokens in Postgres: functions that take a connection.

A session is one signed-in device: a family of refresh tokens, each good for one use.  A token used again
by a stranger ends the family, because one of the two who hold it has stolen it.  Locks are taken in the order account,
session, token.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from server.auth.permissions import SiteRole
    from server.db.pool import Connection

REFRESH_SECONDS: Final = 30 * 24 * 3600
ATTEMPT_SECONDS: Final = 60
"""How long the client that used a token may repeat that very attempt, because the reply was lost on its way."""
USER_AGENT_MAX_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Device:
    """What a session shows of where it was opened."""

    user_agent: str
    address: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true now of the account behind a session that has not ended."""

    site_role: "SiteRole"
    must_change_password: bool


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that has not ended."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    user_agent: str
    address: str


@dataclass(frozen=True, slots=True)
class Rotated:
    """The token was good: the new one is in its place."""

    session_id: UUID
    account_id: int


@dataclass(frozen=True, slots=True)
class Reused:
    """The token had been used before: its session has been ended."""

    session_id: UUID
    account_id: int


class Ended(StrEnum):
    """Why a session was ended, as its row remembers it."""

    LOGOUT = "logout"
    REUSE = "reuse"
    PASSWORD = "password"  # noqa: S105  # a reason, not a secret
    REMOTE = "remote"
    EVERYWHERE = "everywhere"
    DISABLED = "disabled"
    DELETED = "deleted"


def token_hash(token: str) -> bytes:
    """What is kept of a refresh token: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).digest()


async def standing(connection: "Connection", session_id: str) -> Standing | None:
    """The account's standing; None when the session or the account has ended."""
    return (await standings(connection, [session_id])).get(session_id)


async def standings(connection: "Connection", session_ids: list[str]) -> dict[str, Standing]:
    """The standing of each session that has not ended, in one query."""
    rows = await connection.fetch(
        "SELECT s.id, a.site_role, a.must_change_password FROM sessions s JOIN accounts a ON a.id = s.account_id"
        " WHERE s.id = ANY($1::uuid[])"
        " AND s.revoked_at IS NULL AND a.disabled_at IS NULL AND a.deleted_at IS NULL",
        session_ids,
    )
    return {str(row["id"]): Standing(row["site_role"], row["must_change_password"]) for row in rows}


async def open_session(
    connection: "Connection", account_id: int, session_id: UUID, refresh_token: str, device: Device
) -> None:
    """Begin a session with its first refresh token."""
    await connection.execute(
        "INSERT INTO sessions (id, account_id, user_agent, address) VALUES ($1, $2, $3, $4)",
        session_id,
        account_id,
        device.user_agent[:USER_AGENT_MAX_CHARS],
        device.address,
    )
    await _add_token(connection, session_id, refresh_token)


async def rotate(
    connection: "Connection", old_token: str, new_token: str, device: Device, attempt: str | None
) -> Rotated | Reused | None:
    """Use a refresh token and put `new_token` in its place; None when there is no such session any more.

    `attempt` is the client's secret name for this try: the same token with the same name within a minute is a
    repetition of a try whose reply was lost, and gets a token of its own.
    """
    async with connection.transaction():
        hashed = token_hash(old_token)
        session_id = await connection.fetchval("SELECT session_id FROM refresh_tokens WHERE hash = $1", hashed)
        session = await connection.fetchrow(
            "SELECT id, account_id FROM sessions WHERE id = $1 AND revoked_at IS NULL FOR UPDATE", session_id
        )
        if session is None:
            return None
        # the session's row is locked, so this statement sees what the one before us did with the token
        token = await connection.fetchrow(
            "SELECT used_at IS NOT NULL AS used, expires_at <= now() AS expired, used_attempt,"
            " used_at > now() - make_interval(secs => $2) AS lately FROM refresh_tokens WHERE hash = $1",
            hashed,
            ATTEMPT_SECONDS,
        )
        if token is None or token["expired"]:
            return None
        if token["used"]:
            repeated = attempt is not None and token["used_attempt"] == attempt and token["lately"]
            if not repeated:
                await _end(connection, [session["id"]], Ended.REUSE)
                return Reused(session["id"], session["account_id"])
        else:
            await connection.execute(
                "UPDATE refresh_tokens SET used_at = now(), used_attempt = $2 WHERE hash = $1", hashed, attempt
            )
        await connection.execute("DELETE FROM refresh_tokens WHERE session_id = $1 AND expires_at <= now()", session_id)
        await _add_token(connection, session["id"], new_token)
        await connection.execute(
            "UPDATE sessions SET last_used_at = now(), user_agent = $2, address = $3 WHERE id = $1",
            session["id"],
            device.user_agent[:USER_AGENT_MAX_CHARS],
            device.address,
        )
        return Rotated(session["id"], session["account_id"])


async def renew_in_place(connection: "Connection", session_id: UUID, refresh_token: str) -> None:
    """Give a session another refresh token and forget those it had: after a password change no older copy is of use."""
    async with connection.transaction():
        await connection.execute("SELECT FROM sessions WHERE id = $1 FOR UPDATE", session_id)
        await connection.execute("DELETE FROM refresh_tokens WHERE session_id = $1", session_id)
        await _add_token(connection, session_id, refresh_token)


async def end_session_of_token(connection: "Connection", token: str) -> Rotated | None:
    """Log out the session that the refresh token belongs to, used or not; None when there is none."""
    async with connection.transaction():
        row = await connection.fetchrow(
            "SELECT s.id, s.account_id FROM sessions s JOIN refresh_tokens t ON t.session_id = s.id"
            " WHERE t.hash = $1 AND s.revoked_at IS NULL",
            token_hash(token),
        )
        if row is None or not await _end(connection, [row["id"]], Ended.LOGOUT):
            return None
        return Rotated(row["id"], row["account_id"])


async def end_session(connection: "Connection", account_id: int, session_id: UUID) -> bool:
    """End one session of the account; false when it has no such session."""
    async with connection.transaction():
        owned = await connection.fetchval(
            "SELECT id FROM sessions WHERE id = $1 AND account_id = $2", session_id, account_id
        )
        return owned is not None and bool(await _end(connection, [owned], Ended.REMOTE))


async def end_sessions(
    connection: "Connection", account_id: int, reason: Ended, *, keep: UUID | None = None
) -> list[UUID]:
    """End every session of the account but `keep`; returns the ended ones."""
    async with connection.transaction():
        await connection.execute("SELECT FROM accounts WHERE id = $1 FOR UPDATE", account_id)
        rows = await connection.fetch(
            "SELECT id FROM sessions WHERE account_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2"
            " ORDER BY id",
            account_id,
            keep,
        )
        return await _end(connection, [row["id"] for row in rows], reason)


async def open_sessions(connection: "Connection", account_id: int) -> list[SessionRow]:
    """The account's sessions that can still be refreshed, the one used last first."""
    rows = await connection.fetch(
        "SELECT id, created_at, last_used_at, user_agent, address FROM sessions s"
        " WHERE account_id = $1 AND revoked_at IS NULL AND EXISTS"
        " (SELECT FROM refresh_tokens WHERE session_id = s.id AND used_at IS NULL AND expires_at > now())"
        " ORDER BY last_used_at DESC, id LIMIT 200",
        account_id,
    )
    return [SessionRow(**row) for row in rows]


async def forget_ended_sessions(connection: "Connection") -> int:
    """Delete sessions nobody can come back to; returns how many."""
    deleted = await connection.fetch(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions"
        " WHERE coalesce(revoked_at, last_used_at) < now() - make_interval(secs => $1)"
        " LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING id",
        REFRESH_SECONDS,
    )
    return len(deleted)


async def _add_token(connection: "Connection", session_id: UUID, token: str) -> None:
    await connection.execute(
        "INSERT INTO refresh_tokens (hash, session_id, expires_at) VALUES ($1, $2, now() + make_interval(secs => $3))",
        token_hash(token),
        session_id,
        REFRESH_SECONDS,
    )


async def _end(connection: "Connection", session_ids: list[UUID], reason: Ended) -> list[UUID]:
    rows = await connection.fetch(
        "UPDATE sessions SET revoked_at = now(), revoked_for = $2 WHERE id = ANY($1) AND revoked_at IS NULL"
        " RETURNING id",
        session_ids,
        reason.value,
    )
    await connection.execute("DELETE FROM refresh_tokens WHERE session_id = ANY($1)", session_ids)
    return [row["id"] for row in rows]
