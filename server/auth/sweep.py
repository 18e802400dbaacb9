"""A background part: forget sessions that nobody can come back to, with their refresh tokens."""

from typing import Final

from server.auth.sessions import forget_ended_sessions
from server.background import JobState, repeat

EVERY_SECONDS: Final = 600.0


async def sweep_sessions(state: JobState) -> None:
    """Delete in batches until cancelled."""

    async def once() -> bool:
        async with state.db.acquire() as connection:
            return await forget_ended_sessions(connection) > 0

    await repeat(state, "sweep_sessions", once, every_seconds=EVERY_SECONDS)
