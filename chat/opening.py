"""The ASGI side of a socket: the route that opens it, and goes on with it when nothing else converses."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import structlog

from chat.framing import prepare
from chat.handshake import Handshake, Headers, deflate_answer, response, switching
from chat.outlet import Pending
from chat.wire import Encoding

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

Message = MutableMapping[str, Any]
App = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

INTERNAL_ERROR = 1011
ABNORMAL = 1006


class Opened(Protocol):
    """The socket, as its opening knows it."""

    is_paused: bool

    def accept(self, answer: bytes, *, is_deflated: bool) -> None:
        """Answer the request; from here on it is a WebSocket."""

    def deny(self, answer: bytes) -> None:
        """Answer the request otherwise, and close."""

    def write(self, data: bytes) -> None:
        """Finished frames."""

    def end(self, code: int, reason: str = "") -> None:
        """Close, if it is not closed."""


class Opening:
    """Runs the app for one socket.  Until something else converses, it is the conversation: one message at a time."""

    def __init__(self, socket: Opened, handshake: Handshake, default_headers: Headers, *, may_deflate: bool) -> None:
        self._socket = socket
        self._handshake = handshake
        self._default_headers = list(default_headers)
        self._extension = deflate_answer(handshake.extensions) if may_deflate else None
        self._is_connected = False
        self.is_answered = False
        """The request got its answer, be it a denial."""
        self._denial: tuple[int, list[tuple[bytes, bytes]], bytes] | None = None
        self._held: bytes | str | None = None
        self._taken: asyncio.Future[None] | None = None
        self._changed = asyncio.Event()
        self._is_lost = False
        self.close_code = ABNORMAL
        """What the peer closed with."""

    async def run(self, app: App, scope: dict[str, Any]) -> None:
        """Serve the request; a crash is logged, and the socket closed."""
        try:
            await app(scope, self._receive, self._send)
        except Exception:  # noqa: BLE001  # the request's top
            _log.exception("websocket_crashed", path=scope["path"])
            self._fail()
        else:
            if not self.is_answered:
                _log.error("websocket_unanswered", path=scope["path"])
                self._fail()

    def _fail(self) -> None:
        if self.is_answered:
            self._socket.end(INTERNAL_ERROR)
        else:
            self._deny(500, [], b"Internal Server Error")

    # -- the conversation --

    def take(self, data: bytes | str) -> Pending | None:
        """Hold it until the app receives it."""
        self._held = data
        self._taken = asyncio.get_running_loop().create_future()
        self._changed.set()
        return self._taken

    def lost(self) -> None:
        """The app learns it when it receives."""
        self._is_lost = True
        self._changed.set()

    def hand_over(self) -> bytes | str | None:
        """What came before another conversation began."""
        held, self._held, self._taken = self._held, None, None
        return held

    def resumed(self) -> None:
        """What waited was sent."""
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _receive(self) -> Message:
        if not self._is_connected:
            self._is_connected = True
            return {"type": "websocket.connect"}
        while self._held is None and not self._is_lost:
            await self._change()
        if self._held is None:
            return {"type": "websocket.disconnect", "code": self.close_code, "reason": ""}
        data, taken = self._held, self._taken
        self._held = self._taken = None
        if taken is not None:
            taken.set_result(None)
        return {"type": "websocket.receive", ("text" if isinstance(data, str) else "bytes"): data}

    # -- what the app says --

    async def _send(self, message: Message) -> None:
        """One ASGI event.  Raises: OSError: the peer is gone."""
        if self._is_lost:
            raise ConnectionResetError
        match message["type"]:
            case "websocket.accept" if not self.is_answered:
                self._accept(message)
            case "websocket.close" if not self.is_answered:
                self._deny(403, [], b"")
            case "websocket.http.response.start" if not self.is_answered:
                self._denial = (message["status"], list(message.get("headers", ())), b"")
            case "websocket.http.response.body" if self._denial is not None and not self.is_answered:
                status, headers, body = self._denial
                self._denial = (status, headers, body + message.get("body", b""))
                if not message.get("more_body", False):
                    self._deny(*self._denial)
            case "websocket.send" if self.is_answered:
                text: str | None = message.get("text")
                data: bytes = text.encode() if text is not None else message["bytes"]
                frame = prepare(data, Encoding.MSGPACK if text is None else Encoding.JSON)
                self._socket.write(frame)
                while self._socket.is_paused and not self._is_lost:
                    await self._change()
            case "websocket.close":
                self._socket.end(message.get("code", 1000), message.get("reason") or "")
            case unexpected:
                raise RuntimeError(f"{unexpected} is out of turn")

    def _accept(self, message: Message) -> None:
        self.is_answered = True
        headers = [*self._default_headers, *message.get("headers", ())]
        answer = switching(self._handshake.accept, message.get("subprotocol"), self._extension, headers)
        self._socket.accept(answer, is_deflated=self._extension is not None)

    def _deny(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.is_answered = True
        given = {name.lower() for name, _ in headers}
        kept = [(name, value) for name, value in headers if name.lower() not in {b"content-length", b"connection"}]
        extra = [(name, value) for name, value in self._default_headers if name not in given]
        self._socket.deny(response(status, [*extra, *kept], body))
