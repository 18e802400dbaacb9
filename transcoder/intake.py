"""Claim jobs from the stream, keep them while they are served, take over those whose worker is gone.

The worker with the most room takes a new job at once, the others leave it to that one for some tenths of a second
(`transcoder/placement.py`); so they look at the stream without claiming until their patience is over.

An entry stays pending until its session has ended.  A heartbeat each second keeps it from looking idle; an entry idle
for `IDLE_MS` is anybody's.  The lease says which encoder session of a broadcast is served, the window's generation who
may write.
"""

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from media.jobs import FIELD, JOBS_GROUP, JOBS_STREAM, WORKERS_KEY, WORKERS_MS, LiveJob, decode_job
from media.live import Claimed
from transcoder.figures import jobs_total, running_jobs
from transcoder.lease import Leases
from transcoder.placement import LOOK_SECONDS, STEP_SECONDS, Capacity, Trust, patience_seconds
from transcoder.session import Bench, Ending, Session
from transcoder.workers import Workers

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

IDLE_MS = 3_000
HEARTBEAT_SECONDS = 1.0
POLL_MS = 500
ABANDONED_PATIENCE = 2
"""Times the patience with a new job: everybody looks for abandoned ones each half second only."""
MAX_DELIVERIES = 20
"""Heartbeats don't count, only claims: so many workers have died with this job, or failed at it."""
LEASE_TRIES = 20
"""Of a lease whose last owner died: it expires within three seconds."""
RESTORE_LOOKS = 12
RESTORE_LOOK_SECONDS = 0.2
"""The recorder puts a spine that Redis has lost back within about two seconds; the lease holds for three."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A job and its place on the stream."""

    id: bytes
    job: LiveJob


