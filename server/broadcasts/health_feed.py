"""This process's streamers who follow their broadcasts: one read of Redis for all channels, each told what is new.

A report reaches the sockets within `EVERY_SECONDS`.  Whether their sessions still stand is asked for all at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import structlog
from prometheus_client import Gauge
from redis.exceptions import RedisError

from chat.availability import AWAY
from chat.codes import Close
from chat.ending import end
from media.faults import Metric
from media.jobs import Health, LiveReport, Severity, decode_report
from media.verdicts import Figure, judge
from server.auth.permissions import Permission, may
from server.auth.sessions import standings
from server.broadcasts.alarms import Alarms, Change
from server.broadcasts.history import channel_health_key

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.db.pool import Pool

EVERY_SECONDS: Final = 0.5
STANDING_SECONDS: Final = 2.0
AWAY_SECONDS: Final = 2.0
"""Between two tries while Redis is away."""
SOCKETS_MAX: Final = 1_000
"""Of one process: streamers are few, and each of theirs costs what a chat socket costs."""
ACCOUNT_SOCKETS_MAX: Final = 5

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_sockets = Gauge("leams_health_sockets", "Sockets that follow the health of a broadcast.")


class HealthFrame(msgspec.Struct, frozen=True, tag_field="t", tag="health"):
    """How the broadcast goes; without a public id nothing is on the air."""

    at_ms: int
    public_id: str | None
    health: tuple[Figure, ...]


class WarningFrame(msgspec.Struct, frozen=True, tag_field="t", tag="warning"):
    """A warning began or is over."""

    at_ms: int
    code: str
    severity: Severity
    message: str
    metric: Metric | None
    is_over: bool


@dataclass(frozen=True, slots=True)
class Follower:
    """Who follows, by which right."""

    account_id: int
    session_id: str
    channel_id: int
    is_owner: bool


class Ear(Protocol):
    """One socket."""

    def tell(self, payload: bytes) -> None:
        """One frame, as JSON."""

    def close(self, code: Close, reason: str) -> None:
        """It is over."""


@dataclass(slots=True)
class _Channel:
    alarms: Alarms = field(default_factory=Alarms)
    ears: set[Ear] = field(default_factory=set)
    report: Health | None = None
    frame: bytes = b""
    """The last one; empty before the first look."""


class HealthFeed:
    """Who follows what, and what they were told last."""

    def __init__(self, redis: "Redis", db: "Pool") -> None:
        self._redis = redis
        self._db = db
        self._channels: dict[int, _Channel] = {}
        self._followers: dict[Ear, Follower] = {}
        self._asked = asyncio.Event()
        self.sockets = 0
        """Open ones, those that have not said who they are included."""

    @property
    def is_full(self) -> bool:
        """No further socket has room in this process."""
        return self.sockets >= SOCKETS_MAX

    def opened(self) -> None:
        """A socket was accepted; `closed` follows exactly once."""
        self.sockets += 1
        _sockets.set(self.sockets)

    def closed(self, ear: Ear) -> None:
        """It is gone, whether it had joined or not."""
        self.sockets -= 1
        _sockets.set(self.sockets)
        self._leave(ear)

    def join(self, ear: Ear, follower: Follower) -> None:
        """Tell it how the channel's broadcast goes from now on; an account's oldest socket makes room."""
        others = [other for other, who in self._followers.items() if who.account_id == follower.account_id]
        if len(others) >= ACCOUNT_SOCKETS_MAX:
            self._send_away(others[0], Close.SUPERSEDED, "too many sockets of this account")
        self._followers[ear] = follower
        channel = self._channels.setdefault(follower.channel_id, _Channel())
        channel.ears.add(ear)
        if channel.frame:
            ear.tell(channel.frame)
            for alarm in channel.alarms.ringing:
                ear.tell(_warning(Change(alarm, is_over=False), _now_ms()))
        else:
            self._asked.set()

    def drain(self) -> None:
        """The process is going: everybody comes back to another one."""
        for ear in list(self._followers):
            self._send_away(ear, Close.RESTART, "this process is going")

    @asynccontextmanager
    async def running(self) -> AsyncIterator["HealthFeed"]:
        """Look and tell while the block runs."""
        tasks = [asyncio.create_task(self._watch(), name="health feed"), asyncio.create_task(self._guard())]
        try:
            yield self
        finally:
            await end(tasks)

    # -- what is told --

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
                pause = EVERY_SECONDS
            except (RedisError, OSError) as error:
                _log.warning("health_feed_without_redis", error=type(error).__name__)
                pause = AWAY_SECONDS
            except Exception:  # noqa: BLE001  # the task's top: one report must not end the feed for all
                _log.exception("health_feed_crashed")
                pause = AWAY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._asked.wait()
            self._asked.clear()

    async def look(self) -> None:
        """Read the last report of every channel that is followed, and tell what is new.

        Raises:
            RedisError, OSError: Redis is away; nothing was told.
        """
        ids = list(self._channels)
        if not ids:
            return
        found = await self._redis.mget([channel_health_key(channel_id) for channel_id in ids])
        for channel_id, kept in zip(ids, found, strict=True):
            channel = self._channels.get(channel_id)
            if channel is not None:
                _tell_news(channel, _report(kept))

    # -- who may stay --

    async def _guard(self) -> None:
        while True:
            await asyncio.sleep(STANDING_SECONDS)
            try:
                await self.send_away_ended()
            except AWAY as error:
                _log.warning("health_feed_without_database", error=type(error).__name__)
            except Exception:  # noqa: BLE001  # the task's top
                _log.exception("health_guard_crashed")

    async def send_away_ended(self) -> None:
        """Close the sockets whose session has ended, or whose account is no longer of the staff.

        Raises:
            AWAY: Postgres can't tell; everybody stays.
        """
        if not self._followers:
            return
        ids = list({who.session_id for who in self._followers.values()})
        async with self._db.acquire() as connection:
            standing = await standings(connection, ids)
        for ear, who in list(self._followers.items()):
            if who.session_id not in ids:
                continue  # it joined meanwhile
            found = standing.get(who.session_id)
            if found is None:
                self._send_away(ear, Close.ACCOUNT_GONE, "the session has ended")
            elif not who.is_owner and not may(found.site_role, Permission.SEE_BROADCASTS):
                self._send_away(ear, Close.FORBIDDEN, "no longer of the staff")

    def _send_away(self, ear: Ear, code: Close, reason: str) -> None:
        self._leave(ear)
        ear.close(code, reason)

    def _leave(self, ear: Ear) -> None:
        who = self._followers.pop(ear, None)
        if who is None:
            return
        channel = self._channels[who.channel_id]
        channel.ears.discard(ear)
        if not channel.ears:
            del self._channels[who.channel_id]


def _tell_news(channel: _Channel, report: Health | None) -> None:
    if channel.frame and report == channel.report:
        return
    channel.report = report
    if report is None:
        channel.frame, changes = _health(_now_ms(), None, ()), channel.alarms.end()
    else:
        figures = judge(report)
        channel.frame, changes = _health(report.at_ms, report.public_id, figures), channel.alarms.take(report, figures)
    at_ms = _now_ms() if report is None else report.at_ms
    frames = [channel.frame, *(_warning(change, at_ms) for change in changes)]
    for ear in list(channel.ears):
        for frame in frames:
            ear.tell(frame)


def _report(kept: bytes | str | None) -> Health | None:
    if not isinstance(kept, bytes):
        return None
    try:
        found: LiveReport = decode_report(kept)
    except msgspec.DecodeError:
        return None  # of another version: it is over soon
    return found if isinstance(found, Health) else None


def _health(at_ms: int, public_id: str | None, figures: tuple[Figure, ...]) -> bytes:
    return msgspec.json.encode(HealthFrame(at_ms, public_id, figures))


def _warning(change: Change, at_ms: int) -> bytes:
    alarm = change.alarm
    return msgspec.json.encode(
        WarningFrame(at_ms, alarm.code, alarm.severity, alarm.message, alarm.metric, change.is_over)
    )


def _now_ms() -> int:
    return round(time.time() * 1000)
