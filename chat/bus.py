"""This process's one subscriber, and the reading of logs.

Rules, each learnt from somebody's outage: a subscription counts once Redis acknowledged it; a lost connection is never
hidden (`on_restored` runs after every new one, when all channels are acknowledged again); a connection that is open
but deaf is found by hearing oneself.
"""

import asyncio
import json
import math
import random
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chat.ending import end
from chat.keys import ACCOUNTS_CHANNEL, probe_channel, room_key
from chat.publisher import LOG_EVENTS, fresh_epoch
from chat.room import Position

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

ACK_SECONDS = 1.0
PROBE_SECONDS = 1.5
"""How often we call ourselves; two calls unheard, and the connection is replaced."""
RETRY_SECONDS = 0.5
"""The longest wait before the next connection; jittered, without end: readers wait with us."""

_ACCOUNTS = ACCOUNTS_CHANNEL.encode()

Listener = Callable[[bytes], None]

_script_text = (Path(__file__).parent / "lua" / "read.lua").read_text()


class DeafError(Exception):
    """Redis takes what we publish, and we don't hear it."""


@dataclass(frozen=True, slots=True)
class LogRead:
    """A room's log: where it stands, and the asked entries (offset, event as JSON)."""

    epoch: str
    offset: int
    version: int
    entries: list[tuple[int, bytes]]


