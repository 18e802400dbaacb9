"""The door's side of beacons: who watches goes to Redis at once, how they fare in sums each second.

A beacon costs one script in Redis.  What it tells is added up here by broadcast and minute, and leaves as one stream
entry each second for each broadcast: what a process that dies takes with it is a second of figures.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog
from prometheus_client import Counter, Histogram
from redis.exceptions import RedisError

from chat.viewers import ADDRESS_VIEWERS_MAX, note_viewer
from server.analytics.rules import MINUTE_MS, Beacon, Tally, stall_ratio
from server.analytics.stream import push
from server.broadcasts.store import open_broadcasts
from server.ratelimit import LOOPBACK_FACTOR, is_loopback, network_of
from server.refusal import not_found

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from chat.shards import Shards
    from server.db.pool import Pool

PUSH_SECONDS: Final = 1.0
OPEN_HOLDS_SECONDS: Final = 5.0
"""How long an ended broadcast may still be taken for an open one."""
UNKNOWN_HOLDS_SECONDS: Final = 1.0
"""Whoever asks for what is not there costs one look-up a second, however often they ask."""
TALLIES_MAX: Final = 10_000
"""Minutes of broadcasts that wait for a Redis that is away; those that don't fit are lost."""

_PRIVATE_ID = re.compile(r"p[0-9a-f]{18}")

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_beacons_total = Counter("leams_beacons_total", "What players told of themselves.", ["kind", "event"])
_startup_seconds = Histogram(
    "leams_playback_startup_seconds",
    "From the wish to play to the first picture.",
    ["kind"],
    buckets=(0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 10, 20),
)
_latency_seconds = Histogram(
    "leams_playback_latency_seconds",
    "From the streamer's clock to the viewer's screen, by each beacon.",
    ["kind"],
    buckets=(1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 12, 30),
)
_stall_ratio = Histogram(
    "leams_playback_stall_ratio",
    "Of the time that a beacon tells of, the share in which nothing moved.",
    ["kind"],
    buckets=(0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
)
_lost_total = Counter(
    "leams_beacons_lost_total", "Minutes of broadcasts whose figures did not fit while Redis was away."
)


class Beacons:
    """All that this process was told and has not passed on; `clock` is the wall's, in seconds."""

    def __init__(self, db: "Pool", redis: "Redis", shards: "Shards", clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._redis = redis
        self._shards = shards
        self._clock = clock
        self._tallies: dict[tuple[str, int], Tally] = {}
        self._open: dict[str, int] = {}
        self._read_at = -1e9
        self._reading = asyncio.Lock()

    async def take(self, beacon: Beacon, address: str) -> None:
        """Count one beacon; without Redis its viewer is not counted, and nobody minds.

        Raises:
            AppError: 404, no such broadcast is open.
        """
        if beacon.kind == "live":
            channel_id = await self._channel_of(beacon.broadcast)
            if channel_id is None:
                raise not_found("broadcast")
            # the channel's number is everybody's to see: who watches what is private is not in it
            if not _PRIVATE_ID.fullmatch(beacon.broadcast) and not await self._note(channel_id, beacon, address):
                return
            self._tally(beacon)
        _measure(beacon)

    async def push_on(self) -> None:
        """Pass on what was told, each second until cancelled."""
        while True:
            await asyncio.sleep(PUSH_SECONDS)
            await self.push()

    async def push(self) -> None:
        """Pass on what was told until now; what can't go waits for the next time."""
        tallies, self._tallies = self._tallies, {}
        if not tallies:
            return
        try:
            await push(self._redis, tallies)
        except (RedisError, OSError) as error:
            _log.warning("beacons_not_pushed", error=type(error).__name__)
            for place, tally in tallies.items():
                self._tally_at(place).merge(tally)

    async def _note(self, channel_id: int, beacon: Beacon, address: str) -> bool:
        most = ADDRESS_VIEWERS_MAX * (LOOPBACK_FACTOR if is_loopback(address) else 1)
        digest = hashlib.blake2b(network_of(address).encode(), digest_size=8).hexdigest()
        try:
            return await note_viewer(
                self._shards, channel_id, digest, beacon.session, is_over=beacon.event == "end", address_max=most
            )
        except (RedisError, OSError) as error:
            _log.warning("viewer_not_noted", error=type(error).__name__)
            return True

    def _tally(self, beacon: Beacon) -> None:
        self._tally_at((beacon.broadcast, int(self._clock() * 1000) // MINUTE_MS)).add(beacon)

    def _tally_at(self, place: tuple[str, int]) -> Tally:
        tally = self._tallies.get(place)
        if tally is None:
            if len(self._tallies) >= TALLIES_MAX:
                _lost_total.inc()
                return Tally()
            tally = self._tallies[place] = Tally()
        return tally

    async def _channel_of(self, public_id: str) -> int | None:
        if not self._is_fresh(public_id):
            async with self._reading:
                if not self._is_fresh(public_id):
                    await self._read_open()
        return self._open.get(public_id)

    def _is_fresh(self, public_id: str) -> bool:
        holds = OPEN_HOLDS_SECONDS if public_id in self._open else UNKNOWN_HOLDS_SECONDS
        return self._clock() - self._read_at < holds

    async def _read_open(self) -> None:
        try:
            async with self._db.acquire() as connection:
                rows = await open_broadcasts(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            _log.warning("open_broadcasts_unread", error=type(error).__name__)
        else:
            self._open = {row.broadcast.public_id: row.channel_id for row in rows}
        self._read_at = self._clock()


def _measure(beacon: Beacon) -> None:
    _beacons_total.labels(beacon.kind, beacon.event).inc()
    if beacon.startup_ms is not None and beacon.event == "start":
        _startup_seconds.labels(beacon.kind).observe(beacon.startup_ms / 1000)
    if beacon.kind == "live" and beacon.latency_ms is not None and beacon.latency_ms >= 0:
        _latency_seconds.labels(beacon.kind).observe(beacon.latency_ms / 1000)
    stalled = stall_ratio(beacon.played_ms, beacon.stalled_ms)
    if stalled is not None:
        _stall_ratio.labels(beacon.kind).observe(stalled)


@asynccontextmanager
async def open_beacons(db: "Pool", redis: "Redis", shards: "Shards") -> AsyncIterator[Beacons]:
    """Passing on what is told for as long as the block lasts, and the rest at its end."""
    beacons = Beacons(db, redis, shards)
    task = asyncio.create_task(beacons.push_on())
    try:
        yield beacons
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await beacons.push()
