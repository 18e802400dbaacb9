"""The jobs part that deletes media nobody can need any more, and keeps recordings within their time and quotas.

What may go follows from rows, never from looking through the store: a store may be large and far.  Only the live folder
is looked through, a broadcast at a time, for what workers that died left behind.  While the live folder's disk is
nearly full, whatever lies behind the live lists goes, unless it is recorded.
"""

import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge

from media.live import LiveWindows
from media.objects import is_part
from media.origin import FreeShare, Origin, free_share_of, open_origin
from media.window import WINDOW_SECONDS, Live, part_name, retention_seconds
from server.background import JobState, repeat
from server.recordings import store
from server.recordings.rules import ENDED_LISTS_SECONDS, PARTS_KEPT_SECONDS, files_of, over, unneeded
from server.recordings.store import Recording

if TYPE_CHECKING:
    from server.db.pool import Connection

EVERY_SECONDS = 10.0
STRANGER_SECONDS = 24 * 3600.0
STRANGERS_MAX = 20
"""More folders without a row than this, and than a tenth of all, are a mistake of somebody's, not deleted channels."""
LOOK_SECONDS = 600.0
"""Between two looks through the live folder for parts without a list, and for media without a row."""
ADVISORY_LOCK = 0x1EA_0002
HOLD_SLACK_SECONDS = 10.0
"""For caches and slow readers, beyond what the RFC asks."""
TARGET_SECONDS = 2
FILES_A_PASS = 500
"""Records of one broadcast whose files go in one pass: it falls behind no stream, and holds up no other."""
_PUBLIC_ID = re.compile(r"p?[0-9a-f]{18}")

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_store_bytes = Gauge("leams_media_store_bytes", "Size of all media of broadcasts.")
_deleted_total = Counter("leams_media_deleted_total", "Files deleted.")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the site grants."""

    channel_max_bytes: int
    media_max_bytes: int
    dvr_seconds: float
    min_free_share: float

    def hold_seconds(self, *, is_tight: bool) -> float:
        """How long a segment's file is needed from its own end on: its time in the lists, and as long again."""
        listed = WINDOW_SECONDS if is_tight else self.dvr_seconds
        return listed + retention_seconds(TARGET_SECONDS, listed) + HOLD_SLACK_SECONDS


async def sweep_media(state: JobState) -> None:
    """Sweep until cancelled, while this process holds the lock."""
    settings = state.settings
    origin = open_origin(settings.media_store, settings.media_access, settings.live_folder)
    free_share = free_share_of(origin.folder) if origin.folder else lambda: 1.0
    limits = Limits(settings.channel_max_bytes, settings.media_max_bytes, settings.dvr_seconds, settings.min_free_share)
    sweeper = Sweeper(origin, LiveWindows(state.redis), free_share, limits)

    async def lead() -> bool:
        async with state.db.acquire() as connection:
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
                await sweeper.once(connection, time.time())
        return False

    await repeat(state, "sweeper", lead, every_seconds=EVERY_SECONDS)