class Bus:
    """Channels of this process over one connection; `run` is its only task."""

    def __init__(self, redis: Redis, process: str, on_restored: Callable[[], Awaitable[None]]) -> None:
        self._redis = redis
        self._read = redis.register_script(_script_text)
        self._on_restored = on_restored
        self._probe = probe_channel(0, process).encode()
        self._listeners: dict[bytes, Listener] = {self._probe: self._hear_probe}
        self._acks: dict[bytes, asyncio.Future[None]] = {}
        self._connection: AbstractConnection | None = None
        self._probe_token = b""
        self._unheard = 0
        self._restored = asyncio.Event()

    # -- channels --

    async def subscribe(self, channel: str, listener: Listener) -> None:
        """Listen to a channel; returns when Redis acknowledged, so that what is published from now on is heard.

        Raises:
            RedisError, OSError, TimeoutError: it did not within a second; nothing is listened to.
        """
        name = channel.encode()
        self._listeners[name] = listener
        try:
            async with asyncio.timeout(ACK_SECONDS):
                await self._acknowledged(name)
        except BaseException:
            self.unsubscribe(channel)
            raise

    async def _acknowledged(self, name: bytes) -> None:
        ack = self._acks.setdefault(name, asyncio.get_running_loop().create_future())
        if self._connection is not None:
            await self._connection.send_command("SSUBSCRIBE", name)
        await asyncio.shield(ack)

    def unsubscribe(self, channel: str) -> None:
        """Stop listening; Redis is told with the next probe."""
        name = channel.encode()
        self._listeners.pop(name, None)
        if (ack := self._acks.pop(name, None)) is not None and not ack.done():
            ack.cancel()

    async def wait_restored(self) -> None:
        """Until the subscriber stands (tests, readiness)."""
        await self._restored.wait()

    # -- logs --

    async def read_log(self, room_id: int, known: Position | None) -> LogRead:
        """The log after `known`, or its newest entries where `known` is of another epoch or None.

        A log that stands behind `known` has lost something: it begins a new epoch here and now.

        Raises:
            RedisError, OSError, TimeoutError: Redis is away.
        """
        reply = await self._read(
            keys=[room_key(room_id, "head"), room_key(room_id, "log")],
            args=[fresh_epoch(), known.epoch if known else "", known.offset if known else 0, LOG_EVENTS],
        )
        epoch, offset, version, entries = cast("tuple[bytes, int, int, list[tuple[bytes, list[bytes]]]]", reply)
        read = [(int(place.split(b"-")[0]), fields[1]) for place, fields in entries]
        return LogRead(epoch.decode(), offset, version, read)

    # -- the connection --

    async def run(self) -> None:
        """Hold the connection until cancelled."""
        while True:
            try:
                await self._hold()
            except (RedisError, OSError, TimeoutError, DeafError) as error:
                _log.warning("chat_bus_lost", error=type(error).__name__)
            except Exception:  # noqa: BLE001  # the top of a task; a fresh connection is the best answer to a fault too
                _log.exception("chat_bus_failed")
            await asyncio.sleep(random.uniform(0.05, RETRY_SECONDS))  # noqa: S311  # jitter, not a secret

    async def _hold(self) -> None:
        pool = self._redis.connection_pool
        # Protocol 2: pub/sub replies are plain lists, and nothing else comes over this connection.
        kwargs = {**pool.connection_kwargs, "protocol": 2, "retry": Retry(NoBackoff(), 0)}
        connection = pool.connection_class(**kwargs)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py
            self._unheard, self._probe_token = 0, b""
            self._connection = connection
            await self._resubscribe(connection)
            reader = asyncio.create_task(self._listen(connection))
            prober = asyncio.create_task(self._keep_probing(connection))
            restorer = asyncio.create_task(self._restore())
            try:
                await asyncio.wait({reader, prober}, return_when=asyncio.FIRST_COMPLETED)
                for task in (reader, prober):
                    if task.done():
                        task.result()
            finally:
                await end((reader, prober, restorer))
        finally:
            self._connection = None
            self._restored.clear()
            with suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    async def _resubscribe(self, connection: AbstractConnection) -> None:
        loop = asyncio.get_running_loop()
        for name in list(self._listeners):
            if (ack := self._acks.get(name)) is None or ack.done():
                self._acks[name] = loop.create_future()
            # Accounts are told to the whole deployment by PUBLISH, everything else within its shard.
            await connection.send_command("SUBSCRIBE" if name == _ACCOUNTS else "SSUBSCRIBE", name)

    async def _restore(self) -> None:
        """When every channel is acknowledged again, let the hub read what the silence swallowed."""
        waiting = [ack for name, ack in self._acks.items() if name in self._listeners]
        await asyncio.wait(waiting)
        self._restored.set()
        await self._on_restored()

    async def _listen(self, connection: AbstractConnection) -> None:
        while True:
            reply = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
            match reply:
                case [b"smessage" | b"message", bytes(name), bytes(data)]:
                    if (listener := self._listeners.get(name)) is not None:
                        listener(data)
                case [b"ssubscribe" | b"subscribe", bytes(name), _]:
                    ack = self._acks.get(name)
                    if ack is not None and not ack.done():
                        ack.set_result(None)
                case _:
                    pass  # other acknowledgements

    async def _keep_probing(self, connection: AbstractConnection) -> None:
        heard: set[bytes] = set()
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            if self._unheard >= 2:
                raise DeafError
            self._unheard += 1
            self._probe_token = secrets.token_bytes(8)
            await self._redis.spublish(self._probe.decode(), self._probe_token)
            # What nobody listens to any more is let go here, not at once: rooms come back.
            gone = {name for name in heard if name not in self._listeners}
            for name in gone:
                await connection.send_command("SUNSUBSCRIBE", name)
            heard = set(self._listeners)

    def _hear_probe(self, data: bytes) -> None:
        if data == self._probe_token:
            self._unheard = 0

    def listen_accounts(self, on_gone: Callable[[int, str | None], None]) -> None:
        """Hear of accounts that were signed out, disabled or deleted: (account id, session id or None for all)."""

        def hear(data: bytes) -> None:
            try:
                told = json.loads(data)
                on_gone(int(told["account_id"]), told["session_id"])
            except (ValueError, KeyError, TypeError):
                _log.warning("account_notice_unreadable")

        self._listeners[_ACCOUNTS] = hear
