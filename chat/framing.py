"""WebSocket frames: a parser of what a client sends, and the finished frames that go out.  Pure.

The parser is fed bytes cut anywhere and gives whole messages and control frames one by one; it raises `FrameError` and
nothing else.  A frame that goes out is made once and shared by every socket that gets it.  Source: RFC 6455, 5 and 7;
RFC 7692 (permessage-deflate).
"""

import codecs
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C where there is C: 0.1 µs instead of 0.5

from chat.wire import FRAME_MAX_BYTES, Encoding

if TYPE_CHECKING:
    from zlib import _Decompress

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _RSV, _RSV1, _CONTROL, _OPCODE, _MASKED = 0x80, 0x70, 0x40, 0x08, 0x0F, 0x80
_SHORT_MAX_BYTES = 125
_WHOLE = frozenset((_FIN | _TEXT, _FIN | _BINARY))

_SYNC_TAIL = b"\x00\x00\xff\xff"
"""What a sender strips from the end of a deflated message.  RFC 7692, 7.2.1."""
_STORED_BYTES = 128
"""What a message that can't be deflated grows by is less: 5 bytes for each stored block."""
DEFLATE_WINDOW_BITS = 12
"""4 KiB, about twenty chat lines: what one flush joins; a larger window costs more to set up than it saves."""

_utf8 = codecs.getincrementaldecoder("utf-8")


class Fault(IntEnum):
    """How the parser ends a conversation.  RFC 6455, 7.4.1."""

    PROTOCOL = 1002
    NOT_UTF8 = 1007
    TOO_BIG = 1009


