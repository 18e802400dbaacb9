"""What the admin page reads and writes in Postgres: functions that take a connection."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from server.auth.permissions import SiteRole

if TYPE_CHECKING:
    from server.db.pool import Connection

PAGE_ACCOUNTS: Final = 50
BROADCASTS_MAX: Final = 1000
"""More open broadcasts than one machine can carry."""


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """An account in the admin's list."""

    id: int
    name: str
    site_role: SiteRole
    created_at: datetime
    disabled: bool
    channel_id: int


@dataclass(frozen=True, slots=True)
class ListedBroadcast:
    """An open broadcast in the admin's list."""

    public_id: str
    channel_id: int
    channel: str
    state: str
    title: str
    since: datetime


_ACCOUNT = (
    "SELECT a.id, a.name, a.site_role, a.created_at, a.disabled_at IS NOT NULL AS disabled, c.id AS channel_id"
    " FROM accounts a JOIN channels c ON c.owner_account_id = a.id WHERE a.deleted_at IS NULL"
)


async def accounts_page(connection: "Connection", name_part: str, before: int | None) -> list[ListedAccount]:
    """Up to a page and one more of accounts whose name holds `name_part`, the newest first, older than `before`."""
    rows = await connection.fetch(
        f"{_ACCOUNT} AND ($1 = '' OR strpos(lower(a.name), lower($1)) > 0) AND ($2::bigint IS NULL OR a.id < $2)"
        " ORDER BY a.id DESC LIMIT $3",
        name_part,
        before,
        PAGE_ACCOUNTS + 1,
    )
    return [ListedAccount(**row) for row in rows]


async def locked_account(connection: "Connection", account_id: int) -> ListedAccount | None:
    """The account, held until the transaction ends."""
    row = await connection.fetchrow(f"{_ACCOUNT} AND a.id = $1 FOR NO KEY UPDATE OF a", account_id)
    return ListedAccount(**row) if row else None


async def set_disabled(connection: "Connection", account_id: int, *, disabled: bool) -> None:
    """Shut an account out, or let it in again."""
    await connection.execute(
        "UPDATE accounts SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END WHERE id = $1",
        account_id,
        disabled,
    )


async def set_site_role(connection: "Connection", account_id: int, site_role: SiteRole) -> None:
    """Give the account another role on the site."""
    await connection.execute("UPDATE accounts SET site_role = $2 WHERE id = $1", account_id, site_role)


async def set_registration_open(connection: "Connection", *, is_open: bool) -> None:
    """Open or close the door."""
    await connection.execute("UPDATE site_settings SET registration_open = $1", is_open)


async def listed_broadcasts(connection: "Connection") -> list[ListedBroadcast]:
    """The open broadcasts, the newest first."""
    rows = await connection.fetch(
        "SELECT b.public_id, b.channel_id, c.slug AS channel, b.state, b.title, coalesce(b.live_at, b.created_at)"
        " AS since FROM broadcasts b JOIN channels c ON c.id = b.channel_id WHERE b.state <> 'ended'"
        " ORDER BY b.id DESC LIMIT $1",
        BROADCASTS_MAX,
    )
    return [ListedBroadcast(**row) for row in rows]
