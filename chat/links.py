"""One connection to one Redis: commands in, replies in their order.

A command leaves with the end of the loop's turn when the link is idle; while replies are awaited the next ones gather,
until those have come or for `WINDOW_SECONDS`.  What Redis does not answer in time fails, with everything behind it,
and the connection is replaced: a reply that comes late must not be taken for another's.
"""

import asyncio
import random
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis
import structlog
from redis.exceptions import ConnectionError, RedisError, TimeoutError  # noqa: A004  # Redis' own, not Python's

from chat.calls import Call, OverloadedError, pack, reply_error
from chat.endpoints import Endpoint, Tls

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

ANSWER_SECONDS = 0.9
"""The oldest command waits no longer: a sender learns within a second that Redis is away."""
WINDOW_SECONDS = 0.001
"""The longest that a command waits for company; a Redis on the same host answers in a fifth of it."""
CALLS_MAX = 20_000
"""Of one link, unanswered: what Redis does in `ANSWER_SECONDS` at 20,000 scripts a second."""
BYTES_MAX = 16 << 20
RETRY_SECONDS = 0.5
"""The longest wait before the next try to connect; jittered, without end: readers wait with us."""

_UNFINISHED = object()


class Wire(asyncio.Protocol):
    """One TCP connection: replies go to `on_reply` as they are read, errors among them as exceptions."""

    __slots__ = ("_reader", "_transport", "is_open", "lost", "on_reply", "on_rest")

    def __init__(self, on_reply: Callable[[Any], None], on_rest: Callable[[], None] | None = None) -> None:
        self.on_reply = on_reply
        self.on_rest = on_rest
        """Called when what has come is handed out."""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is gone."""
        self.is_open = True
        self._reader = hiredis.Reader(
            protocolError=ConnectionError, replyError=reply_error, notEnoughData=_UNFINISHED, encoding=None
        )
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class, which says it is none

    def data_received(self, data: bytes) -> None:
        """Hand out every whole reply."""
        reader = self._reader
        gets = reader.gets
        try:
            reader.feed(data)
            while self.is_open and (reply := gets()) is not _UNFINISHED:
                self.on_reply(reply)
        except Exception as error:  # noqa: BLE001  # the loop's callback: a stream that can't be read ends
            _log.warning("redis_reply_unreadable", error=type(error).__name__)
            self.close()
            return
        if self.on_rest is not None and self.is_open:
            self.on_rest()

    def connection_lost(self, _error: Exception | None) -> None:
        """It ended, whoever ended it."""
        self.is_open = False
        if not self.lost.done():
            self.lost.set_result(None)

    def write(self, data: bytes) -> None:
        """Send, or keep until the socket takes more: what is unanswered is bounded by the link."""
        assert self._transport is not None  # noqa: S101  # written to once it stands
        self._transport.write(data)

    def close(self) -> None:
        """End the connection now; nothing more is handed out."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()


async def open_wire(endpoint: Endpoint) -> Wire:
    """Connect, sign in, and hear that the server serves; the caller sets `on_reply` before it goes on.

    Raises:
        OSError, RedisError, TimeoutError: not within `ANSWER_SECONDS`.
    """
    loop = asyncio.get_running_loop()
    greeting = loop.create_future()
    commands = _greeting(endpoint)
    replies: list[Any] = []

    def take(reply: Any) -> None:
        replies.append(reply)
        if not greeting.done() and (isinstance(reply, Exception) or len(replies) == len(commands)):
            greeting.set_result(None)

    wire = Wire(take)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            if endpoint.path:
                await loop.create_unix_connection(lambda: wire, endpoint.path)
            else:
                tls = None if endpoint.tls is None else _tls_context(endpoint.tls)
                await loop.create_connection(lambda: wire, endpoint.host, endpoint.port, ssl=tls)
            wire.write(b"".join(commands))
            await asyncio.wait((greeting, wire.lost), return_when=asyncio.FIRST_COMPLETED)
    except BaseException:
        wire.close()
        raise
    error = next((reply for reply in replies if isinstance(reply, Exception)), None)
    if error is not None or not greeting.done():
        wire.close()
        raise error or ConnectionError("Redis closed the connection")
    return wire


def _greeting(endpoint: Endpoint) -> list[bytes]:
    commands = []
    if endpoint.password:
        words = (endpoint.username, endpoint.password) if endpoint.username else (endpoint.password,)
        commands.append(pack("AUTH", *words))
    if endpoint.database:
        commands.append(pack("SELECT", endpoint.database))
    return [*commands, pack("PING")]  # a server that loads its data accepts connections but answers with an error


def _tls_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.check_hostname = tls.is_verified and tls.is_name_checked
    if not tls.is_verified:
        context.verify_mode = ssl.CERT_NONE
    if tls.certificate_file:
        context.load_cert_chain(tls.certificate_file, tls.key_file)
    return context