class FrameError(Exception):
    """The peer broke the protocol; close with this code and read nothing more."""

    def __init__(self, code: Fault, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PingFrame:
    """To be answered by a pong with the same bytes."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class PongFrame:
    """The answer to a ping, or nobody's."""


@dataclass(frozen=True, slots=True)
class CloseFrame:
    """The peer's last frame; without code: 1005 is said of it, never sent."""

    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """One frame of a message that goes on; only so that frames can be counted."""


Received = bytes | str | PingFrame | PongFrame | CloseFrame | Fragment

_PONG_FRAME: Final = PongFrame()
_FRAGMENT: Final = Fragment()


class _Message:
    """A data message of which not all is there yet; what is there has been checked."""

    __slots__ = ("_inflater", "_mask", "_parts", "_room_bytes", "_utf8", "_wire_room_bytes", "is_final", "left_bytes")

    def __init__(self, max_bytes: int, *, is_text: bool, is_deflated: bool) -> None:
        self._parts: list[bytes] = []
        self._room_bytes = max_bytes
        self._wire_room_bytes = max_bytes + (_STORED_BYTES if is_deflated else 0)
        self._utf8 = _utf8() if is_text else None
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if is_deflated else None
        self._mask = b""
        self.left_bytes = 0
        """Of the frame that is open."""
        self.is_final = False
        """The open frame is its last one."""

    def open(self, size_bytes: int, mask: bytes, *, is_final: bool) -> None:
        """Another frame of it begins."""
        self._wire_room_bytes -= size_bytes
        if self._wire_room_bytes < 0:
            raise _too_big()
        self.left_bytes, self._mask, self.is_final = size_bytes, mask, is_final

    def add(self, masked: bytes) -> None:
        """Take more of the open frame."""
        self.left_bytes -= len(masked)
        payload = apply_mask(masked, self._mask)
        turn = len(masked) % 4
        self._mask = self._mask[turn:] + self._mask[:turn]
        self._keep(payload if self._inflater is None else self._inflated(self._inflater, payload))

    def end(self) -> bytes | str:
        """Give the whole message."""
        if self._inflater is not None:
            self._keep(self._inflated(self._inflater, _SYNC_TAIL))
        data = b"".join(self._parts)
        if self._utf8 is None:
            return data
        if self._utf8.getstate()[0]:
            raise _not_utf8()  # it ends within a character
        return data.decode()

    def _inflated(self, inflater: "_Decompress", payload: bytes) -> bytes:
        """Never more than one byte over what there is room for: a bomb doesn't go off."""
        try:
            out = inflater.decompress(payload, self._room_bytes + 1)
        except zlib.error:
            raise FrameError(Fault.PROTOCOL, "not deflated") from None
        self._room_bytes -= len(out)
        if self._room_bytes < 0:
            raise _too_big()
        return out

    def _keep(self, payload: bytes) -> None:
        if self._utf8 is not None:
            try:
                self._utf8.decode(payload)
            except UnicodeDecodeError:
                raise _not_utf8() from None
            begun = self._utf8.getstate()[0]
            if begun[:1] == b"\xed" and begun[1:] >= b"\xa0":  # half a surrogate: Python would wait for the other half
                raise _not_utf8()
        if payload:  # or empty fragments would gather without end
            self._parts.append(payload)


class Parser:
    """One client's frames: `feed` bytes, take `next` until it is None; after a `FrameError` it is of no use."""

    __slots__ = ("_at", "_data", "_max_bytes", "_message", "is_deflated")

    def __init__(self, max_bytes: int = FRAME_MAX_BYTES, *, is_deflated: bool = False) -> None:
        self._max_bytes = max_bytes
        self.is_deflated = is_deflated
        """Compressed messages are allowed."""
        self._data = b""
        self._at = 0
        self._message: _Message | None = None

    @property
    def has_more(self) -> bool:
        """Something was fed that is not taken yet; it need not be a whole frame."""
        return len(self._data) > self._at

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def next(self) -> Received | None:
        """The next message or control frame, `Fragment` for a frame that leaves its message open; None: feed more.

        Raises:
            FrameError: the peer broke the protocol.
        """
        message, data, at = self._message, self._data, self._at
        if message is not None and message.left_bytes:
            return self._go_on(message)
        if len(data) < at + 2:
            self._let_go()
            return None
        first, size = data[at], data[at + 1] - _MASKED
        start = at + 6
        if size > _SHORT_MAX_BYTES:
            start += 2 if size == _SHORT_MAX_BYTES + 1 else 8
            if len(data) < start:
                self._let_go()
                return None
            size = _long_size(data[at + 2 : start - 4])
        end = start + size
        if message is None and first in _WHOLE and 0 <= size <= self._max_bytes and end <= len(data):
            self._at = end
            payload: bytes = apply_mask(data[start:end], data[start - 4 : start])
            try:
                return payload if first == _FIN | _BINARY else payload.decode()
            except UnicodeDecodeError:
                raise _not_utf8() from None
        return self._next_rare(first, size, start)

    def _next_rare(self, first: int, size: int, start: int) -> Received | None:
        """A control frame, a fragment, a frame of which not all is there, or one that is wrong."""
        self._check_head(first, size)
        end, data = start + size, self._data
        if len(data) < (end if first & _CONTROL else start):
            self._let_go()
            return None
        mask = data[start - 4 : start]
        if first & _CONTROL:
            self._at = end
            return _control(first & _OPCODE, apply_mask(data[start:end], mask))
        message = self._message
        if message is None:
            is_text, is_deflated = first & _OPCODE == _TEXT, bool(first & _RSV1)
            message = self._message = _Message(self._max_bytes, is_text=is_text, is_deflated=is_deflated)
        message.open(size, mask, is_final=bool(first & _FIN))
        self._at = start
        return self._go_on(message)

    def _check_head(self, first: int, size: int) -> None:
        opcode = first & _OPCODE
        if size < 0:
            raise _broken("a client masks its frames")
        if first & _RSV and not (first & _RSV == _RSV1 and self.is_deflated and opcode in {_TEXT, _BINARY}):
            raise _broken("a reserved bit")
        if opcode & _CONTROL:
            if opcode > _PONG or not first & _FIN or size > _SHORT_MAX_BYTES:
                raise _broken("no such control frame")
        elif opcode > _BINARY or (opcode == _CONTINUATION) == (self._message is None):
            raise _broken("a frame out of turn")

    def _go_on(self, message: _Message) -> Received | None:
        """Take what is there of the open frame."""
        piece = self._data[self._at : self._at + message.left_bytes]
        self._at += len(piece)
        message.add(piece)
        if message.left_bytes:
            self._let_go()
            return None
        if not message.is_final:
            return _FRAGMENT
        self._message = None
        return message.end()

    def _let_go(self) -> None:
        """Keep no more than what is still to be read: an idle socket holds nothing."""
        self._data = self._data[self._at :]
        self._at = 0


def _long_size(stated: bytes) -> int:
    size = int.from_bytes(stated)
    if size <= (_SHORT_MAX_BYTES if len(stated) == 2 else 0xFFFF) or size >> 63:
        raise _broken("a length that is not the shortest, or negative")
    return size


def _control(opcode: int, payload: bytes) -> Received:
    if opcode == _PING:
        return PingFrame(payload)
    if opcode == _PONG:
        return _PONG_FRAME
    if not payload:
        return CloseFrame(None, "")
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not can_be_sent(code):
        raise _broken("no such close code")
    try:
        return CloseFrame(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise _not_utf8() from None


def can_be_sent(code: int) -> bool:
    """May a close frame carry this code?  RFC 6455, 7.4, and IANA's registry."""
    return 3000 <= code <= 4999 or (1000 <= code <= 1014 and code not in {1004, 1005, 1006})


def _broken(reason: str) -> FrameError:
    return FrameError(Fault.PROTOCOL, reason)


def _not_utf8() -> FrameError:
    return FrameError(Fault.NOT_UTF8, "not UTF-8")


def _too_big() -> FrameError:
    return FrameError(Fault.TOO_BIG, "the message is too long")


# -- frames that go out --

PING: Final = bytes((_FIN | _PING, 0))


def prepare(payload: bytes, encoding: Encoding) -> bytes:
    """The WebSocket frame around an encoded frame of ours; unmasked, uncompressed."""
    return _frame(_FIN | _opcode_of(encoding), payload)


def prepare_deflated(payloads: Iterable[bytes], encoding: Encoding) -> bytes:
    """One compressed message of several encoded frames (JSON: one a line; MessagePack: one after the other).

    For sockets whose outlet `is_deflated`; it leans on no earlier message, so all of them share it.
    """
    joined = (b"\n" if encoding is Encoding.JSON else b"").join(payloads)
    deflater = zlib.compressobj(wbits=-DEFLATE_WINDOW_BITS, memLevel=5)
    deflated = deflater.compress(joined) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return _frame(_FIN | _RSV1 | _opcode_of(encoding), deflated.removesuffix(_SYNC_TAIL))


def pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return _frame(_FIN | _PONG, payload)


def close_frame(code: int | None, reason: str = "") -> bytes:
    """The last frame; the reason is cut to what fits, between characters.  None: without a code."""
    if code is None:
        return _frame(_FIN | _CLOSE, b"")
    told = reason.encode()[: _SHORT_MAX_BYTES - 2].decode(errors="ignore").encode()
    return _frame(_FIN | _CLOSE, code.to_bytes(2) + told)


def _opcode_of(encoding: Encoding) -> int:
    return _TEXT if encoding is Encoding.JSON else _BINARY


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size <= _SHORT_MAX_BYTES:
        head = bytes((first, size))
    elif size <= 0xFFFF:
        head = bytes((first, _SHORT_MAX_BYTES + 1)) + size.to_bytes(2)
    else:
        head = bytes((first, _SHORT_MAX_BYTES + 2)) + size.to_bytes(8)
    return head + payload


def unframed(data: bytes) -> list[bytes]:
    """The payloads of finished frames of ours, for those who frame anew (plain ASGI)."""
    payloads, at = [], 0
    while at < len(data):
        size, start = data[at + 1], at + 2
        if size > _SHORT_MAX_BYTES:
            start += 2 if size == _SHORT_MAX_BYTES + 1 else 8
            size = int.from_bytes(data[at + 2 : start])
        at = start + size
        payloads.append(data[start:at])
    return payloads
