"""Live first: the worker writes to the edge's own disk, and what must last is copied to the store behind its back.

No live write waits for the store.  The queue holds names, not bytes; what it has no room for, and what an earlier
worker left, stands as a mark in the folder and is found again.  A copy is tried until it is made or its file is gone.
"""

import asyncio
import random
import time
from collections import deque

import structlog

from media.objects import is_part, is_thumbnail
from media.origin import MARKS, FreeShare, Origin
from media.store import MediaStore
from transcoder.figures import (
    upload_bytes_total,
    upload_failures_total,
    upload_lag_seconds,
    upload_queue,
    uploads_lost_total,
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

QUEUE_MAX = 10_000
"""Names; beyond, marks wait for a look.  Two hours of four renditions."""
IN_FLIGHT = 4
"""Copies at once, which is also how many segments' bytes are in memory."""
LOOK_SECONDS = 30.0
ABANDONED_SECONDS = 30.0
"""A mark of that age that nobody here knows was left by a worker that is gone, or by a full queue."""
PAUSE_FIRST_SECONDS = 0.2
PAUSE_MAX_SECONDS = 10.0


class Uploads:
    """The copies still to be made; `run` makes them until it is cancelled."""

    def __init__(self, origin: Origin, queue_max: int = QUEUE_MAX) -> None:
        self._origin = origin
        self._queue_max = queue_max
        self._names: deque[str] = deque()
        self._since: dict[str, float] = {}
        """By the name, queued or under way: since when, in Unix seconds."""
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many copies are queued or under way."""
        return len(self._since)

    def offer(self, name: str, since: float) -> bool:
        """Queue a copy, unless it is queued; False when there is no room: its mark will be found."""
        if name in self._since:
            return True
        if len(self._since) >= self._queue_max:
            return False
        self._since[name] = since
        self._names.append(name)
        self._wake.set()
        self._tell()
        return True

    async def look(self, now: float) -> None:
        """Queue what is marked and nobody here knows of.

        Raises:
            OSError: the folder can't be read.
        """
        async for item in self._origin.live.objects(MARKS):
            if now - item.modified >= ABANDONED_SECONDS and not self.offer(
                item.name.removeprefix(f"{MARKS}/"), item.modified
            ):
                return

    async def run(self) -> None:
        """Copy until cancelled; what is left then is marked."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_again(), name="marks")
            for number in range(IN_FLIGHT):
                group.create_task(self._copy_all(), name=f"upload {number}")

    async def _look_again(self) -> None:
        while True:
            try:
                await self.look(time.time())
            except OSError as error:
                _log.warning("marks_unreadable", error=type(error).__name__)
            self._tell()
            await asyncio.sleep(LOOK_SECONDS)

    async def _copy_all(self) -> None:
        pause = PAUSE_FIRST_SECONDS
        while True:
            while not self._names:
                self._wake.clear()
                await self._wake.wait()
            name = self._names.popleft()
            try:
                await self._copy(name)
            except OSError as error:
                upload_failures_total.inc()
                _log.warning("upload_failed", error=str(error)[:200])
                self._names.append(name)  # behind the others: one bad object holds nobody up
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311  # jitter
                pause = min(PAUSE_MAX_SECONDS, pause * 2)
            else:
                pause = PAUSE_FIRST_SECONDS
                del self._since[name]
                self._tell()

    async def _copy(self, name: str) -> None:
        data = await self._origin.live.get(name)
        if data is None:
            uploads_lost_total.inc()
            _log.warning("upload_without_file", object=name)
        else:
            await self._origin.store.put(name, data)
            upload_bytes_total.inc(len(data))
        await self._origin.live.delete(f"{MARKS}/{name}")

    def _tell(self) -> None:
        upload_queue.set(len(self._since))
        oldest = next(iter(self._since.values()), None)
        upload_lag_seconds.set(0 if oldest is None else max(0.0, time.time() - oldest))


class LiveOrigin:
    """What a session writes to: the live folder, with everything but parts copied on."""

    def __init__(self, origin: Origin, uploads: Uploads, free_share: FreeShare, min_free_share: float) -> None:
        self._origin = origin
        self._uploads = uploads
        self._free_share = free_share
        self._thumbnails_above = min_free_share / 2

    async def put(self, name: str, data: bytes) -> None:
        """Write; a thumbnail is left out when the disk is nearly full.

        Raises:
            OSError: the disk is full.
        """
        if is_thumbnail(name) and self._free_share() < self._thumbnails_above:
            _log.warning("thumbnail_left_out")
            return
        await self._origin.put(name, data)
        if not self._origin.is_one and not is_part(name):
            self._uploads.offer(name, time.time())

    async def get(self, name: str) -> bytes | None:
        """A live file.

        Raises:
            OSError: the disk has trouble.
        """
        return await self._origin.live.get(name)

    async def delete_all(self, names: list[str]) -> None:
        """Remove live files; those that aren't there are fine.

        Raises:
            OSError: the disk has trouble; some are gone.
        """
        await self._origin.live.delete_all(names)


Media = MediaStore | LiveOrigin
"""What a session may write to."""
