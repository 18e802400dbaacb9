"""What a background part of `server jobs` is, works with, and how it goes on after a failure."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from chat.shards import Shards
from server.db.pool import Pool
from server.settings import Settings

RETRY_FIRST_SECONDS = 0.2
RETRY_MAX_SECONDS = 5.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JobState:
    """What a background part works with."""

    settings: Settings
    db: Pool
    redis: Redis
    shards: Shards


Part = Callable[[JobState], Awaitable[None]]
"""Runs until cancelled; survives a database or Redis that is away by itself, with bounded, jittered retries."""


async def repeat(name: str, once: Callable[[], Awaitable[bool]], *, every_seconds: float) -> None:
    """Run `once` until cancelled: at once again while it answers that more waits, else after `every_seconds`.

    A pass that fails is logged and tried again after a jittered wait that doubles up to `RETRY_MAX_SECONDS`.
    """
    wait_seconds = RETRY_FIRST_SECONDS
    while True:
        try:
            more = await once()
        except Exception as error:  # noqa: BLE001  # the task's top: what is away comes back, what is wrong is told
            _log.exception("job_pass_failed", part=name, error=type(error).__name__)
            await asyncio.sleep(random.uniform(wait_seconds / 2, wait_seconds))  # noqa: S311  # jitter, no secret
            wait_seconds = min(wait_seconds * 2, RETRY_MAX_SECONDS)
        else:
            wait_seconds = RETRY_FIRST_SECONDS
            await asyncio.sleep(0 if more else every_seconds)
