"""What waits to leave through one socket: bounded, and fullness has a name.  Pure.

A frame is prepared once per encoding and shared by every socket that gets it: `prepare` returns the finished bytes of
an unmasked, uncompressed WebSocket frame.  Source: RFC 6455, 5.2.
"""

from chat.outlet import OUTBOX_BYTES
from chat.wire import Encoding

_TEXT, _BINARY, _FIN = 0x1, 0x2, 0x80


def prepare(payload: bytes, encoding: Encoding) -> bytes:
    """The WebSocket frame around an encoded frame of ours."""
    opcode = _TEXT if encoding is Encoding.JSON else _BINARY
    size = len(payload)
    if size < 126:
        head = bytes((_FIN | opcode, size))
    elif size < 1 << 16:
        head = bytes((_FIN | opcode, 126)) + size.to_bytes(2)
    else:
        head = bytes((_FIN | opcode, 127)) + size.to_bytes(8)
    return head + payload


class Outbox:
    """Frames of one loop turn that will leave in one write, beside what the transport still holds."""

    __slots__ = ("_bytes", "_frames", "_limit_bytes")

    def __init__(self, limit_bytes: int = OUTBOX_BYTES) -> None:
        self._frames: list[bytes] = []
        self._bytes = 0
        self._limit_bytes = limit_bytes

    @property
    def is_empty(self) -> bool:
        """Nothing waits."""
        return not self._frames

    def add(self, frame: bytes, unsent_bytes: int) -> bool:
        """Take a frame while `unsent_bytes` wait in the transport; False: full, and the frame was not taken.

        An empty outbox over an idle transport takes any frame, also one larger than the limit (a long backfill).
        """
        waiting = self._bytes + unsent_bytes
        if waiting and waiting + len(frame) > self._limit_bytes:
            return False
        self._frames.append(frame)
        self._bytes += len(frame)
        return True

    def take(self) -> bytes:
        """Everything that waits, as one write; empties the outbox."""
        joined = self._frames[0] if len(self._frames) == 1 else b"".join(self._frames)
        self._frames.clear()
        self._bytes = 0
        return joined
