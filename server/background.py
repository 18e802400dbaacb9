"""What a background part of `server jobs` is, works with, and how it goes on after a failure."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from redis.asyncio import Redis

from chat.shards import Shards
from server.db.pool import Pool
from server.settings import Settings

RETRY_FIRST_SECONDS = 0.2
RETRY_MAX_SECONDS = 5.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


LATE_SECONDS = 30.0
"""A part that completed no pass for so long beyond its own time is stuck: `/readyz` says so."""


@dataclass(frozen=True, slots=True)
class Passes:
    """By when each part should have completed its next pass, in monotonic seconds."""

    due: dict[str, float] = field(default_factory=dict)

    def late(self, tick: float) -> dict[str, str]:
        """The parts that are overdue, and by how much; asked on another thread."""
        return {name: f"{tick - due:.0f} s late" for name, due in sorted(self.due.copy().items()) if tick > due}


@dataclass(frozen=True, slots=True)
class JobState:
    """What a background part works with."""

    settings: Settings
    db: Pool
    redis: Redis
    shards: Shards
    passes: Passes = field(default_factory=Passes)


Part = Callable[[JobState], Awaitable[None]]
"""Runs until cancelled; survives a database or Redis that is away by itself, with bounded, jittered retries."""


async def repeat(state: JobState, name: str, once: Callable[[], Awaitable[bool]], *, every_seconds: float) -> None:
    """Run `once` until cancelled: at once again while it answers that more waits, else after `every_seconds`.

    A pass that fails is logged and tried again after a jittered wait that doubles up to `RETRY_MAX_SECONDS`.
    """
    wait_seconds = RETRY_FIRST_SECONDS
    state.passes.due[name] = time.monotonic() + LATE_SECONDS
    while True:
        try:
            more = await once()
        except Exception as error:  # noqa: BLE001  # the task's top: what is away comes back, what is wrong is told
            _log.exception("job_pass_failed", part=name, error=type(error).__name__)
            await asyncio.sleep(random.uniform(wait_seconds / 2, wait_seconds))  # noqa: S311  # jitter, no secret
            wait_seconds = min(wait_seconds * 2, RETRY_MAX_SECONDS)
        else:
            wait_seconds = RETRY_FIRST_SECONDS
            state.passes.due[name] = time.monotonic() + every_seconds + LATE_SECONDS
            await asyncio.sleep(0 if more else every_seconds)
