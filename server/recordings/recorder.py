"""The jobs part that records: it copies what is new in every spine into Postgres, and finishes what has ended.

The media are where they were written; a recording is its records.  So a Redis that loses everything loses nothing
that was copied: it gets it back from here, once the worker that would know better has had its time.  One process at a
time, by an advisory lock.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge

from media.live import LiveWindows
from media.origin import FreeShare, Origin, free_share_of, open_origin
from media.window import Live, Master, Record, WindowError
from server.background import JobState, repeat
from server.broadcasts.store import new_capability
from server.recordings import store
from server.recordings.ending import close_open_segments
from server.recordings.rules import QUOTA_SHARE, StopReason, joined, measure, unbroken
from server.recordings.store import Copy, Recording

if TYPE_CHECKING:
    from server.db.pool import Connection

EVERY_SECONDS = 0.5
"""A recording is ready at most two seconds after its broadcast's end; this is the look for the end."""
COPY_SECONDS = 1.0
"""Between two copies of one broadcast's news; segments come every two."""
READS_AT_ONCE = 32
RESTORE_SECONDS = 1.0
"""A worker that lives has put its spine back before, for it writes three times a second; the next one begins later."""
UNREADABLE_SECONDS = 15.0
"""For so long after an end the last parts are tried to be read."""
ADVISORY_LOCK = 0x1EA_0003

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_copied_total = Counter("leams_recorder_segments_total", "Records of segments copied to Postgres.")
_finished_total = Counter("leams_recordings_finished_total", "Recordings finished, by what came of them.", ["state"])
_stopped_total = Counter("leams_recordings_stopped_total", "Recordings stopped while live went on.", ["reason"])
_free_ratio = Gauge("leams_live_folder_free_ratio", "Free share of the live folder's disk.")


