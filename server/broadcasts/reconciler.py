"""The jobs part that keeps rows, ingest, jobs and rooms in agreement, every 2 s.

Hooks are asked once and never again, and any process may be killed between a commit and its effects; so this part looks
at what is and mends it, by the pure rules of `server.broadcasts.rules`.  One process at a time, by an advisory lock.
"""

import time
from typing import TYPE_CHECKING, assert_never

import structlog
from prometheus_client import Counter, Gauge
from redis.exceptions import RedisError

from media.broadcast import Broadcast, Session, State, Step, grace_over, publisher_found, publisher_gone
from media.jobs import lease_key
from server.background import JobState, repeat
from server.broadcasts import store
from server.broadcasts.announce import announce, is_announced
from server.broadcasts.control import Control, change, enqueue, if_current, open_control, remember_seen
from server.broadcasts.ingest import IngestError
from server.broadcasts.rules import (
    AWAY_SECONDS,
    POLL_SECONDS,
    TEST_GRACE_SECONDS,
    DropEncoder,
    FindEncoder,
    LoseEncoder,
    Mend,
    Seen,
    compare,
    lacks_job,
    watch,
)

if TYPE_CHECKING:
    from server.broadcasts.statistics import Stream
    from server.broadcasts.store import BroadcastRow
    from server.db.pool import Connection

ADVISORY_LOCK = 0x1EA_0001
"""Of this database; the sweeper's is the next."""
ENDED_WATCHED_SECONDS = 600.0
"""For so long the end of a broadcast is brought to a Redis that was away."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_mended_total = Counter("leams_reconciler_mended_total", "Differences between rows and the ingest.", ["kind"])
_open = Gauge("leams_open_broadcasts", "Broadcasts that have not ended, by state.", ["state"])


async def reconcile_broadcasts(state: JobState) -> None:
    """Reconcile until cancelled, while this process holds the lock."""
    async with open_control(state.settings, state.db, state.redis, state.shards) as control:
        reconciler = Reconciler(control)

        async def lead() -> bool:
            async with state.db.acquire() as connection:
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
                    await reconciler.once(connection)  # the lock goes back with the connection
            return False

        await repeat(state, "reconciler", lead, every_seconds=POLL_SECONDS)


class Reconciler:
    """What one look remembers for the next."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._seen: dict[str, Seen] = {}
        self._sent: dict[str, float] = {}
        self._closed: set[str] = set()
        self._away_since: float | None = None

    async def once(self, connection: "Connection") -> None:
        """One look at everything.

        Raises:
            asyncpg.PostgresError, OSError: the database is away.
        """
        now = time.time()
        streams = await self._streams(now)  # before the rows: a publisher without a row is then a stranger
        rows = {row.broadcast.public_id: row for row in await store.open_broadcasts(connection)}
        _count(rows)
        if streams is not None:
            self._seen = watch(streams, self._seen, now)
            for mend in compare((row.broadcast for row in rows.values()), streams, self._seen, now):
                await self._mend(mend)
        for row in rows.values():
            if row.broadcast.state is State.INTERRUPTED:
                await change(
                    self._control, row.broadcast.public_id, self._test_over if row.is_test else self._grace_over
                )
        after = await store.open_broadcasts(connection)
        ended = await store.ended_since(connection, now - ENDED_WATCHED_SECONDS)
        try:
            await self._mend_open(after, now)
            await self._mend_ended(ended, {row.channel_id for row in after})
        except (RedisError, OSError) as error:
            _log.warning("reconciler_without_redis", error=type(error).__name__)

    async def _streams(self, now: float) -> "dict[str, Stream] | None":
        """The statistics page; nothing is concluded from one that is away, until it has been for long."""
        try:
            streams = await self._control.ingest.streams()
        except IngestError as error:
            self._away_since = now if self._away_since is None else self._away_since
            _log.warning("ingest_away", seconds=round(now - self._away_since, 1), error=str(error))
            return {} if now - self._away_since >= AWAY_SECONDS else None
        self._away_since = None
        return streams

    def _grace_over(self, known: Broadcast, now: float) -> Step:
        return grace_over(known, self._control.grace_seconds, now)

    def _test_over(self, known: Broadcast, now: float) -> Step:
        return grace_over(known, min(TEST_GRACE_SECONDS, self._control.grace_seconds), now)

    async def _mend(self, mend: Mend) -> None:
        _mended_total.labels(type(mend).__name__).inc()
        match mend:
            case LoseEncoder(public_id, publish_count):
                _log.warning("encoder_lost", broadcast=public_id)
                lost = if_current(publish_count, lambda known, now: publisher_gone(known, None, now))
                await change(self._control, public_id, lost)
            case FindEncoder(public_id, publish_count, session):
                _log.warning("encoder_found", broadcast=public_id)
                found = if_current(publish_count, lambda known, _now: publisher_found(known, session))
                await change(self._control, public_id, found)
            case DropEncoder(name, session, is_silent):
                await self._drop(name, session, is_silent=is_silent)
            case _:
                assert_never(mend)

    async def _drop(self, name: str, session: Session, *, is_silent: bool) -> None:
        # a name without a row could be a key: somebody may have configured the ingest without its hook
        _log.warning("encoder_dropped", broadcast=name if is_silent else None, is_silent=is_silent)
        try:
            await self._control.ingest.drop(name, session)
        except IngestError as error:
            _log.warning("drop_failed", error=str(error))

    async def _mend_open(self, rows: "list[BroadcastRow]", now: float) -> None:
        """What Redis should hold of every open broadcast: how far it came, its job, what its room knows."""
        control = self._control
        for row in rows:
            public_id = row.broadcast.public_id
            if public_id in self._seen:
                await remember_seen(control, public_id, self._seen[public_id])
            is_leased = bool(await control.redis.exists(lease_key(public_id)))
            if lacks_job(row.broadcast, is_leased=is_leased, sent_at=self._sent.get(public_id), now=now):
                _log.warning("job_sent_again", broadcast=public_id)
                await enqueue(control, row)
                self._sent[public_id] = now
            await self._tell_room(row)
        open_ids = {row.broadcast.public_id for row in rows}
        self._sent = {public_id: at for public_id, at in self._sent.items() if public_id in open_ids}

    async def _mend_ended(self, rows: "list[BroadcastRow]", busy_channels: set[int]) -> None:
        """The end of each lately ended broadcast, newest first: its window is closed, its room knows."""
        told = set(busy_channels)
        for row in rows:
            public_id = row.broadcast.public_id
            if public_id not in self._closed:
                await self._control.windows.end(public_id)
                if row.channel_id not in told:
                    await self._tell_room(row)
                self._closed.add(public_id)
            told.add(row.channel_id)
        self._closed &= {row.broadcast.public_id for row in rows}

    async def _tell_room(self, row: "BroadcastRow") -> None:
        if not await is_announced(self._control.shards, row, self._control.grace_seconds):
            await announce(self._control.shards, row, self._control.grace_seconds)


def _count(rows: "dict[str, BroadcastRow]") -> None:
    for state in (State.STARTING, State.LIVE, State.INTERRUPTED):
        _open.labels(state.value).set(sum(row.broadcast.state is state for row in rows.values()))
