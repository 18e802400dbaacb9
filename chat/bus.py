"""The channels of this process, on one subscriber per primary, and the reading of logs."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from chat.calls import Script
from chat.ending import end
from chat.endpoints import Endpoint
from chat.keys import ACCOUNTS_CHANNEL, partition_of, room_key
from chat.presence import read_info
from chat.publisher import CHANCE, LOG_EVENTS
from chat.room import Position
from chat.shards import Shards
from chat.subscriber import Ack, Listener, Subscriber
from chat.wire import Info

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

ACK_SECONDS = 0.9
OFFSET_MAX = 1 << 50
"""Beyond any log's end: who claims to know it makes the log begin anew."""

_ACCOUNTS = ACCOUNTS_CHANNEL.encode()
_read = Script.of("epoch", "read")


@dataclass(frozen=True, slots=True)
class LogRead:
    """A room's log: where it stands, the asked entries (offset, event as JSON), and what is true beside it."""

    epoch: str
    offset: int
    version: int
    entries: list[tuple[int, bytes]]
    info: Info | None = None
    """The last published one."""
    at_known: bytes | None = None
    """What stands at the known place itself, so that the reader sees whether this is the log that it knows."""


class Bus:
    """What this process listens to; `run` holds its connections.

    `on_restored` is called with partitions that were not heard for a while, when all is acknowledged again: what the
    silence swallowed is in the logs of their rooms.
    """

    def __init__(self, shards: Shards, process: str, on_restored: Callable[[frozenset[int]], None]) -> None:
        self._shards = shards
        self._process = process
        self._on_restored = on_restored
        self._listeners: dict[bytes, Listener] = {}
        self._subscribers: dict[Endpoint, tuple[Subscriber, asyncio.Task[None]]] = {}
        self._homes: dict[int, Subscriber] = {}
        self._change = asyncio.Event()

    # -- channels --

    async def subscribe(self, listeners: Mapping[str, Listener]) -> None:
        """Listen to channels of rooms; returns when Redis acknowledged all: what is published from now on is heard.

        Raises:
            RedisError, TimeoutError: it did not within 0.9 s; none is listened to.
        """
        by_name = {channel.encode(): listener for channel, listener in listeners.items()}
        try:
            async with asyncio.timeout(ACK_SECONDS):
                while any(partition_of(channel) not in self._homes for channel in listeners):
                    await self._change.wait()
                self._listeners |= by_name
                for ack in self._listen(by_name):
                    await asyncio.shield(ack)
        except BaseException:
            self.unsubscribe(listeners)
            raise

    def _listen(self, names: Iterable[bytes]) -> list[Ack]:
        return [ack for name in names for ack in self._homes[_partition(name)].listen([name])]

    def unsubscribe(self, channels: Iterable[str]) -> None:
        """Stop listening; Redis is told some time after, for rooms come back."""
        for channel in channels:
            self._listeners.pop(channel.encode(), None)
            if (home := self._homes.get(partition_of(channel))) is not None:
                home.release([channel.encode()])

    @property
    def is_whole(self) -> bool:
        """Every primary is listened to, and every channel acknowledged."""
        return bool(self._subscribers) and all(subscriber.is_whole for subscriber, _ in self._subscribers.values())

    def listen_accounts(self, on_gone: Callable[[int, str | None], None]) -> None:
        """Hear of accounts that were signed out, disabled or deleted: (account id, session id or None for all).

        Every primary tells it, so one that is away costs nothing but its own copy.
        """

        def hear(data: bytes) -> None:
            try:
                told = json.loads(data)
                on_gone(int(told["account_id"]), told["session_id"])
            except (ValueError, KeyError, TypeError):
                _log.warning("account_notice_unreadable")

        self._listeners[_ACCOUNTS] = hear

    # -- logs --

    def read_log(self, room_id: int, known: Position | None) -> "asyncio.Future[LogRead]":
        """The log after `known`, or its newest entries where `known` is of another epoch or None.

        A log that stands behind `known` has lost something: it begins a new epoch here and now.  Fails with a
        RedisError when Redis is away.
        """
        keys = [room_key(room_id, what) for what in ("head", "log", "info")]
        arguments = (CHANCE, known.epoch if known else "", known.offset if known else 0, LOG_EVENTS)
        return self._shards.script(_read, keys, arguments, partial(_log_read, known))

    def read_head(self, room_id: int) -> "asyncio.Future[Position]":
        """Where the log stands; nowhere, when there is none.  Fails with a RedisError when Redis is away."""
        head = room_key(room_id, "head")
        return self._shards.call(head, "HMGET", head, "epoch", "offset", decode=_head_read)

    # -- connections --

    async def run(self) -> None:
        """Hold the connections until cancelled."""
        self._shards.watch(self._place)
        self._place()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await end([task for _, task in self._subscribers.values()])

    def _place(self) -> None:
        """Have one subscriber per primary that rooms live on, and every channel where its partition is now."""
        homes = self._shards.homes()
        for endpoint, partitions in homes.items():
            if endpoint not in self._subscribers:
                subscriber = Subscriber(endpoint, self._shards, self._listeners, self._process, self._whole)
                subscriber.partitions = partitions
                if _ACCOUNTS in self._listeners:
                    subscriber.listen([_ACCOUNTS])
                self._subscribers[endpoint] = subscriber, asyncio.get_running_loop().create_task(subscriber.run())
            self._subscribers[endpoint][0].partitions = partitions
        placed = {number: self._subscribers[at][0] for at, numbers in homes.items() for number in numbers}
        moved = [number for number, home in placed.items() if self._homes.get(number, home) is not home]
        self._move(set(moved), placed)
        for endpoint in self._subscribers.keys() - homes.keys():
            subscriber, task = self._subscribers.pop(endpoint)
            subscriber.close()
            task.cancel()
        self._homes |= placed
        self._change.set()
        self._change.clear()

    def _move(self, partitions: set[int], placed: dict[int, Subscriber]) -> None:
        if not partitions:
            return
        rooms = [name for name in self._listeners if b":room:" in name and _partition(name) in partitions]
        for name in rooms:
            home, new = self._homes[_partition(name)], placed[_partition(name)]
            new.adopt(home.release([name]))

    def _whole(self, subscriber: Subscriber) -> None:
        self._on_restored(subscriber.partitions)


def _partition(name: bytes) -> int:
    return partition_of(name.decode())


def _log_read(known: Position | None, reply: Any) -> LogRead:
    born, offset, version, found, info = reply
    epoch = born.decode()
    entries = [(int(place.split(b"-")[0]), fields[1]) for place, fields in found]
    at_known = None
    if known is not None and known.epoch == epoch and entries and entries[0][0] == known.offset:
        _, at_known = entries.pop(0)
    return LogRead(epoch, offset, version, entries, None if info is None else read_info(info), at_known)


def _head_read(reply: Any) -> Position:
    epoch, offset = reply
    return Position((epoch or b"").decode(), int(offset or 0))
