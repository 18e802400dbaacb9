"""Accounts in Postgres: functions that take a connection."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg

from server.auth.passwords import NO_PASSWORD
from server.auth.permissions import SiteRole
from server.refusal import AppError

if TYPE_CHECKING:
    from server.db.pool import Connection

_COLUMNS = (
    "a.id, a.name, a.display_name, a.password_hash, a.site_role, a.must_change_password, a.created_at,"
    " a.disabled_at IS NOT NULL AS disabled, c.slug AS channel_slug"
)


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account that has not been deleted, with its channel's slug."""

    id: int
    name: str
    display_name: str
    password_hash: str
    site_role: SiteRole
    must_change_password: bool
    created_at: datetime
    disabled: bool
    channel_slug: str


async def account_by_id(connection: "Connection", account_id: int) -> AccountRow | None:
    """The account, also a disabled one."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM accounts a JOIN channels c ON c.owner_account_id = a.id"  # noqa: S608  # our own list
        " WHERE a.id = $1 AND a.deleted_at IS NULL",
        account_id,
    )
    return AccountRow(**row) if row else None


async def hold_account(connection: "Connection", account_id: int) -> None:
    """Nobody changes the account until the transaction ends."""
    await connection.execute("SELECT FROM accounts WHERE id = $1 FOR SHARE", account_id)


async def account_by_name(connection: "Connection", name: str) -> AccountRow | None:
    """The account, also a disabled one, whatever the case of `name`."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM accounts a JOIN channels c ON c.owner_account_id = a.id"  # noqa: S608  # our own list
        " WHERE lower(a.name) = lower($1) AND a.deleted_at IS NULL",
        name,
    )
    return AccountRow(**row) if row else None


async def new_account(
    connection: "Connection",
    name: str,
    password_hash: str = NO_PASSWORD,
    *,
    site_role: SiteRole = "user",
    must_change_password: bool = False,
) -> AccountRow:
    """Make an account and its channel; call it in a transaction.

    Raises:
        AppError: 409 `name_taken`; the database decides between two who ask at once.
    """
    try:
        async with connection.transaction():
            account_id = await connection.fetchval(
                "INSERT INTO accounts (name, display_name, password_hash, site_role, must_change_password)"
                " VALUES ($1, $1, $2, $3, $4) RETURNING id",
                name,
                password_hash,
                site_role,
                must_change_password,
            )
            await connection.execute(
                "INSERT INTO channels (owner_account_id, slug, title) VALUES ($1, lower($2), $3)",
                account_id,
                name,
                f"{name}'s channel",
            )
    except asyncpg.UniqueViolationError as error:
        raise AppError("name_taken", 409, "This name is taken.", field="name") from error
    account = await account_by_id(connection, account_id)
    assert account is not None  # noqa: S101  # made in this very transaction
    return account


async def set_password(
    connection: "Connection", account_id: int, password_hash: str, *, must_change_password: bool = False
) -> None:
    """Replace the password's hash."""
    await connection.execute(
        "UPDATE accounts SET password_hash = $2, must_change_password = $3 WHERE id = $1",
        account_id,
        password_hash,
        must_change_password,
    )


async def erase_account(connection: "Connection", account_id: int) -> int:
    """Blank what is personal and free the name; the rows stay, because messages and broadcasts point at them.

    A freed row is called `deleted-<id>`, which nobody can register.  Returns its channel's id, whose broadcast the
    caller ends.  Call it in a transaction.
    """
    await connection.execute(
        "UPDATE accounts SET name = 'deleted-' || id, display_name = 'deleted-' || id, password_hash = $2,"
        " site_role = 'user', must_change_password = false, deleted_at = now() WHERE id = $1",
        account_id,
        NO_PASSWORD,
    )
    await connection.execute("DELETE FROM sessions WHERE account_id = $1", account_id)
    await connection.execute("DELETE FROM follows WHERE account_id = $1", account_id)
    await connection.execute("DELETE FROM room_roles WHERE account_id = $1", account_id)
    channel_id: int = await connection.fetchval(
        "UPDATE channels SET slug = 'deleted-' || id, title = '', category = '', description = ''"
        " WHERE owner_account_id = $1 RETURNING id",
        account_id,
    )
    await connection.execute("DELETE FROM follows WHERE channel_id = $1", channel_id)
    await connection.execute(
        "UPDATE stream_keys SET revoked_at = coalesce(revoked_at, now()), label = '' WHERE channel_id = $1", channel_id
    )
    return channel_id


async def require_another_admin(connection: "Connection", account_id: int) -> None:
    """Refuse what would leave the site without an admin; call it in the transaction that does it.

    Raises:
        AppError: 409 `last_admin`.
    """
    admins = await connection.fetch(
        "SELECT id FROM accounts WHERE site_role = 'admin' AND disabled_at IS NULL AND deleted_at IS NULL"
        " ORDER BY id FOR UPDATE"  # two admins who step down at once wait for each other here
    )
    if [row["id"] for row in admins] == [account_id]:
        raise AppError("last_admin", 409, "This is the only admin: make somebody else one first.")


async def registration_open(connection: "Connection") -> bool:
    """May anybody make an account?"""
    return bool(await connection.fetchval("SELECT registration_open FROM site_settings"))
