"""uvicorn's WebSocket protocol with an outlet beside ASGI's `send`: frames that are ready leave in one write a turn.

The handshake and everything that comes in stay uvicorn's.  What goes out are frames that the hub prepared once for all
sockets, written to the transport directly; its buffer is the outbox, and a full one ends the connection.
"""

import asyncio
from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from chat.codes import Close
from chat.outbox import Outbox
from chat.outlet import EXTENSION, OUTBOX_BYTES, Conversation

CLOSE_SECONDS = 2.0
"""For the peer to answer a close frame; then the connection is cut, whatever it holds."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """One connection; the route finds its outlet in `scope["extensions"]`."""

    async def run_asgi(self) -> None:
        """Run the app with the outlet at hand."""
        extensions = cast("dict[str, object]", self.scope["extensions"])
        extensions[EXTENSION] = self._outlet = RawOutlet(self)
        await super().run_asgi()

    def keepalive_timeout(self) -> None:
        """No pong: uvicorn would wait for a dead peer to read what it was sent."""
        self.stop_keepalive()
        self._outlet.close(Close.SILENT, "no answer to pings")


class RawOutlet:
    """`chat.outlet.Outlet` over a transport of asyncio."""

    is_deflated = False

    def __init__(self, protocol: SocketProtocol) -> None:
        self._protocol = protocol
        self._outbox = Outbox()
        self._is_closed = False
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_paused(self) -> bool:
        """Unsent bytes wait."""
        return not self._outbox.is_empty or self._protocol.transport.get_write_buffer_size() > 0

    def write(self, data: bytes) -> None:
        """Finished frames leave now."""
        transport = self._protocol.transport
        if not self._is_closed and not transport.is_closing():
            self._flush()
            transport.write(data)

    def has_room(self, size_bytes: int) -> bool:
        """So much more fits."""
        return self._protocol.transport.get_write_buffer_size() + size_bytes <= OUTBOX_BYTES

    def set_deadline(self, seconds: float, code: Close, reason: str) -> None:
        """Close so after so long."""
        self.clear_deadline()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.close, code, reason)

    def clear_deadline(self) -> None:
        """The deadline was met."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def converse(self, conversation: Conversation) -> None:
        """Frames go through ASGI's `receive` here."""
        raise NotImplementedError

    def offer(self, frame: bytes) -> bool:
        """Take a frame; it leaves at the end of this loop turn, with the others of the turn."""
        transport = self._protocol.transport
        if self._is_closed or transport.is_closing():
            return True  # the session is about to learn that its peer is gone
        is_first = self._outbox.is_empty
        if not self._outbox.add(frame, transport.get_write_buffer_size()):
            return False
        if is_first:
            self._protocol.loop.call_soon(self._flush)
        return True

    def _flush(self) -> None:
        if not self._outbox.is_empty and not self._protocol.transport.is_closing():
            self._protocol.transport.write(self._outbox.take())

    def close(self, code: Close, reason: str = "") -> None:
        """Say why, and cut the connection when the peer doesn't answer in time."""
        protocol = self._protocol
        if self._is_closed:
            return
        self._is_closed = True
        self.clear_deadline()
        if code is Close.SLOW:
            self._outbox.take()
        self._flush()
        protocol.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if protocol.transport.is_closing() or protocol.conn.state is not State.OPEN:
            return
        protocol.conn.send_close(code, reason)
        protocol.transport.write(b"".join(protocol.conn.data_to_send()))
        protocol.close_sent = True
        if protocol.read_paused:
            protocol.read_paused = False
            protocol.transport.resume_reading()
        protocol.close_timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, protocol.transport.abort)
