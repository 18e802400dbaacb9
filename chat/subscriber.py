"""One connection that listens to one Redis, held through its losses.

Rules, each learnt from somebody's outage: a channel counts once Redis acknowledged it; a lost connection is never
hidden (`on_whole` runs whenever all channels are acknowledged again); a connection that is open but deaf is found by
hearing oneself.
"""

import asyncio
import random
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from redis.exceptions import ConnectionError, RedisError, ResponseError  # noqa: A004  # Redis' own, not Python's

from chat.calls import pack
from chat.endpoints import Endpoint
from chat.keys import ACCOUNTS_CHANNEL, probe_channel, slot_of
from chat.links import RETRY_SECONDS, Wire, open_wire
from chat.shards import Shards

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

PROBE_SECONDS = 1.2
"""How often we call ourselves; two calls unheard, and the connection is replaced."""
BATCH_CHANNELS = 512
"""Named in one command: Redis does 512 in well under a millisecond, and others wait for no longer."""

_ACCOUNTS = ACCOUNTS_CHANNEL.encode()

Listener = Callable[[bytes], None]
Ack = asyncio.Future[None]


class DeafError(Exception):
    """Redis takes what we publish, and we don't hear it."""


class Subscriber:
    """The channels of the partitions that live on one primary; `run` is its only task."""

    def __init__(
        self,
        endpoint: Endpoint,
        shards: Shards,
        listeners: dict[bytes, Listener],
        process: str,
        on_whole: Callable[["Subscriber"], None],
    ) -> None:
        self.partitions: frozenset[int] = frozenset()
        """That live here; never empty while it runs."""
        self._endpoint = endpoint
        self._shards = shards
        self._listeners = listeners
        self._process = process
        self._on_whole = on_whole
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._wanted: dict[bytes, Ack] = {}
        self._standing: set[bytes] = set()
        """What Redis acknowledged on this connection, wanted or not any more."""
        self._missing: set[bytes] = set()
        """What a lost connection or a move took, and is not acknowledged again yet."""
        self._unasked: list[bytes] = []
        self._idle: set[bytes] = set()
        """Unwanted already at the last probe; rooms come back."""
        self._leaving: set[bytes] = set()
        self._probe = b""
        self._token = b""
        self._unheard = 0

    @property
    def is_whole(self) -> bool:
        """Every channel is acknowledged."""
        return self._wire is not None and not self._missing

    # -- channels --

    def listen(self, names: Iterable[bytes]) -> list[Ack]:
        """Listen to more channels; each future is done when Redis acknowledged one."""
        acks = []
        for name in names:
            ack = self._wanted.get(name)
            if ack is None:
                ack = self._wanted[name] = self._loop.create_future()
                if name in self._standing:
                    ack.set_result(None)
                else:
                    self._ask(name)
            acks.append(ack)
        return acks

    def adopt(self, moved: Mapping[bytes, Ack]) -> None:
        """Listen to channels that lived elsewhere; whole again when all are acknowledged here."""
        for name, ack in moved.items():
            self._wanted[name] = self._loop.create_future() if ack.done() else ack
            self._missing.add(name)
            self._ask(name)

    def release(self, names: Iterable[bytes]) -> dict[bytes, Ack]:
        """Stop listening; Redis is told some time after.  What was listened to, with its acknowledgement."""
        released = {name: ack for name in names if (ack := self._wanted.pop(name, None)) is not None}
        self._no_longer_missing(released)
        return released

    def _ask(self, name: bytes) -> None:
        if self._wire is None:
            return  # asked with all others when it stands
        if not self._unasked:
            self._loop.call_soon(self._ask_all)
        self._unasked.append(name)

    def _ask_all(self) -> None:
        names, self._unasked = self._unasked, []
        if self._wire is not None:
            self._wire.write(b"".join(self._commands(b"SSUBSCRIBE", names)))

    def _commands(self, verb: bytes, names: Iterable[bytes]) -> list[bytes]:
        """As few as may be: a Cluster takes the channels of one slot in one command, a single Redis all."""
        groups: dict[int, list[bytes]] = defaultdict(list)
        for name in names:
            if name == _ACCOUNTS:  # told to the whole deployment by PUBLISH, everything else within its shard
                groups[-1].append(name)
            else:
                groups[slot_of(name.decode()) if self._shards.is_cluster else 0].append(name)
        return [
            pack(verb if slot >= 0 else verb[1:], *group[start : start + BATCH_CHANNELS])
            for slot, group in groups.items()
            for start in range(0, len(group), BATCH_CHANNELS)
        ]

    # -- what comes --

    def _take(self, reply: Any) -> None:
        if isinstance(reply, ResponseError):
            # Another node's channel: asked again with every probe until the map is new.
            _log.warning("chat_channel_refused", at=self._endpoint.name, error=type(reply).__name__)
            self._shards.refresh()
            return
        if isinstance(reply, Exception):
            raise reply
        kind, name, data = reply
        if kind == b"smessage" or kind == b"message":  # noqa: PLR1714  # the hot line; a tuple costs twice as much
            if (listener := self._listeners.get(name)) is not None:
                try:
                    listener(data)
                except Exception:  # noqa: BLE001  # one listener's fault is not the connection's
                    _log.exception("chat_listener_failed")
        elif kind in {b"ssubscribe", b"subscribe"}:
            self._acknowledged(name)
        elif name in self._leaving:
            self._leaving.discard(name)
        else:  # its slot has left this node: asked again with every probe, for it may come back before the map is read
            self._standing.discard(name)
            if name in self._wanted:
                self.adopt(self.release((name,)))
            self._shards.refresh()

    def _acknowledged(self, name: bytes) -> None:
        self._standing.add(name)
        ack = self._wanted.get(name)
        if ack is not None and not ack.done():
            ack.set_result(None)
        self._no_longer_missing((name,))

    def _no_longer_missing(self, names: Iterable[bytes]) -> None:
        if self._missing:
            self._missing.difference_update(names)
            if not self._missing and self._wire is not None:
                self._on_whole(self)

    # -- the connection --

    async def run(self) -> None:
        """Hold the connection until cancelled."""
        while True:
            has_stood = False
            try:
                wire = await open_wire(self._endpoint)
                has_stood = True
                await self._hold(wire)
            except (RedisError, OSError, DeafError) as error:
                _log.warning("chat_bus_lost", at=self._endpoint.name, error=type(error).__name__)
                self._shards.refresh()
            except Exception:  # noqa: BLE001  # the top of a task; a fresh connection is the best answer to a fault too
                _log.exception("chat_bus_failed")
            await asyncio.sleep(random.uniform(0, 0.05 if has_stood else RETRY_SECONDS))  # noqa: S311  # jitter

    async def _hold(self, wire: Wire) -> None:
        wire.on_reply = self._take
        self._wire = wire
        try:
            self._begin(wire)
            while not wire.lost.done():
                self._call_ourselves()
                await asyncio.wait((wire.lost,), timeout=PROBE_SECONDS)
                self._tidy(wire)
            raise ConnectionError("Redis closed the connection")
        finally:
            self._wire = None
            wire.close()

    def _begin(self, wire: Wire) -> None:
        self._standing.clear()
        self._leaving.clear()
        self._missing.clear()
        self._idle.clear()
        self._unheard = 0
        self._move_probe()
        self._unasked.clear()
        for name, ack in self._wanted.items():
            if ack.done():
                self._wanted[name] = self._loop.create_future()
        self._missing = set(self._wanted)
        wire.write(b"".join(self._commands(b"SSUBSCRIBE", self._wanted)))

    # -- what is done now and then --

    def _move_probe(self) -> None:
        """We call ourselves on a partition that lives here."""
        probe = probe_channel(min(self.partitions), self._process).encode()
        if probe != self._probe:
            self._listeners.pop(self._probe, None)
            self.release([self._probe])
            self._listeners[probe] = self._hear_ourselves
            self._probe = probe
            self.listen([probe])

    def _call_ourselves(self) -> None:
        self._move_probe()
        self._unheard += 1
        self._token = secrets.token_bytes(8)
        called = self._shards.call(self._probe.decode(), "SPUBLISH", self._probe, self._token)
        called.add_done_callback(lambda done: done.cancelled() or done.exception())  # unheard, then

    def _hear_ourselves(self, data: bytes) -> None:
        if data == self._token:
            self._unheard = 0

    def _tidy(self, wire: Wire) -> None:
        if wire.lost.done():
            return
        if self._unheard >= 2:
            raise DeafError
        idle = self._standing - self._wanted.keys()
        gone, self._idle = idle & self._idle, idle - self._idle
        self._standing -= gone
        self._leaving |= gone
        refused = [name for name, ack in self._wanted.items() if not ack.done()]
        wire.write(b"".join([*self._commands(b"SUNSUBSCRIBE", gone), *self._commands(b"SSUBSCRIBE", refused)]))

    def close(self) -> None:
        """Nothing lives here any more."""
        self._listeners.pop(self._probe, None)
