"""Channels and follows in Postgres: functions that take a connection."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from server.db.pool import Connection


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
    created_at: "datetime"


async def channel_by_slug(connection: "Connection", slug: str) -> ChannelRow | None:
    """The channel, whatever the case of `slug`; None too when its owner is disabled or gone."""
    row = await connection.fetchrow(
        "SELECT c.id, c.owner_account_id, c.slug, a.display_name AS name, c.title, c.category, c.description,"
        " c.created_at FROM channels c JOIN accounts a ON a.id = c.owner_account_id"
        " WHERE c.slug = lower($1) AND a.disabled_at IS NULL AND a.deleted_at IS NULL",
        slug,
    )
    return ChannelRow(**row) if row else None
