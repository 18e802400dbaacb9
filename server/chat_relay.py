"""The jobs part of the rooms' outbox: announce what a process committed and could not announce itself."""

import structlog
from prometheus_client import Counter
from redis.exceptions import ConnectionError, RedisError, TimeoutError  # noqa: A004  # Redis' own, not Python's

from chat.announcements import announce_waiting, rooms_waiting
from chat.publisher import Publisher
from server.background import JobState, repeat

LEFT_BEHIND_SECONDS = 1.0
"""The committing process announces at once; what is older was left behind."""
EVERY_SECONDS = 1.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_relayed_total = Counter("leams_chat_outbox_relayed_total", "Room events that jobs had to announce.")


async def relay_room_events(state: JobState) -> None:
    """Announce what was left behind; two of these do no harm, for an announcement is idempotent."""
    publisher = Publisher(state.shards)

    async def once() -> bool:
        return await relay_once(state, publisher)

    await repeat(state, "chat_relay", once, every_seconds=EVERY_SECONDS)


async def relay_once(state: JobState, publisher: Publisher) -> bool:
    """One pass over the rooms with something left behind; True when all went well and there may be more.

    Raises:
        RedisError: Redis is away; a room that alone is refused (its archive is full) doesn't hold up the others.
    """
    is_progress = False
    async with state.db.acquire() as connection:
        for room in await rooms_waiting(connection, older_than_seconds=LEFT_BEHIND_SECONDS):
            try:
                relayed = await announce_waiting(connection, publisher, room)
            except (ConnectionError, TimeoutError):
                raise
            except RedisError as error:
                _log.warning("chat_outbox_refused", room=room, error=str(error))
            else:
                is_progress = True
                _relayed_total.inc(len(relayed))
                _log.info("chat_outbox_relayed", room=room, events=len(relayed))
    return is_progress
