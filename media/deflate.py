"""A gzip file from pieces that were compressed before, so that what does not change is compressed once.  Pure.

Source: RFC 1951 §3.2.3 and RFC 1952 §2.3; zlib's full flush ends a piece on a byte and refers to nothing before it.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 5
"""A list of 5 kB takes 0.1 ms and shrinks to a tenth; level 9 takes thrice as long for 2 % less."""
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK = b"\x03\x00"
"""An empty block that says that it is the last."""


@dataclass(frozen=True, slots=True)
class Deflated:
    """A piece as it is and as it travels."""

    plain: bytes
    packed: bytes


def deflate(plain: bytes) -> Deflated:
    """Compress a piece that may stand anywhere in a file."""
    press = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return Deflated(plain, press.compress(plain) + press.flush(zlib.Z_FULL_FLUSH))


def gzip_of(pieces: Sequence[Deflated]) -> bytes:
    """The gzip file of these pieces, one behind the other."""
    crc, size = 0, 0
    for piece in pieces:
        crc = zlib.crc32(piece.plain, crc)
        size += len(piece.plain)
    trailer = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    return b"".join([_HEADER, *[piece.packed for piece in pieces], _LAST_BLOCK, trailer])
