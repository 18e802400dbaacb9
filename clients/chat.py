"""The chat wire as an async Python client that reconnects, recovers and never says or shows a line twice.

    async with ChatClient("ws://127.0.0.1:8080/ws", room="12") as chat:
        async for frame in chat:
            ...

Frames are plain dicts as `docs/wire.md` tells them, in the MessagePack encoding.  What happens when is decided by
`clients.conversation`; here are the sockets.
"""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from clients.conversation import Answer, Close, Conversation, Effect, Frame, Greet, Open, Show, Stop, Transmit
from clients.pin import pinned_after

__all__ = ["ChatClient", "ChatClosedError", "ChatRefusedError", "Frame"]

SUBPROTOCOL = Subprotocol("leams.v1.msgpack")
FRAME_MAX_BYTES = 4 * 1024 * 1024
"""A recovery of 500 of the longest messages is about 1.2 MB."""
FRAMES_WAITING_MAX = 2_000
"""What a slow consumer may leave unread before its socket is read no further (the server then closes it as slow)."""
PENDING_MAX = 100
"""Lines said but not yet acknowledged; more is a fault of the caller."""

TokenSource = Callable[[], Awaitable[str | None]]


class ChatRefusedError(Exception):
    """The server refused a request; `retry_after_ms` is set where trying again can help."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame.get("message", frame["code"]))
        self.code: str = frame["code"]
        self.retry_after_ms: int | None = frame.get("retry_after_ms")
        self.is_temporary: bool = frame.get("temporary", False)


class ChatClosedError(Exception):
    """The server closed the socket for good (codes 1002, 1003, 1007 to 1010 and 4500 to 4999), or has no such room."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}: {reason or 'no reason given'}")
        self.code = code


class ChatClient:
    """One room; iterate it for frames, `say()` to talk."""

    def __init__(self, url: str, room: str, token: TokenSource | None = None, client: str = "leams-python") -> None:
        self.pinned: Frame | None = None
        """The `pinned` event of what stands over the room, as far as it was iterated."""
        self._url = url
        self._token = token
        self._conversation = Conversation(room, client, random.random)
        self._shown: asyncio.Queue[Frame | ChatClosedError] = asyncio.Queue()
        self._is_read = asyncio.Event()
        self._is_read.set()
        self._answers: dict[str, asyncio.Future[Frame]] = {}
        self._sockets: dict[int, ClientConnection] = {}
        self._is_changed = asyncio.Event()
        self._group = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="chat-client")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None  # noqa: S101  # entered before left
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        for answer in self._answers.values():
            answer.cancel()

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """Each event once and in order: `joined`, `event`, `info`, `you` …, and our own `disconnected` between sockets.

        `joined` with `recovered` brings only what was missed; without it, forget the room's lines first.

        Raises:
            ChatClosedError: the server does not want us back.
        """
        while True:
            frame = await self._shown.get()
            if self._shown.qsize() < FRAMES_WAITING_MAX:
                self._is_read.set()
            if isinstance(frame, ChatClosedError):
                raise frame
            self.pinned = pinned_after(self.pinned, frame)
            yield frame

    async def say(self, text: str) -> Frame:
        """Say a line or a command; returns the `ack` once it stands in the room's log, also across a reconnect.

        While the server can't tell whether it was said, it is said again under the same nonce.

        Raises:
            ChatRefusedError: it was refused, with the reason.
        """
        if self._conversation.waiting >= PENDING_MAX:
            raise ChatRefusedError({"code": "too_many_pending", "message": "too many lines wait for their answer"})
        nonce = secrets.token_urlsafe(12)
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._answers[nonce] = answer
        try:
            await self._perform(self._conversation.say(nonce, text, time.time()))
            frame: Frame = await answer
        finally:
            self._conversation.forget(nonce)
            del self._answers[nonce]
        if frame["t"] == "error":
            raise ChatRefusedError(frame)
        return frame

    async def _run(self) -> None:
        async with self._group:
            await self._perform(self._conversation.start(time.time()))
            while True:
                due = self._conversation.due_at()
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if due is None else max(0.0, due - time.time())):
                        await self._is_changed.wait()
                await self._perform(self._conversation.tick(time.time()))
                self._is_changed.clear()

    async def _perform(self, effects: list[Effect]) -> None:
        """First all that concerns the reader, so that nothing comes between; then the network."""
        for effect in effects:
            self._tell(effect)
        if self._shown.qsize() >= FRAMES_WAITING_MAX:
            self._is_read.clear()
        self._is_changed.set()
        for effect in effects:
            match effect:
                case Open(link):
                    self._group.create_task(self._converse(link))
                case Greet(link):
                    self._group.create_task(self._greet(link))
                case Close(link) if link in self._sockets:
                    self._group.create_task(self._sockets.pop(link).close())
                case Transmit(link, frame) if link in self._sockets:
                    with suppress(ConnectionClosed):
                        await self._sockets[link].send(msgpack.packb(frame))

    def _tell(self, effect: Effect) -> None:
        match effect:
            case Show(frame):
                self._shown.put_nowait(frame)
            case Stop(code, reason):
                self._shown.put_nowait(ChatClosedError(code, reason))
            case Answer(nonce, frame) if nonce in self._answers and not self._answers[nonce].done():
                self._answers[nonce].set_result(frame)

    async def _converse(self, link: int) -> None:
        """One socket from its opening to its end."""
        code, reason = 1006, ""
        try:
            async with connect(
                self._url, subprotocols=[SUBPROTOCOL], max_size=FRAME_MAX_BYTES, compression=None
            ) as socket:
                self._sockets[link] = socket
                await self._perform(self._conversation.opened(link))
                async for data in socket:
                    for frame in _frames(data):
                        await self._perform(self._conversation.received(link, frame, time.time()))
                    await self._is_read.wait()
                code, reason = socket.close_code or 1006, socket.close_reason or ""
        except ConnectionClosed as closed:
            if closed.rcvd:
                code, reason = closed.rcvd.code, closed.rcvd.reason
        except (OSError, TimeoutError, InvalidHandshake, ValueError) as error:  # ValueError: not the encoding
            reason = str(error)
        finally:
            self._sockets.pop(link, None)
        await self._perform(self._conversation.closed(link, code, reason, time.time()))

    async def _greet(self, link: int) -> None:
        try:
            token = await self._token() if self._token else None
        except Exception:  # noqa: BLE001  # the source is the caller's and may fail in any way: it is asked again
            self._conversation.greet_later(link, time.time())
            self._is_changed.set()
            return
        await self._perform(self._conversation.greet(link, token))


def _frames(data: bytes | str) -> list[Frame]:
    """A message may hold several frames, one after the other."""
    unpacker = msgpack.Unpacker(max_buffer_size=FRAME_MAX_BYTES)
    unpacker.feed(data if isinstance(data, bytes) else data.encode())
    return list(unpacker)
