"""One subscription to the wake channels of the broadcasts that somebody watches here.

It holds one connection, takes every channel up again when that was lost, and tells of each channel once more when it
stands: whatever was said meanwhile, a read finds it.  Who listens while it is away looks by itself (`hears`).
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog

from chat.calls import pack
from chat.endpoints import Endpoint, parse_deployment
from chat.links import Wire, open_wire

PROBE_SECONDS = 2.0
"""A connection that says nothing for so long after a PING is replaced."""
RETRY_SECONDS = 0.5
"""The longest wait before the next try to connect; jittered, without end."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Wakes:
    """Shard channels that are listened to; `on_wake` gets each one's name when it speaks or begins to be heard."""

    def __init__(self, endpoint: Endpoint, on_wake: Callable[[str], None]) -> None:
        self._endpoint = endpoint
        self._on_wake = on_wake
        self._wire: Wire | None = None
        self._wanted: set[str] = set()
        self._heard: set[str] = set()
        self._is_answered = True

    def hears(self, channel: str) -> bool:
        """Would we be told now if it spoke?"""
        return channel in self._heard

    def listen(self, channel: str) -> None:
        """Listen to one more; repeating it is harmless."""
        if channel not in self._wanted:
            self._wanted.add(channel)
            self._say(b"SSUBSCRIBE", channel)

    def release(self, channel: str) -> None:
        """Listen no more."""
        self._wanted.discard(channel)
        if channel in self._heard:
            self._heard.discard(channel)
            self._say(b"SUNSUBSCRIBE", channel)

    def _say(self, verb: bytes, channel: str) -> None:
        if self._wire is not None and self._wire.is_open:
            self._wire.write(pack(verb, channel))

    async def run(self) -> None:
        """Hold a connection until cancelled."""
        is_away = False
        while True:
            try:
                wire = await open_wire(self._endpoint)
            except Exception as error:  # noqa: BLE001  # away (RedisError, OSError), or an address that is none
                if not is_away:
                    _log.warning("wakes_away", error=type(error).__name__)
                is_away = True
                await asyncio.sleep(random.uniform(RETRY_SECONDS / 5, RETRY_SECONDS))  # noqa: S311  # jitter
                continue
            is_away = False
            await self._hold(wire)
            _log.warning("wakes_lost", channels=len(self._wanted))

    async def _hold(self, wire: Wire) -> None:
        wire.on_reply, self._wire, self._is_answered = self._take, wire, True
        try:
            if self._wanted:
                wire.write(b"".join([pack(b"SSUBSCRIBE", channel) for channel in self._wanted]))
            while not wire.lost.done():
                await asyncio.wait((wire.lost,), timeout=PROBE_SECONDS)
                if not self._is_answered:
                    break
                if wire.is_open:
                    self._is_answered = False
                    wire.write(pack(b"PING"))
        finally:
            self._wire = None
            self._heard.clear()
            wire.close()

    def _take(self, reply: Any) -> None:
        match reply:
            case [b"smessage", channel, _]:
                self._on_wake(channel.decode())
            case [b"ssubscribe", channel, _] if (name := channel.decode()) in self._wanted:
                self._heard.add(name)
                self._on_wake(name)
            case [b"pong", _] | b"PONG":
                self._is_answered = True
            case _:  # the end of a subscription, or one that nobody wants any more
                pass


@contextlib.asynccontextmanager
async def open_wakes(redis_url: str, on_wake: Callable[[str], None]) -> AsyncIterator[Wakes]:
    """A subscription that lives as long as the block."""
    wakes = Wakes(parse_deployment(redis_url).seeds[0], on_wake)
    task = asyncio.create_task(wakes.run())
    try:
        yield wakes
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
