"""The operator at the machine: `python -m server admin …` as a process of its own."""

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did."""

    status: int
    made: str
    """Standard output: only ever a password or a key."""
    said: str
    """Standard error: everything for a person."""


async def admin(settings: "Settings", *arguments: str) -> Outcome:
    """Run one admin command on the test's own servers."""
    env = {
        **os.environ,
        "LEAMS_DATABASE_URL": settings.database_url,
        "LEAMS_REDIS_URL": settings.redis_url,
        "LEAMS_HOOK_SECRET": settings.hook_secret,
        "MEDIA_STORE": settings.media_store,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", "admin", *arguments,
        env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        made, said = await process.communicate()
    assert process.returncode is not None
    return Outcome(process.returncode, made.decode().strip(), said.decode())