class Intake:
    """One worker's side of the jobs stream."""

    def __init__(self, bench: Bench, worker: str) -> None:
        self._bench = bench
        self._redis: Redis = bench.redis
        self._worker = worker
        self._leases = Leases(bench.redis)
        self._workers = Workers(bench.redis)
        self._trust = Trust()
        self._running: dict[bytes, asyncio.Task[None]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Take and serve jobs until `stop`, then give back what is running, at once."""
        try:
            while not stop.is_set():
                try:
                    await self._ensure_group()
                    await self._look(stop)
                except RedisError as error:
                    _log.warning("intake_without_redis", error=type(error).__name__)
                    await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311  # jitter; bounded by `stop` alone
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(RedisError):
                await asyncio.shield(self._workers.leave(self._worker))

    async def _ensure_group(self) -> None:
        with suppress(ResponseError):  # BUSYGROUP: it is there
            await self._redis.xgroup_create(JOBS_STREAM, JOBS_GROUP, id="0", mkstream=True)

    async def _look(self, stop: asyncio.Event) -> None:
        """Look for abandoned and new jobs until something goes wrong."""
        while not stop.is_set():
            patience = patience_seconds(*await self._advertise())
            if self._bench.pool.is_full:
                await asyncio.sleep(POLL_MS / 1000)
                continue
            await self._redis.set(WORKERS_KEY, b"1", px=WORKERS_MS)
            idle_ms = IDLE_MS + round(patience * 1000 * ABANDONED_PATIENCE)
            reply = await self._redis.xautoclaim(JOBS_STREAM, JOBS_GROUP, self._worker, idle_ms, count=1)
            for entry_id, fields in reply[1]:
                if not await self._is_worn_out(entry_id):
                    await self._take(entry_id, fields)
            if patience and not await self._is_left_over(patience):
                continue
            # whoever was patient finds the entry there, or gone: it does not wait for the next one like this
            fresh = await self._redis.xreadgroup(
                JOBS_GROUP, self._worker, {JOBS_STREAM: ">"}, count=1, block=None if patience else POLL_MS
            )
            for entry_id, fields in _entries(fresh):
                await self._take(entry_id, fields)

    async def _advertise(self) -> tuple[Capacity, list[Capacity]]:
        """What this worker can carry now, and what all say that it trusts."""
        tick = time.monotonic()
        self._bench.pool.measure_own(time.process_time(), tick)
        own = self._bench.pool.capacity(self._worker, tick)
        return own, self._trust.trusted(await self._workers.advertise(own), time.monotonic())

    async def _is_left_over(self, patience: float) -> bool:
        """Wait for a new job without claiming it, then as long as others should have it; is it for us?"""
        last = await self._last_delivered()
        if not _entries(await self._redis.xread({JOBS_STREAM: last}, count=1, block=POLL_MS)):
            return False
        waited = 0.0
        while True:
            own, others = await self._advertise()
            patience = min(patience, patience_seconds(own, others))
            if waited >= patience:
                return True
            await asyncio.sleep(STEP_SECONDS - LOOK_SECONDS)
            waited += STEP_SECONDS
            if await self._last_delivered() != last:
                return False  # somebody has it
            self._trust.doubt(others, waited, time.monotonic())
            await asyncio.sleep(LOOK_SECONDS)

    async def _last_delivered(self) -> bytes:
        groups = await self._redis.xinfo_groups(JOBS_STREAM)
        return next(
            (bytes(group["last-delivered-id"]) for group in groups if group["name"] == JOBS_GROUP.encode()), b"0"
        )

    async def _is_worn_out(self, entry_id: bytes) -> bool:
        """Settle an entry that worker after worker gave up: it is the job's fault, not theirs."""
        found = await self._redis.xpending_range(JOBS_STREAM, JOBS_GROUP, entry_id, entry_id, 1)
        deliveries = sum(int(pending["times_delivered"]) for pending in found)
        if deliveries <= MAX_DELIVERIES:
            return False
        _log.error("job_worn_out", deliveries=deliveries)
        jobs_total.labels("worn_out").inc()
        await self._settle(entry_id)
        return True

    async def _take(self, entry_id: bytes, fields: dict[bytes, bytes] | None) -> None:
        if entry_id in self._running:
            return
        try:
            job = decode_job((fields or {})[FIELD.encode()])
        except (KeyError, msgspec.DecodeError) as error:
            _log.warning("job_unreadable", error=type(error).__name__)
            await self._settle(entry_id)
            return
        task = asyncio.create_task(self._serve(Entry(entry_id, job)), name="session")
        self._running[entry_id] = task
        running_jobs.set(len(self._running))

        def forget(_task: asyncio.Task[None]) -> None:
            self._running.pop(entry_id, None)
            running_jobs.set(len(self._running))

        task.add_done_callback(forget)

    async def _serve(self, entry: Entry) -> None:
        """Top of a session's task: whatever happens, the entry is settled or left for others."""
        structlog.contextvars.bind_contextvars(broadcast=entry.job.public_id, publish=entry.job.publish_count)
        owner = f"{self._worker}/{entry.id.decode()}"
        self._bench.pool.reserve(owner)
        try:
            ending = await self._serve_leased(entry, owner)
            jobs_total.labels(ending).inc()
            _log.info("job_done", ending=ending)
            await self._settle(entry.id)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(entry))
            raise
        except Exception:  # noqa: BLE001  # the top of a task: logged, and the entry is another worker's in three seconds
            jobs_total.labels("error").inc()
            _log.exception("session_error")
        finally:
            self._bench.pool.release(owner)
            with suppress(RedisError):
                await asyncio.shield(self._leases.release(entry.job, owner))

    async def _serve_leased(self, entry: Entry, owner: str) -> Ending:
        for _ in range(LEASE_TRIES):
            state = await self._leases.take(entry.job, owner)
            if state == "held":
                break
            # the same entry under another owner: its worker died, and its lease is about to expire
            if not state.endswith("/" + entry.id.decode()):
                return Ending.SUPERSEDED
            await self._touch(entry.id)
            await asyncio.sleep(0.2)
        else:
            return Ending.SUPERSEDED
        claimed = await self._claim(entry.job)
        if claimed is None:
            return Ending.SUPERSEDED
        _log.info("job_claimed", generation=claimed.generation)
        session = asyncio.create_task(Session(entry.job, claimed, self._bench, owner).serve(), name="session body")
        heartbeat = asyncio.create_task(self._keep(entry, owner), name="heartbeat")
        try:
            await asyncio.wait({session, heartbeat}, return_when=asyncio.FIRST_COMPLETED)
            if session.done():
                return session.result()
            heartbeat.result()
            return Ending.SUPERSEDED
        finally:
            for task in (session, heartbeat):
                task.cancel()
            await asyncio.gather(session, heartbeat, return_exceptions=True)

    async def _claim(self, job: LiveJob) -> Claimed | None:
        """The window; one that Redis has lost is put back by the recorder first, or goes on without its past."""
        for _ in range(RESTORE_LOOKS if job.next_sequence else 0):
            if await self._bench.windows.first(job.public_id) is not None:
                break
            await asyncio.sleep(RESTORE_LOOK_SECONDS)
        claimed = await self._bench.windows.claim(job.public_id)
        if claimed is None or claimed.live.records or claimed.live.next_sequence >= job.next_sequence:
            return claimed
        _log.warning("spine_lost", next_sequence=job.next_sequence)
        return replace(claimed, live=replace(claimed.live, first_sequence=job.next_sequence))

    async def _keep(self, entry: Entry, owner: str) -> None:
        """Beat until the lease is somebody else's; while Redis is away nobody can take it either."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                if await self._leases.take(entry.job, owner) != "held":
                    return
                await self._touch(entry.id)
            except RedisError as error:
                _log.warning("heartbeat_missed", error=type(error).__name__)

    async def _touch(self, entry_id: bytes) -> None:
        await self._redis.xclaim(JOBS_STREAM, JOBS_GROUP, self._worker, 0, [entry_id], justid=True)

    async def _give_back(self, entry: Entry) -> None:
        """Make the entry look abandoned: the next worker that looks takes it."""
        with suppress(RedisError):
            await self._redis.xclaim(JOBS_STREAM, JOBS_GROUP, self._worker, 0, [entry.id], idle=IDLE_MS, justid=True)

    async def _settle(self, entry_id: bytes) -> None:
        """The entry has served its purpose, unless another worker has claimed it: then it is that one's."""
        if not await self._redis.xpending_range(JOBS_STREAM, JOBS_GROUP, entry_id, entry_id, 1, self._worker):
            return
        await self._redis.xack(JOBS_STREAM, JOBS_GROUP, entry_id)
        await self._redis.xdel(JOBS_STREAM, entry_id)


def _entries(reply: object) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """The entries of our one stream: RESP3 answers with a mapping of streams, RESP2 with a list."""
    if not reply:
        return []
    streams = reply.values() if isinstance(reply, dict) else [entries for _, entries in reply]  # type: ignore[attr-defined]
    found: list[tuple[bytes, dict[bytes, bytes]]] = []
    for entries in streams:
        for item in entries:
            found += item if isinstance(item, list) else [item]
    return found
