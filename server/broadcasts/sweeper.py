"""The jobs part that deletes media nobody can need any more, and keeps the store within its size.

While a broadcast is open, a file goes once it has been out of the playlists for as long as RFC 8216bis §6.2.2 asks; an
ended one's media goes an hour later, or sooner, oldest first, when the store is fuller than `LEAMS_MEDIA_MAX_GB`.
"""

import re
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge

from media.live import LiveWindows
from media.store import MediaStore
from media.window import Live, init_name, part_name, retention_seconds, segment_name
from server.background import JobState, repeat
from server.broadcasts import store
from server.broadcasts.rules import Kept, expendable, over

if TYPE_CHECKING:
    from server.db.pool import Connection

EVERY_SECONDS = 10.0
ADVISORY_LOCK = 0x1EA_0002
HOLD_SLACK_SECONDS = 10.0
"""For caches and slow readers, beyond what the RFC asks."""
_PUBLIC_ID = re.compile(r"p?[0-9a-f]{18}")

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_store_bytes = Gauge("leams_media_store_bytes", "Size of all media of broadcasts.")
_deleted_total = Counter("leams_media_deleted_total", "Files deleted.")


async def sweep_media(state: JobState) -> None:
    """Sweep until cancelled, while this process holds the lock."""
    sweeper = Sweeper(MediaStore(state.settings.media_store), LiveWindows(state.redis), state.settings.media_max_bytes)

    async def lead() -> bool:
        async with state.db.acquire() as connection:
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
                await sweeper.once(connection, time.time())
        return False

    await repeat(state, "sweeper", lead, every_seconds=EVERY_SECONDS)


class Sweeper:
    """What one sweep remembers for the next: since when each file is out of its window."""

    def __init__(self, media: MediaStore, windows: LiveWindows, max_bytes: int) -> None:
        self._media = media
        self._windows = windows
        self._max_bytes = max_bytes
        self._unlisted_since: dict[str, dict[str, float]] = {}

    async def once(self, connection: "Connection", now: float) -> None:
        """One sweep.

        Raises:
            OSError, RedisError, asyncpg.PostgresError: something is away; nothing was deleted that is needed.
        """
        sizes, names = await self._listing()
        ends = await store.ends_of(connection, list(sizes))
        waiting: dict[str, dict[str, float]] = {}
        kept: list[Kept] = []
        for public_id, size_bytes in sizes.items():
            ended_at = ends.get(public_id, 0.0)  # without a row, its channel is gone: outlived
            if ended_at is None:
                waiting[public_id] = await self._sweep_open(public_id, names[public_id], now)
            else:
                kept.append(Kept(public_id, ended_at, size_bytes))
        self._unlisted_since = waiting
        total_bytes = sum(sizes.values())
        for public_id in over(kept, total_bytes, self._max_bytes, now):
            deleted = await self._media.delete_prefix(f"{public_id}/")
            await store.mark_media_deleted(connection, public_id)
            _deleted_total.inc(deleted)
            _log.info("media_deleted", broadcast=public_id, files=deleted)
            total_bytes -= sizes[public_id]
        _store_bytes.set(total_bytes)
        if total_bytes > self._max_bytes:
            _log.warning("media_store_full", bytes=total_bytes, max_bytes=self._max_bytes)

    async def _listing(self) -> tuple[dict[str, int], dict[str, list[str]]]:
        sizes: dict[str, int] = defaultdict(int)
        names: dict[str, list[str]] = defaultdict(list)
        async for item in self._media.objects():
            public_id, _, rest = item.name.partition("/")
            if rest and _PUBLIC_ID.fullmatch(public_id):  # other things may live in the same store
                sizes[public_id] += item.size_bytes
                names[public_id].append(item.name)
        return sizes, names

    async def _sweep_open(self, public_id: str, names: list[str], now: float) -> dict[str, float]:
        live = await self._windows.read(public_id)
        known = self._unlisted_since.get(public_id, {})
        if live is None or not live.tails:  # Redis has lost it or nothing is out yet: keep all
            return known
        media = [name for name in names if name.count("/") == 2]  # the thumbnail lies beside the renditions
        gone, waiting = expendable(media, _listed(public_id, live), known, _hold_seconds(live), now)
        for name in gone:
            await self._media.delete(name)
        _deleted_total.inc(len(gone))
        return waiting


def _listed(public_id: str, live: Live) -> frozenset[str]:
    """Every file that some list may name: whole segments of the spine, inits, and the parts of the tails."""
    names: set[str] = set()
    for rendition, tail in (live.tails or {}).items():
        folder = f"{public_id}/{rendition}"
        for record in live.records:
            names.add(f"{folder}/{segment_name(record.generation, record.sequence)}")
            names.add(f"{folder}/{init_name(record.generation, record.run)}")
        for segment in tail.segments:
            names |= {f"{folder}/{segment.name}", f"{folder}/{segment.init}"}
            names |= {f"{folder}/{part_name(segment.generation, part.number)}" for part in segment.parts}
    return frozenset(names)


def _hold_seconds(live: Live) -> float:
    listed_seconds = sum(record.duration_us for record in live.records) / 1_000_000
    return retention_seconds(live.master.target_duration_seconds, listed_seconds) + HOLD_SLACK_SECONDS
