"""uvicorn's WebSocket protocol, our own: one small object a connection, no task, timer or queue.

An ordinary route opens a socket (`chat.opening`), finds its outlet in `scope["extensions"]`, lets it `converse` and
returns.  Then bytes go through `chat.framing` straight to the conversation, and finished frames straight to the kernel.

What of uvicorn this leans on, `chat.rehearsal` tries when the server starts: `HttpToolsProtocol` calls
`handle_websocket_upgrade` with scope, headers and url at hand, and the server tells its `connections` to shut down.
"""

import asyncio
import os
import sys
from http import HTTPStatus
from typing import Any, Final, assert_never
from urllib.parse import unquote

import structlog
from httptools import HttpParserUpgrade
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from chat.codes import Close
from chat.framing import (
    PING,
    CloseFrame,
    Fragment,
    FrameError,
    Parser,
    PingFrame,
    PongFrame,
    Received,
    close_frame,
    pong,
)
from chat.handshake import Denial, Handshake, judge, response
from chat.opening import App, Opening
from chat.outlet import EXTENSION, OUTBOX_BYTES, Conversation
from chat.ratelimit import FRAMES, spend
from chat.sweep import Sweep

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

PING_SECONDS = 20.0
"""Between pings; an answer has as long."""
CLOSE_SECONDS = 2.0
"""For the peer to answer a close frame; then the connection is cut, whatever it holds."""
SWEEP_SECONDS = 0.25
NO_FD: Final = -1
"""Writes go through the transport."""

NORMAL, NO_CODE, INTERNAL_ERROR, SERVICE_RESTART = 1000, 1005, 1011, 1012
"""RFC 6455, 7.4.1, and IANA's registry."""


class Sockets:
    """What the sockets of a process have in common; `door` makes uvicorn's HTTP protocols."""

    def __init__(
        self, *, may_deflate: bool = False, ping_seconds: float = PING_SECONDS, slot_seconds: float = SWEEP_SECONDS
    ) -> None:
        self.may_deflate = may_deflate
        self._ping_seconds = ping_seconds
        self._slot_seconds = slot_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweep: Sweep | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that serves; asyncio asks the kernel for the process's id each time one asks it."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    @property
    def sweep(self) -> Sweep:
        """Made when the loop runs."""
        if self._sweep is None:
            self._sweep = Sweep(self._ping_seconds, self._slot_seconds)
        return self._sweep

    def door(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "Door":
        """The protocol for a new connection."""
        door = Door(config, server_state, app_state, _loop or self.loop)
        door.sockets = self
        return door


class Door(HttpToolsProtocol):
    """HTTP as uvicorn serves it; a request for a WebSocket is handed over as it was parsed."""

    sockets: Sockets
    _piece = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """What uvicorn does, without making Python's sockets to learn the addresses: a tenth of a handshake."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.server = _address(transport.get_extra_info("sockname"))
        self.client = _address(transport.get_extra_info("peername"))
        self.scheme = "https" if is_ssl(transport) else "http"

    def data_received(self, data: bytes) -> None:
        """Remember the piece, for what stands in it behind a request for a WebSocket."""
        self._piece = data
        super().data_received(data)
        self._piece = b""

    def handle_websocket_upgrade(self) -> None:
        """Make this connection a socket's."""
        judged = judge(self.scope["method"], self.scope["http_version"], self.headers)
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]  # None at first
            judged = Denial(HTTPStatus.BAD_REQUEST, "An earlier request is not answered yet.")
        if isinstance(judged, Denial):
            headers = [*self.server_state.default_headers, *judged.headers, (b"content-type", b"text/plain")]
            self.transport.write(response(judged.status, headers, judged.reason.encode()))
            self.transport.close()
            return
        self.connections.discard(self)
        socket = SocketProtocol(self.sockets, self.server_state, self.transport)
        self.transport.set_protocol(socket)
        opening = Opening(socket, judged, self.server_state.default_headers, may_deflate=self.sockets.may_deflate)
        socket.open(opening, self.config.loaded_app, self._websocket_scope(judged))
        upgrade = sys.exception()  # uvicorn calls from where it caught it; it tells where the request ended
        if isinstance(upgrade, HttpParserUpgrade) and (early := self._piece[upgrade.args[0] :]):
            socket.data_received(early)
        # The parser and this object hold each other: only the collector of cycles would free them.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does at the end

    def _websocket_scope(self, handshake: Handshake) -> dict[str, Any]:
        raw_path, _, query_string = self.url.partition(b"?")
        return {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if self.scheme == "https" else "ws",
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + unquote(raw_path.decode("latin-1")),
            "raw_path": self.root_path.encode() + raw_path,
            "query_string": query_string,
            "headers": self.headers,
            "subprotocols": handshake.subprotocols,
            "state": self.app_state.copy(),
            "extensions": {"websocket.http.response": {}},
        }


class _Nobody:
    """Who converses once a connection is gone."""

    def take(self, data: bytes | str) -> None:
        """Nothing is heard."""

    def lost(self) -> None:
        """It is known."""


