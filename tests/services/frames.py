"""A client's WebSocket frames, right and wrong ones: an independent writer of RFC 6455, 5.2."""

from itertools import cycle

MASK = b"\x37\xfa\x21\x3d"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def client_frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes | None = MASK
) -> bytes:
    """A frame as a client may send it, and also as none should: `rsv` is three bits, `mask` may be None."""
    size = len(payload)
    length, more = (size, b"") if size < 126 else (126, size.to_bytes(2)) if size < 65536 else (127, size.to_bytes(8))
    head = bytes((fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | length)) + more
    if mask is None:
        return head + payload
    return head + mask + bytes(octet ^ key for octet, key in zip(payload, cycle(mask), strict=False))


def fragments(opcode: int, *payloads: bytes, rsv: int = 0) -> bytes:
    """One message in so many frames."""
    last = len(payloads) - 1
    return b"".join(
        client_frame(0 if number else opcode, payload, fin=number == last, rsv=0 if number else rsv)
        for number, payload in enumerate(payloads)
    )