class Sweeper:
    """What one sweep remembers for the next."""

    def __init__(self, origin: Origin, windows: LiveWindows, free_share: FreeShare, limits: Limits) -> None:
        self._origin = origin
        self._windows = windows
        self._free_share = free_share
        self._limits = limits
        self._looked_at: dict[str, float] = {}
        self._evicted: dict[int, int] = {}
        """By the broadcast: copies of records before this sequence number are gone from the live folder."""
        self._without_parts: set[int] = set()
        self._strangers_at = 0.0
        self._strangers: dict[str, float] = {}
        """Since when each folder has had no row."""

    async def once(self, connection: "Connection", now: float) -> None:
        """One sweep; a place that is away holds up only what lies there.

        Raises:
            RedisError, asyncpg.PostgresError: something is away; nothing was deleted that is needed.
        """
        recordings = await store.unfinished(connection)
        for recording in recordings:
            try:
                await self._sweep_open(connection, recording, now)
            except OSError as error:
                _log.warning("sweep_failed", broadcast=recording.public_id, error=str(error)[:200])
        open_ids = {recording.public_id for recording in recordings}
        self._looked_at = {key: at for key, at in self._looked_at.items() if key in open_ids}
        self._evicted = {one.broadcast_id: self._evicted.get(one.broadcast_id, 0) for one in recordings}
        await self._apply_limits(connection, recordings)
        try:
            await self._delete_media(connection, now)
            await self._tidy(connection, now)
            if now - self._strangers_at >= LOOK_SECONDS:
                await self._delete_strangers(connection, now)
                self._strangers_at = now
        except OSError as error:
            _log.warning("store_not_swept", error=str(error)[:200])

    # --- what is open ---

    async def _sweep_open(self, connection: "Connection", recording: Recording, now: float) -> None:
        is_tight = self._free_share() < self._limits.min_free_share
        hold_seconds = self._limits.hold_seconds(is_tight=is_tight)
        if is_tight and self._origin.is_one:
            await self._windows.trim(recording.public_id, recording.next_sequence - WINDOW_SECONDS // TARGET_SECONDS)
        first = await self._windows.first(recording.public_id)
        if first is not None:
            await self._delete_unrecorded(connection, recording, first, hold_seconds, now)
        if not self._origin.is_one:
            await self._evict(connection, recording, hold_seconds, now)
        if now - self._looked_at.get(recording.public_id, 0.0) >= LOOK_SECONDS:
            self._looked_at[recording.public_id] = now
            await self._delete_unlisted_parts(recording)

    async def _delete_unrecorded(
        self, connection: "Connection", recording: Recording, first: int, hold_seconds: float, now: float
    ) -> None:
        oldest = await store.unrecorded(connection, recording.broadcast_id, first, FILES_A_PASS)
        gone = unneeded(oldest, first, hold_seconds, now)
        if gone:
            await self._delete(files_of(recording.public_id, gone))
            await store.forget_records(connection, recording.broadcast_id, [record.sequence for record in gone])

    async def _evict(self, connection: "Connection", recording: Recording, hold_seconds: float, now: float) -> None:
        """Copies in the live folder that the store has too, and the lists no more: the edge asks the store for them."""
        start = self._evicted.get(recording.broadcast_id, 0)
        records = await store.records_of(connection, recording.broadcast_id, start, FILES_A_PASS)
        old = unneeded(records, recording.next_sequence, hold_seconds, now)
        marked = await self._origin.marked(recording.public_id) if old else set()
        for record in old:
            files = files_of(recording.public_id, [record])
            if not marked.isdisjoint(files):
                return
            await self._origin.live.delete_all(files)
            _deleted_total.inc(len(files))
            self._evicted[recording.broadcast_id] = record.sequence + 1

    async def _delete_unlisted_parts(self, recording: Recording) -> None:
        live = await self._windows.since(recording.public_id, recording.next_sequence)
        if live is None:  # Redis has lost it or nothing is out yet: keep all
            return
        listed = _listed_parts(recording.public_id, live)
        before = time.time() - PARTS_KEPT_SECONDS
        parts = [
            item.name
            async for item in self._origin.live.objects(f"{recording.public_id}/")
            if is_part(item.name) and item.modified < before and item.name not in listed
        ]
        await self._delete(parts, is_live_only=True)

    # --- what has ended ---

    async def _apply_limits(self, connection: "Connection", recordings: list[Recording]) -> None:
        gone = await store.expired(connection)
        kept = [one for one in await store.kept(connection) if one.broadcast_id not in gone]
        open_bytes: dict[int, int] = {}
        for recording in recordings:
            open_bytes[recording.channel_id] = open_bytes.get(recording.channel_id, 0) + recording.size_bytes
        gone += over(kept, open_bytes, self._limits.channel_max_bytes, self._limits.media_max_bytes)
        if gone:
            await store.mark_deleted(connection, gone)
            _log.info("recordings_outlived", count=len(gone))
        total = sum(one.size_bytes for one in kept if one.broadcast_id not in gone) + sum(open_bytes.values())
        _store_bytes.set(total)
        if total > self._limits.media_max_bytes:
            _log.warning("media_store_full", bytes=total, max_bytes=self._limits.media_max_bytes)

    async def _delete_parts(self, public_id: str) -> None:
        """In the store are those of a worker without the live folder."""
        for place in {self._origin.live, self._origin.store}:
            parts = [item.name async for item in place.objects(f"{public_id}/") if is_part(item.name)]
            if parts:
                await place.delete_all(parts)
                _deleted_total.inc(len(parts))

    async def _delete_media(self, connection: "Connection", now: float) -> None:
        for broadcast_id, public_id in await store.media_to_delete(connection, now, ENDED_LISTS_SECONDS):
            deleted = await self._origin.delete_broadcast(public_id)
            await store.mark_media_deleted(connection, broadcast_id)
            _deleted_total.inc(deleted)
            _log.info("media_deleted", broadcast=public_id, files=deleted)

    async def _tidy(self, connection: "Connection", now: float) -> None:
        """A minute after the end the parts go; when the live lists do, all that is not the recording."""
        for broadcast_id, public_id, ended_at in await store.untidy(connection, now - PARTS_KEPT_SECONDS):
            if broadcast_id not in self._without_parts:
                await self._delete_parts(public_id)
                self._without_parts.add(broadcast_id)
            if now - ended_at < ENDED_LISTS_SECONDS or await self._origin.marked(public_id):
                continue
            records = await store.unrecorded(connection, broadcast_id, 1 << 30, 1 << 30)
            await self._delete(files_of(public_id, records))
            await store.forget_records(connection, broadcast_id, [record.sequence for record in records])
            if not self._origin.is_one:
                _deleted_total.inc(await self._origin.live.delete_prefix(f"{public_id}/"))
            await store.mark_tidied(connection, broadcast_id)
            self._without_parts.discard(broadcast_id)

    async def _delete_strangers(self, connection: "Connection", now: float) -> None:
        """Media of broadcasts that have had no row for a day: their channels are gone.

        Never many at once: a database that was restored, or is another's, knows too little to be believed.
        """
        folders = set(await self._origin.live.folders())
        if not self._origin.is_one:
            folders |= set(await self._origin.store.folders())
        ids = [name for name in folders if _PUBLIC_ID.fullmatch(name)]  # other things may live in the same store
        known = await store.known_broadcasts(connection, ids)
        strangers = set(ids) - known
        self._strangers = {one: self._strangers.get(one, now) for one in strangers}
        if len(strangers) > max(STRANGERS_MAX, len(ids) // 10):
            _log.error("media_of_strangers", folders=len(strangers), of=len(ids))  # another database, or an old one
            return
        for public_id in sorted(one for one, since in self._strangers.items() if now - since >= STRANGER_SECONDS):
            deleted = await self._origin.delete_broadcast(public_id)
            _deleted_total.inc(deleted)
            _log.info("media_deleted", broadcast=public_id, files=deleted)

    async def _delete(self, names: Collection[str], *, is_live_only: bool = False) -> None:
        if not names:
            return
        place = self._origin.live if is_live_only else self._origin
        await place.delete_all(list(names))
        _deleted_total.inc(len(names))


def _listed_parts(public_id: str, live: Live) -> frozenset[str]:
    return frozenset(
        f"{public_id}/{rendition}/{part_name(segment.generation, part.number)}"
        for rendition, tail in (live.tails or {}).items()
        for segment in tail.segments
        for part in segment.parts
    )