async def record_broadcasts(state: JobState) -> None:
    """Record until cancelled, while this process holds the lock."""
    settings = state.settings
    origin = open_origin(settings.media_store, settings.media_access, settings.live_folder)
    free_share = free_share_of(origin.folder) if origin.folder else lambda: 1.0
    terms = Terms(
        settings.min_free_share,
        settings.vod_days,
        int(settings.dvr_seconds / 2),
        min(settings.channel_max_bytes, settings.media_max_bytes),
    )
    recorder = Recorder(origin, LiveWindows(state.redis), free_share, terms)

    async def lead() -> bool:
        async with state.db.acquire() as connection:
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
                await recorder.once(connection, time.time())
        return False

    await repeat(state, "recorder", lead, every_seconds=EVERY_SECONDS)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the site grants."""

    min_free_share: float
    vod_days: float
    spine_records: int
    """How many records a spine in Redis has at most."""
    max_bytes: int
    """Of one recording: what its channel or the site may have."""


class Recorder:
    """What one look remembers for the next."""

    def __init__(self, origin: Origin, windows: LiveWindows, free_share: FreeShare, terms: Terms) -> None:
        self._origin = origin
        self._windows = windows
        self._free_share = free_share
        self._terms = terms
        self._copied_at: dict[int, float] = {}
        self._missing_since: dict[int, float] = {}
        self._masters: dict[int, Master] = {}

    async def once(self, connection: "Connection", now: float) -> None:
        """One look at everything.

        Raises:
            RedisError, asyncpg.PostgresError, OSError: something is away; what was not copied will be.
        """
        recordings = await store.unfinished(connection)
        recordings = await self._begin(connection, recordings)
        for recording in recordings:
            if recording.ended_at is not None:
                await self._finish_one(connection, recording, recording.ended_at, now)
        open_ones = [recording for recording in recordings if recording.ended_at is None]
        await self._copy_due(connection, open_ones, now)
        ids = {recording.broadcast_id for recording in open_ones}
        self._copied_at = {key: at for key, at in self._copied_at.items() if key in ids}
        self._missing_since = {key: at for key, at in self._missing_since.items() if key in ids}
        self._masters = {key: master for key, master in self._masters.items() if key in ids}

    # --- beginning and stopping ---

    async def _begin(self, connection: "Connection", recordings: list[Recording]) -> list[Recording]:
        """Every broadcast has its row; what must not be recorded is stopped."""
        free_share = self._free_share()
        _free_ratio.set(free_share)
        settled = []
        for recording in recordings:
            reason = self._obstacle(recording, free_share)
            if recording.state is None:
                await store.begin(connection, recording, reason)
                through = -1 if reason else None
                settled.append(replace(recording, state="stopped" if reason else "recording", recorded_through=through))
            elif recording.state == "recording" and reason is not None and recording.ended_at is None:
                await store.stop(connection, recording.broadcast_id, reason)
                _stopped_total.labels(reason).inc()
                _log.warning("recording_stopped", broadcast=recording.public_id, reason=reason)
                settled.append(replace(recording, state="stopped", recorded_through=recording.next_sequence - 1))
            else:
                settled.append(recording)
        return settled

    def _obstacle(self, recording: Recording, free_share: float) -> StopReason | None:
        if not recording.is_wanted:
            return "switched_off"
        if recording.size_bytes >= QUOTA_SHARE * self._terms.max_bytes:
            return "over_quota"
        return "disk_full" if free_share < self._terms.min_free_share else None

    # --- copying ---

    async def _copy_due(self, connection: "Connection", recordings: list[Recording], now: float) -> None:
        due = [one for one in recordings if now - self._copied_at.get(one.broadcast_id, 0.0) >= COPY_SECONDS]
        copies: list[Copy] = []
        for start in range(0, len(due), READS_AT_ONCE):
            batch = due[start : start + READS_AT_ONCE]
            read = (self._windows.since(one.public_id, one.next_sequence) for one in batch)
            for recording, live in zip(batch, await asyncio.gather(*read), strict=True):
                if live is None:
                    await self._restore(connection, recording, now)
                    continue
                self._missing_since.pop(recording.broadcast_id, None)
                if live.records:
                    copies.append(await self._copy(connection, recording, live, live.records))
                self._copied_at[recording.broadcast_id] = now
        if copies:
            await store.write(connection, copies)
            _copied_total.inc(sum(len(copy.records) for copy in copies))

    async def _restore(self, connection: "Connection", recording: Recording, now: float) -> None:
        """Give Redis back what it lost, so that the next worker goes on with the numbers."""
        since = self._missing_since.setdefault(recording.broadcast_id, now)
        if not recording.next_sequence or now - since < RESTORE_SECONDS:
            return
        records = unbroken(await store.records_of(connection, recording.broadcast_id))
        if not records:
            return
        left = records[: -self._terms.spine_records]
        kept = records[-self._terms.spine_records :]
        generation = kept[-1].generation
        breaks = sum(record.has_discontinuity for record in left)
        master = await store.master_of(connection, recording.broadcast_id)
        outcome = await self._windows.restore(recording.public_id, generation, kept, breaks, master=master)
        if outcome == "written":
            _log.warning("spine_restored", broadcast=recording.public_id, records=len(kept))

    # --- ending ---

    async def _finish_one(self, connection: "Connection", recording: Recording, ended_at: float, now: float) -> None:
        """One recording that can't be finished must not keep the others from being copied."""
        try:
            await self._finish(connection, recording, ended_at, now)
        except (KeyError, ValueError, ArithmeticError, WindowError) as error:
            _log.exception("recording_unfinished", broadcast=recording.public_id, error=type(error).__name__)

    async def _finish(self, connection: "Connection", recording: Recording, ended_at: float, now: float) -> None:
        """Copy the rest of a broadcast that is over, and let it be played."""
        try:
            rest = await self._rest_of(connection, recording)
        except OSError as error:
            _log.warning("last_parts_unreadable", broadcast=recording.public_id, error=type(error).__name__)
            if now - ended_at < UNREADABLE_SECONDS:
                return
            rest = None
        if rest is not None and rest.records:
            await store.write(connection, [rest])
            _copied_total.inc(len(rest.records))
        if recording.is_private:  # who could watch it live may not keep its recording by that
            await store.renew_capability(connection, recording.broadcast_id, new_capability())
        state = await store.finish(connection, recording.broadcast_id, self._terms.vod_days)
        _finished_total.labels(state).inc()
        _log.info("recording_finished", broadcast=recording.public_id, state=state, seconds=round(now - ended_at, 2))

    async def _rest_of(self, connection: "Connection", recording: Recording) -> Copy | None:
        await self._windows.end(recording.public_id)  # nobody writes any more: what is open stays as it is
        live = await self._windows.since(recording.public_id, recording.next_sequence)
        if live is None or not live.tails:  # Redis has lost it: what was copied is all
            return None
        last = await close_open_segments(self._origin, recording.public_id, live)
        return await self._copy(connection, recording, live, [*live.records, *last])

    async def _copy(
        self, connection: "Connection", recording: Recording, live: Live, records: Sequence[Record]
    ) -> Copy:
        master = self._masters.get(recording.broadcast_id)
        if master is None:
            master = await store.master_of(connection, recording.broadcast_id)
        self._masters[recording.broadcast_id] = master = joined(master, live.master)
        return Copy(
            recording.broadcast_id,
            recording.next_sequence,
            records,
            measure(records, recording.recorded_through),
            master,
        )
