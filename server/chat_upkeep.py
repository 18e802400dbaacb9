"""The jobs part that keeps the chat's tables small: relayed outbox rows go after a day, ended timeouts are closed."""

from chat.announcements import BATCH_ROWS, forget_relayed
from chat.sanctions import close_ended
from server.background import JobState, repeat

EVERY_SECONDS = 60.0


async def tidy_chat(state: JobState) -> None:
    """Both, in batches, for as long as jobs runs."""

    async def once() -> bool:
        return await tidy_once(state)

    await repeat(state, "chat_upkeep", once, every_seconds=EVERY_SECONDS)


async def tidy_once(state: JobState) -> bool:
    """One batch of each; True when there may be more."""
    async with state.db.acquire() as connection:
        forgotten = await forget_relayed(connection)
        closed = await close_ended(connection, BATCH_ROWS)
    return BATCH_ROWS in {forgotten, closed}
