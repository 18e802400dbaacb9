"""A channel's room as the channel sees it: how many watch, and telling them what the channel is called now.

Nobody knows while Redis is away: then lists say 0, and a new title is read by whoever opens the page.
"""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import structlog
from redis.exceptions import RedisError

from chat.presence import publish_info, room_counts
from chat.wire import Info
from server.broadcasts.announce import info_of

if TYPE_CHECKING:
    from chat.shards import Shards
    from server.broadcasts.store import BroadcastRow
    from server.channels.store import ChannelRow

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

PATIENCE_SECONDS: Final = 0.5


async def viewers_of(shards: "Shards", channel_ids: Iterable[int]) -> dict[int, int]:
    """Viewers by channel id; a channel that is not in it has none."""
    ids = list(channel_ids)
    if not ids:
        return {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            counts = await room_counts(shards, ids)
    except (RedisError, OSError) as error:
        _log.warning("viewers_unknown", reason=type(error).__name__)
        return {}
    return {channel_id: count.viewers for channel_id, count in counts.items()}


async def tell_room(
    shards: "Shards", channel: "ChannelRow", broadcast: "BroadcastRow | None", grace_seconds: float
) -> None:
    """Tell the room the channel's title and category; `broadcast` is its open one."""
    if broadcast is not None:
        info = info_of(broadcast, grace_seconds)
    else:
        info = Info(room=str(channel.id), title=channel.title, category=channel.category)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await publish_info(shards, info)
    except (RedisError, OSError) as error:
        _log.warning("title_not_announced", channel=channel.id, reason=type(error).__name__)
