"""An outlet over plain ASGI `send`, where our transport can't be had: dearer, and the same to the session."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from chat.codes import Close
from chat.ending import end
from chat.framing import unframed
from chat.outlet import OUTBOX_BYTES, Conversation
from chat.wire import Encoding

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

Message = MutableMapping[str, Any]

CLOSE_SECONDS = 2.0
"""For what waits to leave before a close; then the connection is cut."""
INTERNAL_ERROR = 1011


class AsgiOutlet:
    """`chat.outlet.Outlet` of an accepted socket; frames leave in the writer task of `serve`."""

    is_deflated = False

    def __init__(self, send: Callable[[Message], Awaitable[None]], encoding: Encoding) -> None:
        self._send = send
        self._is_text = encoding is Encoding.JSON
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = self._large_bytes = 0
        self._changed = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_paused(self) -> bool:
        """Something waits."""
        return self._waiting_bytes > 0

    def write(self, data: bytes) -> None:
        """Finished frames leave as soon as the peer takes them."""
        if self._closing is None:
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            self._changed.set()

    def has_room(self, size_bytes: int) -> bool:
        """So much more fits."""
        return self._waiting_bytes + size_bytes <= OUTBOX_BYTES + self._large_bytes

    def offer(self, data: bytes) -> bool:
        """Write if there is room; an idle socket takes anything."""
        if not self.is_paused:
            self._large_bytes = len(data)
        elif self._closing is None and not self.has_room(len(data)):
            return False
        self.write(data)
        return True

    def set_deadline(self, seconds: float, code: Close, reason: str) -> None:
        """Close so, then."""
        self.clear_deadline()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.close, code, reason)

    def clear_deadline(self) -> None:
        """The deadline was met."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def close(self, code: Close, reason: str = "") -> None:
        """Say why, after what waits; a slow reader is spared that."""
        if code is Close.SLOW and self._closing is None:
            self._waiting.clear()
            self._waiting_bytes = 0
        self._end(code, reason)

    def _end(self, code: int, reason: str) -> None:
        if self._closing is None:
            self.clear_deadline()
            self._closing = (code, reason)
            self._changed.set()

    def converse(self, conversation: Conversation) -> None:
        """Not here: `serve` takes the messages."""
        raise NotImplementedError

    async def serve(self, receive: Callable[[], Awaitable[Message]], conversation: Conversation) -> None:
        """Carry the conversation until either side ends it."""
        loop = asyncio.get_running_loop()
        hearing = loop.create_task(self._hear(receive, conversation))
        writing = loop.create_task(self._write_out())
        closing = loop.create_task(self._closed())
        try:
            await asyncio.wait({hearing, writing, closing}, return_when=asyncio.FIRST_COMPLETED)
            self._end(INTERNAL_ERROR, "")
            conversation.lost()
            await asyncio.wait({hearing, writing}, timeout=CLOSE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end([hearing, writing, closing])

    async def _closed(self) -> None:
        while self._closing is None:
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _hear(self, receive: Callable[[], Awaitable[Message]], conversation: Conversation) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            if self._closing is not None:
                continue
            try:
                text: str | None = message.get("text")
                pending = conversation.take(message["bytes"] if text is None else text)
                if pending is not None:
                    await pending
            except Exception:  # noqa: BLE001  # a conversation's top
                _log.exception("conversation_crashed")
                self._end(INTERNAL_ERROR, "")

    async def _write_out(self) -> None:
        """Send what waits, and the close at the end; a peer that is gone makes `send` fail, which ends the task."""
        while self._waiting or self._closing is None:
            if not self._waiting:
                await self._change()
                continue
            data = self._waiting.popleft()
            for payload in unframed(data):
                event: Message = {"type": "websocket.send"}
                event["text" if self._is_text else "bytes"] = payload.decode() if self._is_text else payload
                await self._send(event)
            self._waiting_bytes -= len(data)
            if not self._waiting_bytes:
                self._large_bytes = 0
        code, reason = self._closing
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