_NOBODY: Final = _Nobody()


def _address(name: object) -> tuple[str, int] | None:
    """Host and port; None for a Unix socket."""
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None


class SocketProtocol(asyncio.Protocol):
    """One WebSocket, and its `chat.outlet.Outlet`."""

    __slots__ = (
        "_conversation",
        "_deadline",
        "_fd",
        "_frames_full_at",
        "_is_busy",
        "_is_closed",
        "_is_deaf",
        "_is_pinged",
        "_large_bytes",
        "_opening",
        "_parser",
        "_server_state",
        "_sockets",
        "_transport",
        "is_deflated",
        "is_paused",
    )

    _conversation: Conversation

    def __init__(self, sockets: Sockets, server_state: ServerState, transport: asyncio.Transport) -> None:
        self._sockets = sockets
        self._server_state = server_state
        self._transport = transport
        self._parser = Parser()
        self._opening: Opening | None = None
        """While its route runs."""
        self._deadline: tuple[float, Close, str] | None = None
        self._frames_full_at = 0.0
        self._is_busy = True
        """The request or the last message is not answered yet: the next is not taken."""
        self._is_closed = False
        """Nothing is said any more, and nothing heard but the peer's close."""
        self._is_deaf = False
        """Not even that: whatever comes is dropped."""
        self._is_pinged = False
        self._large_bytes = 0
        """What the idle socket was offered that has not all left yet."""
        self.is_deflated = False
        self.is_paused = False
        self._fd = NO_FD

    # -- opening --

    def open(self, opening: Opening, app: App, scope: dict[str, Any]) -> None:
        """Run the app for this socket."""
        self._server_state.connections.add(self)  # type: ignore[arg-type]  # uvicorn lists its own classes
        self._opening = self._conversation = opening
        scope["extensions"][EXTENSION] = self
        task = self._sockets.loop.create_task(opening.run(app, scope))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._server_state.tasks.discard(task)
        if self._conversation is self._opening:
            self.end(NORMAL)  # the route is done, and nobody goes on
        self._opening = None

    def accept(self, answer: bytes, *, is_deflated: bool) -> None:
        """Answer the request; from here on it is a WebSocket."""
        if self._is_closed:
            return
        self.is_deflated = self._parser.is_deflated = is_deflated
        self._transport.set_write_buffer_limits(high=0)  # so that `is_paused` means what it says
        self._transport.write(answer)
        self._open_fd()
        self._sockets.sweep.watch(self)
        self._is_busy = False
        self._hear_again()

    def deny(self, answer: bytes) -> None:
        """Answer the request otherwise, and close."""
        if not self._is_closed:
            self._transport.write(answer)
            self._finish()
            self._transport.close()

    def converse(self, conversation: Conversation) -> None:
        """From here on messages go there."""
        self._conversation = conversation
        if self._is_closed:
            self._sockets.loop.call_soon(conversation.lost)
        elif self._opening is not None and (held := self._opening.hand_over()) is not None:
            self._is_busy = False
            self._give(held)
            self._hear_again()

    # -- what comes in --

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer; while a message is being answered no more than one piece of them is held."""
        if self._is_deaf:
            return
        self._parser.feed(data)
        if self._is_busy:
            self._transport.pause_reading()
        else:
            self._read()

    def _read(self) -> None:
        tick = self._sockets.sweep.tick()
        try:
            while not (self._is_busy or self._is_deaf) and (received := self._parser.next()) is not None:
                self._take(received, tick)
        except FrameError as error:
            self._hang_up(error.code, error.reason)
        except Exception:  # noqa: BLE001  # a conversation's top
            _log.exception("conversation_crashed")
            self.end(INTERNAL_ERROR)

    def _take(self, received: Received, tick: float) -> None:
        if self._is_closed:
            if isinstance(received, CloseFrame):
                self._transport.close()
            return
        full_at = spend(FRAMES, self._frames_full_at, tick)
        if full_at is None:
            self._hang_up(Close.FLOOD, "too many frames")
            return
        self._frames_full_at = full_at
        match received:
            case str() | bytes():
                self._give(received)
            case PingFrame(payload):
                if not self.offer(pong(payload)):
                    self.close(Close.SLOW, "you read too slowly: come back and recover")
            case PongFrame():
                self._is_pinged = False
            case CloseFrame(code, _):
                self._part(code)
            case Fragment():
                pass  # it is counted
            case _ as never:
                assert_never(never)

    def _give(self, data: bytes | str) -> None:
        pending = self._conversation.take(data)
        if pending is not None and not self._is_closed:
            self._is_busy = True
            pending.add_done_callback(self._answered)

    def _answered(self, pending: asyncio.Future[object]) -> None:
        if not pending.cancelled() and (error := pending.exception()) is not None:
            _log.error("conversation_crashed", exc_info=error)
            self.end(INTERNAL_ERROR)
        if not self._is_closed:
            self._is_busy = False
            self._hear_again()

    def _hear_again(self) -> None:
        """Read on; what waited, in a turn of its own, for it may be much."""
        if not self._transport.is_reading():
            self._transport.resume_reading()
        if self._parser.has_more:
            self._sockets.loop.call_soon(self._read)

    def _part(self, code: int | None) -> None:
        """The peer closes: say the same, and go."""
        if self._opening is not None:
            self._opening.close_code = NO_CODE if code is None else code
        self._transport.write(close_frame(code))
        self._finish()
        self._is_deaf = True
        self._transport.close()

    def eof_received(self) -> None:
        """The peer went without a word; what it did not read, it has a short time for."""
        if not self._is_closed:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # how it was lost makes no difference
        """Forget everything."""
        self._server_state.connections.discard(self)
        if not self._is_closed:
            self._shut()
            self._conversation.lost()
        self._is_deaf = True
        self._conversation = _NOBODY

    # -- what goes out --

    def write(self, data: bytes) -> None:
        """Straight to the kernel while nothing waits in the transport, which takes what is left over, and errors.

        At 1,000 sockets and 200 messages a second 4.7 µs a write instead of 5.8 by uvloop's `write`.  The descriptor is
        ours for as long as it is used: asyncio and uvloop close it only after `connection_lost`, which forgets it.
        """
        fd = self._fd
        if fd >= 0:
            try:
                sent = os.write(fd, data)
            except OSError:
                sent = 0
            if sent != len(data):
                self._transport.write(data[sent:])
        elif not self._is_closed:
            self._transport.write(data)

    def _open_fd(self) -> None:
        if self._transport.get_extra_info("ssl_object") is None and not self.is_paused:
            self._fd = self._transport.get_extra_info("socket").fileno()

    def pause_writing(self) -> None:
        """Unsent bytes wait."""
        self.is_paused = not self._is_closed
        self._fd = NO_FD

    def resume_writing(self) -> None:
        """All was sent."""
        self.is_paused = False
        self._large_bytes = 0
        if not self._is_closed:
            self._open_fd()
        if self._opening is not None:
            self._opening.resumed()

    def has_room(self, size_bytes: int) -> bool:
        """So much more fits."""
        return self._transport.get_write_buffer_size() + size_bytes <= OUTBOX_BYTES + self._large_bytes

    def offer(self, data: bytes) -> bool:
        """Write if there is room; an idle socket takes anything."""
        if self.is_paused and not self.has_room(len(data)):
            return False
        was_idle = not self.is_paused
        self.write(data)
        if was_idle and self.is_paused:
            self._large_bytes = len(data)  # a long recovery must not make a socket slow that has just come back
        return True

    # -- the end --

    def set_deadline(self, seconds: float, code: Close, reason: str) -> None:
        """Close so, then."""
        if not self._is_closed:
            sweep = self._sockets.sweep
            self._deadline = (sweep.tick() + seconds, code, reason)
            sweep.remind(self, seconds)

    def clear_deadline(self) -> None:
        """The deadline was met."""
        self._deadline = None

    def close(self, code: Close, reason: str = "") -> None:
        """Say why, after what waits."""
        self.end(code, reason)

    def end(self, code: int, reason: str = "") -> None:
        """Close with any code."""
        if not self._is_closed:
            self.write(close_frame(code, reason))
            self._finish()
            self._hear_again()

    def shutdown(self) -> None:
        """The server goes; who converses was told before."""
        if self._opening is None or self._opening.is_answered:
            self.end(SERVICE_RESTART)
        else:
            self.deny(response(HTTPStatus.SERVICE_UNAVAILABLE, self._server_state.default_headers, b""))

    def _hang_up(self, code: int, reason: str) -> None:
        """Close, and hear nothing more of this peer.

        Our side of the connection ends at once and theirs with them: a close with bytes unread would be a reset, which
        may overtake the close frame.
        """
        self.end(code, reason)
        self._is_deaf = True
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _finish(self) -> None:
        """The last was written: the conversation learns it soon, and the peer has its time to answer."""
        self._shut()
        self._sockets.loop.call_soon(self._conversation.lost)
        self._sockets.sweep.cut(self, CLOSE_SECONDS)

    def _shut(self) -> None:
        self._is_closed = True
        self._is_busy = self.is_paused = False
        self._deadline = None
        self._fd = NO_FD

    # -- the sweep --

    def ping_is_due(self) -> bool:
        """Ping, or close a peer that didn't answer the last one; while a message is answered no pong is read."""
        if not self._is_closed and self._is_pinged and not self._is_busy:
            self.close(Close.SILENT, "no answer to pings")
        self._is_pinged = True
        self.write(PING)
        return not self._is_closed

    def deadline_is_due(self, tick: float) -> None:
        """Close if it is over, and not another one was set since."""
        if self._deadline is not None and self._deadline[0] <= tick:
            self.close(*self._deadline[1:])

    def cut_is_due(self) -> None:
        """End the connection, whatever it holds."""
        self._transport.abort()
