"""The chat wire as an async Python client that reconnects, recovers and never says a line twice.

    async with ChatClient("ws://127.0.0.1:8080/ws", room="12") as chat:
        async for frame in chat:
            ...

Frames are plain dicts as `docs/wire.md` tells them, in the MessagePack encoding.
"""

import asyncio
import random
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

SUBPROTOCOL = Subprotocol("leams.v1.msgpack")
LONGEST_PAUSE_SECONDS = 10.0
FRAMES_WAITING_MAX = 2_000
"""What a slow consumer may leave unread before its socket is read no further (the server then closes it as slow)."""
PENDING_MAX = 100
"""Lines said but not yet acknowledged; more is a fault of the caller."""

Frame = dict[str, Any]
TokenSource = Callable[[], Awaitable[str | None]]


class ChatRefusedError(Exception):
    """The server refused a request; `retry_after_ms` is set where trying again can help."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame.get("message", frame["code"]))
        self.code: str = frame["code"]
        self.retry_after_ms: int | None = frame.get("retry_after_ms")
        self.is_temporary: bool = frame.get("temporary", False)


class ChatClosedError(Exception):
    """The server closed the socket for good (codes 1002, 1003, 1007 to 1010 and 4500 to 4999)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}: {reason or 'no reason given'}")
        self.code = code


def may_come_back(code: int) -> bool:
    """Does this close code invite a reconnect?"""
    return code not in {1002, 1003, 1007, 1008, 1009, 1010} and not 4500 <= code <= 4999


class ChatClient:
    """One room on one socket at a time; iterate it for frames, `say()` to talk."""

    def __init__(self, url: str, room: str, token: TokenSource | None = None, client: str = "leams-python") -> None:
        self._url = url
        self._room = room
        self._token = token
        self._client = client
        self._frames: asyncio.Queue[Frame | ChatClosedError] = asyncio.Queue(FRAMES_WAITING_MAX)
        self._pending: OrderedDict[str, tuple[str, asyncio.Future[Frame]]] = OrderedDict()
        self._socket: ClientConnection | None = None
        self._position: tuple[str, int] | None = None
        self._last_id = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._stay_connected(), name="chat-client")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None  # noqa: S101  # entered before left
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        for _, answer in self._pending.values():
            answer.cancel()

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """Frames in order: `joined`, `event`, `info`, `you` …, and our own `disconnected` between sockets.

        Raises:
            ChatClosedError: the server does not want us back.
        """
        while True:
            frame = await self._frames.get()
            if isinstance(frame, ChatClosedError):
                raise frame
            yield frame

    async def say(self, text: str) -> Frame:
        """Say a line or a command; returns the `ack` once it stands in the room's log, also across a reconnect.

        Raises:
            ChatRefusedError: it was refused, with the reason.
        """
        if len(self._pending) >= PENDING_MAX:
            raise ChatRefusedError({"code": "too_many_pending", "message": "too many lines wait for their answer"})
        nonce = secrets.token_urlsafe(12)
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._pending[nonce] = (text, answer)
        try:
            if self._position is not None:
                await self._send(self._send_frame(nonce, text))
            return await answer
        finally:
            self._pending.pop(nonce, None)

    # -- one connection after the other --

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            try:
                async with connect(
                    self._url, subprotocols=[SUBPROTOCOL], max_size=1_000_000, compression=None
                ) as socket:
                    self._socket = socket
                    await self._enter(socket)
                    failures = 0
                    async for data in socket:
                        await self._take(data)
                    code, reason = socket.close_code or 1006, socket.close_reason or ""
            except ConnectionClosed as closed:
                code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
            except (OSError, TimeoutError, InvalidStatus, InvalidHandshake) as error:
                code, reason = 1006, str(error)
            finally:
                self._socket = None
            if not may_come_back(code):
                await self._frames.put(ChatClosedError(code, reason))
                return
            failures += 1
            pause = random.uniform(0.1, min(LONGEST_PAUSE_SECONDS, 0.5 * 2**failures))  # noqa: S311  # jitter, no secret
            await self._frames.put({"t": "disconnected", "code": code, "reason": reason, "retry_seconds": pause})
            await asyncio.sleep(pause)

    async def _enter(self, socket: ClientConnection) -> None:
        hello = {"t": "hello", "id": self._next_id(), "client": self._client}
        if self._token and (token := await self._token()):
            hello["token"] = token
        join: Frame = {"t": "join", "id": self._next_id(), "room": self._room}
        if self._position:
            join["epoch"], join["offset"] = self._position
        await socket.send(msgpack.packb(hello))
        await socket.send(msgpack.packb(join))

    async def _take(self, data: str | bytes) -> None:
        frame: Frame = msgpack.unpackb(data if isinstance(data, bytes) else data.encode())
        match frame["t"]:
            case "joined":
                self._position = (frame["epoch"], frame["offset"])
                for nonce, (text, _) in list(self._pending.items()):
                    await self._send(self._send_frame(nonce, text))
            case "event":
                self._position = (frame["epoch"], frame["offset"])
            case "reload":
                self._position = None
                await self._send({"t": "join", "id": self._next_id(), "room": self._room})
            case "reconnect":
                await self._leave_in(frame["after_ms"] / 1000)
            case "ack" | "error" if (waiting := self._pending.get(frame.get("nonce", ""))) and not waiting[1].done():
                if frame["t"] == "ack":
                    waiting[1].set_result(frame)
                else:
                    waiting[1].set_exception(ChatRefusedError(frame))
        await self._frames.put(frame)

    async def _leave_in(self, seconds: float) -> None:
        """The process drains: go at the time it gave, and recover on another one."""
        socket = self._socket
        if socket is not None:
            asyncio.get_running_loop().call_later(seconds, socket.transport.close)

    async def _send(self, frame: Frame) -> None:
        """Send if there is a socket; what is pending goes again after the next `joined`."""
        if self._socket is not None:
            with suppress(ConnectionClosed):
                await self._socket.send(msgpack.packb(frame))

    def _send_frame(self, nonce: str, text: str) -> Frame:
        return {"t": "send", "id": self._next_id(), "room": self._room, "nonce": nonce, "text": text}

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id