class Link:
    """The commands' connection to one Redis; `run` is its only task."""

    def __init__(
        self,
        endpoint: Endpoint,
        on_refused: Callable[["Link", Call, Exception], None],
        on_down: Callable[[], None],
    ) -> None:
        self.endpoint = endpoint
        self._on_refused = on_refused
        self._on_down = on_down
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._is_down = False
        """The last try to connect failed: nobody waits for the next."""
        self._gathered: list[Call] = []
        self._waiting: deque[Call] = deque()
        self._bytes = 0
        self._flush: asyncio.Handle | None = None
        self._watch: asyncio.TimerHandle | None = None

    @property
    def is_up(self) -> bool:
        """A connection stands."""
        return self._wire is not None

    def send(self, call: Call) -> None:
        """Send the command soon; its future gets the reply, or fails.

        A command whose connection is lost fails: it may have been carried out, and only its caller knows whether it
        may be repeated.  While the first try to replace a lost connection lasts, commands wait for it.
        """
        if self._is_down:
            call.fail(ConnectionError(f"Redis at {self.endpoint.name} is away"))
            return
        if len(self._waiting) + len(self._gathered) >= CALLS_MAX or self._bytes >= BYTES_MAX:
            call.fail(OverloadedError(f"too much waits for Redis at {self.endpoint.name}"))
            return
        call.sent_at = self._loop.time()
        self._bytes += len(call.packed)
        self._gathered.append(call)
        if self._flush is None and self._wire is not None:
            if self._waiting:
                self._flush = self._loop.call_later(WINDOW_SECONDS, self._write)
            else:
                self._flush = self._loop.call_soon(self._write)
        if self._watch is None:
            self._watch = self._loop.call_later(ANSWER_SECONDS, self._look_at_oldest)

    def _write(self) -> None:
        self._flush = None
        if self._wire is None or not self._gathered:
            return
        gathered, self._gathered = self._gathered, []
        self._waiting.extend(gathered)
        self._wire.write(b"".join([call.packed for call in gathered]))

    def _take(self, reply: Any) -> None:
        call = self._waiting.popleft()
        self._bytes -= len(call.packed)
        if isinstance(reply, Exception):
            self._on_refused(self, call, reply)
        else:
            call.resolve(reply)

    def _rest(self) -> None:
        """Nothing is awaited any more: what gathered meanwhile leaves at once."""
        if self._gathered and not self._waiting:
            if self._flush is not None:
                self._flush.cancel()
            self._write()

    def _look_at_oldest(self) -> None:
        self._watch = None
        oldest = self._waiting[0] if self._waiting else self._gathered[0] if self._gathered else None
        if oldest is None:
            return
        left = oldest.sent_at + ANSWER_SECONDS - self._loop.time()
        if left > 0.001:  # the loop's clock counts milliseconds
            self._watch = self._loop.call_later(left, self._look_at_oldest)
            return
        _log.warning("redis_silent", at=self.endpoint.name, waiting=len(self._waiting) + len(self._gathered))
        self.replace(TimeoutError(f"Redis at {self.endpoint.name} did not answer within {ANSWER_SECONDS} s"))

    def replace(self, error: RedisError) -> None:
        """Fail everything and connect anew."""
        self._fail(self._gathered, error)
        if self._wire is not None:
            self._wire.close()
            self._disconnected(error)

    def _disconnected(self, error: Exception) -> None:
        self._wire = None
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        self._fail(self._waiting, error)

    def _fail(self, calls: list[Call] | deque[Call], error: Exception) -> None:
        failed = list(calls)
        calls.clear()
        for call in failed:
            self._bytes -= len(call.packed)
            call.fail(type(error)(*error.args))  # one each: a raised exception grows by its traceback

    async def run(self) -> None:
        """Hold a connection until cancelled; then everything that waits fails."""
        try:
            while True:
                await self._hold()
                await asyncio.sleep(random.uniform(0, RETRY_SECONDS if self._is_down else 0.05))  # noqa: S311  # jitter
        finally:
            self._is_down = True
            self.replace(ConnectionError("the link is closed"))
            if self._watch is not None:
                self._watch.cancel()

    async def _hold(self) -> None:
        try:
            wire = await open_wire(self.endpoint)
        except Exception as error:  # noqa: BLE001  # away (RedisError, OSError), or an address that is none
            self._is_down = True
            self._fail(self._gathered, ConnectionError(f"Redis at {self.endpoint.name} is away"))
            _log.warning("redis_away", at=self.endpoint.name, error=type(error).__name__)
            self._on_down()
            return
        wire.on_reply, wire.on_rest = self._take, self._rest
        self._wire, self._is_down = wire, False
        try:
            self._write()
            await wire.lost
        finally:
            wire.close()
            if self._wire is wire:
                self._disconnected(ConnectionError(f"Redis at {self.endpoint.name} closed the connection"))
