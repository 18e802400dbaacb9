"""Tell a channel's room what its broadcast does now."""

from chat.presence import publish_info, stored_info
from chat.shards import Shards
from chat.wire import Info
from media.broadcast import State
from server.broadcasts.store import BroadcastRow


def info_of(row: BroadcastRow, grace_seconds: float) -> Info:
    """What the room's pages show; viewers and chatters are added by the processes that count them."""
    broadcast = row.broadcast
    if not row.is_public:  # everybody in the room reads this
        return Info(room=str(row.channel_id), title=row.title, category=row.category)
    is_waiting = broadcast.state is State.INTERRUPTED
    return Info(
        room=str(row.channel_id),
        live=broadcast.state.value,
        broadcast=broadcast.public_id,
        title=row.title,
        category=row.category,
        since_ms=round((broadcast.live_at or row.created_at) * 1000),
        grace_until_ms=round((broadcast.since + grace_seconds) * 1000) if is_waiting else None,
    )


async def announce(shards: Shards, row: BroadcastRow, grace_seconds: float) -> None:
    """Publish it.

    Raises:
        RedisError: Redis is away.
    """
    await publish_info(shards, info_of(row, grace_seconds))


async def is_announced(shards: Shards, row: BroadcastRow, grace_seconds: float) -> bool:
    """Does the room know the broadcast's state?

    Raises:
        RedisError: Redis is away.
    """
    known, wanted = await stored_info(shards, row.channel_id), info_of(row, grace_seconds)
    return (known.live, known.broadcast) == (wanted.live, wanted.broadcast)
