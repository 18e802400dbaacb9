"""The broadcasts that are asked for here: read from Redis when they spoke, waited for, forgotten when nobody asks.

A word on the wake channel costs one read, whoever waits; what was read answers all who wait for it at once.  Without a
subscription a broadcast is read again when it is asked for and older than `FRESH_SECONDS`, and each `POLL_SECONDS`
while somebody waits.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter, Gauge
from redis.exceptions import RedisError

from media.jobs import wake_channel
from media.live import LiveWindows
from server.playback.answers import CLOSING, CROWDED, Answer
from server.playback.lists import Lists
from server.playback.wakes import Wakes, open_wakes

FRESH_SECONDS = 0.25
"""How old a read may be where no wake would tell that it is outdated."""
ENDED_FRESH_SECONDS = 10.0
POLL_SECONDS = 1.0
IDLE_SECONDS = 30.0
"""A broadcast that nobody asked for so long is forgotten: its spine may be megabytes."""
BROADCASTS_MAX = 2000
"""Remembered at once, unknown ones too; beyond, the one that was asked for longest ago is forgotten."""
PARKED_MAX = 20_000
"""Requests that wait in this process; each holds a socket and about 10 kB."""

READS = Counter("leams_playlist_reads_total", "Live windows read from Redis for playlists.")
PARKED = Gauge("leams_playlist_parked", "Requests that wait for a list or a part.")

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

Look = Callable[[Lists], Answer | None]
"""The answer to what somebody waits for, or None while it is not there."""


@dataclass(slots=True)
class _Waiting:
    """All who wait for the same."""

    look: Look
    futures: "set[asyncio.Future[Answer]]" = field(default_factory=set)


@dataclass(slots=True)
class Broadcast:
    """What is known of one broadcast, and who waits for more."""

    lists: Lists
    channel: str
    asked_at: float = 0.0
    read_at: float = -1e9
    is_unread: bool = True
    """Something was said since the last read began."""
    is_readable: bool = True
    reading: "asyncio.Task[None] | None" = None
    waiting: dict[object, _Waiting] = field(default_factory=dict)


class Broadcasts:
    """All that this process serves; `tick` is a monotonic clock."""

    def __init__(
        self, windows: LiveWindows, tick: Callable[[], float] = time.monotonic, parked_max: int = PARKED_MAX
    ) -> None:
        self._windows = windows
        self._tick = tick
        self._parked_max = parked_max
        self._known: OrderedDict[str, Broadcast] = OrderedDict()
        self._channels: dict[str, Broadcast] = {}
        self._parked = 0
        self._is_closing = False
        self.wakes: Wakes | None = None
        PARKED.set_function(lambda: self._parked)

    def __len__(self) -> int:
        return len(self._known)

    async def find(self, public_id: str) -> Broadcast:
        """The broadcast as it stands, or as it stood before Redis went away; `is_readable` tells which."""
        known = self._known.get(public_id)
        if known is None:
            known = self._add(public_id)
        else:
            self._known.move_to_end(public_id)
        known.asked_at = self._tick()
        if not self._is_current(known):
            if known.reading is None:  # a read that is under way is shared
                known.is_unread = True
            await asyncio.wait((self._read(known),))
        return known

    def on_wake(self, channel: str) -> None:
        """Something changed, or may have."""
        known = self._channels.get(channel)
        if known is not None and not self._is_closing:
            known.is_unread = True
            self._read(known)

    async def park(self, known: Broadcast, question: object, look: Look, seconds: float, late: Answer) -> Answer:
        """Wait until `look` finds an answer, for so many seconds; who asks the same `question` shares it.

        `late` is the answer then.
        """
        if self._parked >= self._parked_max:
            return CROWDED
        if self._is_closing:
            return CLOSING
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        waiting = known.waiting.get(question)
        if waiting is None:
            waiting = known.waiting[question] = _Waiting(look)
        waiting.futures.add(future)
        timer = loop.call_later(seconds, _resolve, future, late)
        self._parked += 1
        try:
            return await future
        finally:
            timer.cancel()
            waiting.futures.discard(future)
            if not waiting.futures and known.waiting.get(question) is waiting:
                del known.waiting[question]
            self._parked -= 1

    def close(self) -> None:
        """Nobody waits any more: the process ends."""
        self._is_closing = True
        for known in self._known.values():
            for waiting in known.waiting.values():
                for future in waiting.futures:
                    _resolve(future, CLOSING)

    async def settle(self) -> None:
        """Let the reads end that are under way."""
        reading = [known.reading for known in self._known.values() if known.reading is not None]
        if reading:
            await asyncio.wait(reading)

    async def look_after(self) -> None:
        """Until cancelled: read what is waited for and not listened to, forget what nobody asks for."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = self._tick()
            for known in list(self._known.values()):
                if known.waiting:
                    if not self._hears(known):
                        self.on_wake(known.channel)
                elif known.asked_at + IDLE_SECONDS < now:
                    self._forget(known)

    def _add(self, public_id: str) -> Broadcast:
        known = Broadcast(Lists(public_id), wake_channel(public_id))
        self._known[public_id] = self._channels[known.channel] = known
        if len(self._known) > BROADCASTS_MAX:
            idle = (one for one in self._known.values() if not one.waiting and one.reading is None)
            self._forget(next(idle, known))
        return known

    def _forget(self, known: Broadcast) -> None:
        del self._known[known.lists.public_id], self._channels[known.channel]
        if self.wakes is not None:
            self.wakes.release(known.channel)

    def _hears(self, known: Broadcast) -> bool:
        return self.wakes is not None and self.wakes.hears(known.channel)

    def _is_current(self, known: Broadcast) -> bool:
        if self._hears(known):
            return not known.is_unread and known.is_readable
        live = known.lists.live
        fresh_seconds = ENDED_FRESH_SECONDS if live is not None and live.is_ended else FRESH_SECONDS
        return self._tick() < known.read_at + fresh_seconds

    def _read(self, known: Broadcast) -> "asyncio.Task[None]":
        if known.reading is None:
            known.reading = asyncio.create_task(self._read_on(known))
        return known.reading

    async def _read_on(self, known: Broadcast) -> None:
        try:
            while known.is_unread:
                known.is_unread = False
                await self._read_once(known)
        finally:
            known.reading = None

    async def _read_once(self, known: Broadcast) -> None:
        READS.inc()
        try:
            live = await self._windows.read(known.lists.public_id, known.lists.live)
        except (RedisError, OSError) as error:
            _log.warning("window_unreadable", error=type(error).__name__)
            known.is_readable = False
        else:
            known.is_readable = True
            if known.lists.take(live, self._tick()):
                self._answer(known)
            is_here = self._channels.get(known.channel) is known  # who is forgotten by now would listen for ever
            if is_here and live is not None and not live.is_ended and self.wakes is not None:
                self.wakes.listen(known.channel)
        known.read_at = self._tick()

    def _answer(self, known: Broadcast) -> None:
        for waiting in list(known.waiting.values()):
            answer = waiting.look(known.lists)
            if answer is not None:
                for future in waiting.futures:
                    _resolve(future, answer)
                    answer = answer.again or answer  # the edge would write a file for each


def _resolve(future: "asyncio.Future[Answer]", answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


@asynccontextmanager
async def open_broadcasts(windows: LiveWindows, redis_url: str) -> AsyncIterator[Broadcasts]:
    """With a subscription, for as long as the block lasts."""
    broadcasts = Broadcasts(windows)
    async with open_wakes(redis_url, broadcasts.on_wake) as wakes:
        broadcasts.wakes = wakes
        task = asyncio.create_task(broadcasts.look_after())
        try:
            yield broadcasts
        finally:
            broadcasts.close()
            await broadcasts.settle()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
