"""Channels and follows in Postgres: functions that take a connection."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from server.accounts.rules import is_name

if TYPE_CHECKING:
    import asyncpg

    from server.db.pool import Connection

LIST_MAX: Final = 500
"""Channels in one list; who has more than that needs a search, which is not a list."""


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel as it stands in the database, with its owner's name."""

    id: int
    owner_account_id: int
    slug: str
    name: str
    title: str
    category: str
    description: str
    created_at: datetime
    visibility: str
    """`private`: only the owner, and who has a role in the room, see its broadcasts."""
    next_is_test: bool
    ladder: dict[str, Any] | None
    """What it wants of its ladder, as `media.policy.Wish`; None: the site's."""
    record: bool
    """Are its broadcasts kept?"""


@dataclass(frozen=True, slots=True)
class OpenBroadcast:
    """What a viewer may know of a channel's broadcast that has not ended."""

    public_id: str
    state: str
    state_since: datetime
    created_at: datetime
    live_at: datetime | None
    capability: str | None
    """Of a private one: the secret in its addresses."""


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel with its open broadcast, as one account (or nobody) sees it."""

    channel: ChannelRow
    followed: bool
    followers: int
    broadcast: OpenBroadcast | None


_CHANNEL = (
    "c.id, c.owner_account_id, c.slug, a.display_name AS name, c.title, c.category, c.description, c.created_at,"
    " c.visibility, c.next_is_test, c.ladder, c.record"
)
_VISIBLE = "a.disabled_at IS NULL AND a.deleted_at IS NULL"
_VIEW = (
    f"SELECT {_CHANNEL}, b.public_id, b.state, b.state_since, b.created_at AS began_at, b.live_at, b.capability,"  # noqa: S608  # constants
    " EXISTS (SELECT FROM follows f WHERE f.channel_id = c.id AND f.account_id = $1) AS followed,"
    " (SELECT count(*) FROM follows f WHERE f.channel_id = c.id) AS followers"
    " FROM channels c JOIN accounts a ON a.id = c.owner_account_id"
    " LEFT JOIN broadcasts b ON b.channel_id = c.id AND b.state <> 'ended'"
    " AND (b.capability IS NULL OR c.owner_account_id = $1 OR (NOT b.is_test AND EXISTS"
    " (SELECT FROM room_roles r WHERE r.channel_id = c.id AND r.account_id = $1)))"
    f" WHERE {_VISIBLE}"
)
_ORDER = " ORDER BY followed DESC, b.live_at IS NULL, followers DESC, c.slug LIMIT $2"


async def channel_by_slug(connection: "Connection", slug: str) -> ChannelRow | None:
    """The channel, whatever the case of `slug`; None too when its owner is disabled or gone."""
    if not is_name(slug):
        return None
    row = await connection.fetchrow(
        f"SELECT {_CHANNEL} FROM channels c JOIN accounts a ON a.id = c.owner_account_id"  # noqa: S608  # constants
        f" WHERE c.slug = lower($1) AND {_VISIBLE}",
        slug,
    )
    return ChannelRow(**row) if row else None


async def channel_view(connection: "Connection", slug: str, viewer_id: int | None) -> ChannelView | None:
    """The channel as `viewer_id` sees it."""
    if not is_name(slug):
        return None
    row = await connection.fetchrow(f"{_VIEW} AND c.slug = lower($2)", viewer_id, slug)
    return _view(row) if row else None


async def channel_views(connection: "Connection", viewer_id: int | None, *, live_only: bool) -> list[ChannelView]:
    """Channels, followed ones first, then live ones, then by followers; `live_only`: only what can be watched."""
    condition = " AND b.live_at IS NOT NULL AND b.capability IS NULL" if live_only else ""
    return [_view(row) for row in await connection.fetch(f"{_VIEW}{condition}{_ORDER}", viewer_id, LIST_MAX)]


async def followed_views(connection: "Connection", viewer_id: int) -> list[ChannelView]:
    """The channels that the account follows, live ones first."""
    condition = " AND c.id IN (SELECT channel_id FROM follows WHERE account_id = $1)"
    return [_view(row) for row in await connection.fetch(f"{_VIEW}{condition}{_ORDER}", viewer_id, LIST_MAX)]


async def edit_channel(
    connection: "Connection",
    channel_id: int,
    title: str | None,
    category: str | None,
    description: str | None,
    visibility: str | None = None,
    *,
    next_is_test: bool | None = None,
    record: bool | None = None,
) -> None:
    """Write a channel's texts and its wish, and its open broadcast's; None leaves one as it is.

    The visibility is that of broadcasts to come. Call it in a transaction: it locks the channel, then the broadcast.
    """
    await connection.execute(
        "UPDATE channels SET title = coalesce($2, title), category = coalesce($3, category),"
        " description = coalesce($4, description), visibility = coalesce($5, visibility),"
        " next_is_test = coalesce($6, next_is_test), record = coalesce($7, record) WHERE id = $1",
        channel_id,
        title,
        category,
        description,
        visibility,
        next_is_test,
        record,
    )
    await connection.execute(
        "UPDATE broadcasts SET title = coalesce($2, title), category = coalesce($3, category)"
        " WHERE channel_id = $1 AND state <> 'ended'",
        channel_id,
        title,
        category,
    )


async def set_ladder(connection: "Connection", channel_id: int, ladder: dict[str, Any] | None) -> None:
    """Write what the broadcasts to come want of their ladder; None: the site's."""
    await connection.execute("UPDATE channels SET ladder = $2 WHERE id = $1", channel_id, ladder)


async def follow(connection: "Connection", account_id: int, channel_id: int) -> None:
    """Follow a channel; who follows already goes on since then."""
    await connection.execute(
        "INSERT INTO follows (account_id, channel_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", account_id, channel_id
    )


async def unfollow(connection: "Connection", account_id: int, channel_id: int) -> None:
    """Follow it no longer."""
    await connection.execute("DELETE FROM follows WHERE account_id = $1 AND channel_id = $2", account_id, channel_id)


def _view(row: "asyncpg.Record") -> ChannelView:
    channel = ChannelRow(**{name: row[name] for name in ChannelRow.__slots__})
    broadcast = (
        OpenBroadcast(
            row["public_id"], row["state"], row["state_since"], row["began_at"], row["live_at"], row["capability"]
        )
        if row["public_id"]
        else None
    )
    return ChannelView(channel, row["followed"], row["followers"], broadcast)
