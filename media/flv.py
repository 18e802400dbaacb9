"""Read an FLV byte stream tag by tag, and write one for FFmpeg.

Pure and incremental.  Garbage raises `FlvError` and nothing else.  Source: Adobe FLV specification 10.1, annex E;
Enhanced RTMP v1 (the four-character video codecs).
"""

import struct
from enum import IntEnum
from typing import Literal

import msgspec

HEADER = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"
MAX_METADATA_ENTRIES = 64
MAX_METADATA_DEPTH = 4


_HEAD = struct.Struct(">II")
"""Of a tag: type and size, then the time's low 24 bits and its high eight."""
_SIZE = struct.Struct(">I")


class FlvError(Exception):
    """Not FLV, or a tag that can't be read."""


class Kind(IntEnum):
    """Tag types (E.4.1)."""

    AUDIO = 8
    VIDEO = 9
    SCRIPT = 18


_KINDS = {int(kind): kind for kind in Kind}


# structs, not dataclasses: there are a hundred of each a second and broadcast, made at a quarter of the cost


class Tag(msgspec.Struct, frozen=True, gc=False):
    """One tag; the time is the wire's 32 bits and may wrap."""

    kind: Kind
    time_ms: int
    data: bytes


class VideoHead(msgspec.Struct, frozen=True, gc=False):
    """What the first bytes of a video tag say (E.4.3.1)."""

    codec: str
    """`h264`, or another codec's name, or `video-<id>`."""
    is_key: bool
    packet: Literal["config", "frame", "other"]
    payload_at: int


class AudioHead(msgspec.Struct, frozen=True, gc=False):
    """What the first bytes of an audio tag say (E.4.2.1)."""

    codec: str
    packet: Literal["config", "frame"]
    payload_at: int


class TagReader:
    """Cuts a byte stream into tags."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._has_header = False

    def feed(self, data: bytes) -> list[Tag]:
        """Take bytes as they come; returns the tags they completed.

        Raises:
            FlvError: not FLV; the reader is of no further use.
        """
        self._buffer += data
        if not self._has_header:
            if not HEADER.startswith(self._buffer[:4]):
                raise FlvError("no FLV signature")
            if len(self._buffer) < len(HEADER):
                return []
            del self._buffer[: len(HEADER)]
            self._has_header = True
        buffer, have = self._buffer, len(self._buffer)
        tags: list[Tag] = []
        at = 0
        while have - at >= 11:
            head, stamp = _HEAD.unpack_from(buffer, at)
            kind = _KINDS.get(head >> 24)
            if kind is None:
                raise FlvError(f"a tag of type {head >> 24}")
            size = head & 0xFF_FFFF
            end = at + 11 + size
            if have < end + 4:
                break
            if _SIZE.unpack_from(buffer, end)[0] != size + 11:
                raise FlvError("a tag's size and the size behind it differ")
            tags.append(Tag(kind, (stamp & 0xFF) << 24 | stamp >> 8, bytes(buffer[at + 11 : end])))
            at = end + 4
        del self._buffer[:at]
        return tags


def write_tag(tag: Tag) -> bytes:
    """The tag's bytes, its trailing size included."""
    size = len(tag.data)
    stamp = (tag.time_ms & 0xFF_FFFF) << 8 | tag.time_ms >> 24 & 0xFF
    return b"".join((_HEAD.pack(tag.kind << 24 | size, stamp), b"\0\0\0", tag.data, _SIZE.pack(size + 11)))


_VIDEO_CODECS = {2: "h263", 3: "screen", 4: "vp6", 5: "vp6", 6: "screen", 7: "h264", 12: "hevc", 13: "av1"}
_FOURCC = {b"avc1": "h264", b"hvc1": "hevc", b"av01": "av1", b"vp09": "vp9", b"vp08": "vp8", b"vvc1": "vvc"}
_AUDIO_CODECS = {0: "pcm", 1: "adpcm", 2: "mp3", 3: "pcm", 7: "alaw", 8: "mulaw", 10: "aac", 11: "speex", 14: "mp3"}


def parse_video(data: bytes) -> VideoHead:
    """Read a video tag's head.

    Raises:
        FlvError: it is cut short.
    """
    if len(data) < 5:
        raise FlvError("a video tag is cut short")
    if data[0] & 0x80:  # Enhanced RTMP: packet type in the low bits, then the codec's four characters
        codec = _FOURCC.get(data[1:5], "video-" + data[1:5].decode("latin-1").strip().lower())
        packet = {0: "config", 1: "frame", 3: "frame"}.get(data[0] & 0x0F, "other")
        return VideoHead(codec, data[0] >> 4 & 0x07 == 1, packet, 5)  # type: ignore[arg-type]  # the three above
    number = data[0] & 0x0F
    packet = {0: "config", 1: "frame"}.get(data[1], "other") if number == 7 else "frame"
    return VideoHead(_VIDEO_CODECS.get(number, f"video-{number}"), data[0] >> 4 == 1, packet, 5)  # type: ignore[arg-type]


def parse_audio(data: bytes) -> AudioHead:
    """Read an audio tag's head.

    Raises:
        FlvError: it is cut short.
    """
    if len(data) < 2:
        raise FlvError("an audio tag is cut short")
    number = data[0] >> 4
    codec = _AUDIO_CODECS.get(number, f"audio-{number}")
    if codec == "aac":
        return AudioHead(codec, "frame" if data[1] else "config", 2)
    return AudioHead(codec, "frame", 1)


Value = float | bool | str


def parse_metadata(data: bytes) -> dict[str, Value]:
    """The flat entries of an `onMetaData` script tag; empty for any other script.

    Nested objects are read over; at most `MAX_METADATA_ENTRIES` entries are looked at.

    Raises:
        FlvError: malformed AMF0.
    """
    reader = _Amf(data)
    names = [reader.value(0)]
    if names[0] == "@setDataFrame":
        names.append(reader.value(0))
    if names[-1] != "onMetaData":
        return {}
    reader.entries_seen = 0
    return reader.object()


class _Amf:
    """AMF0 (Adobe, 2007), the types that encoders put into metadata."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self.entries_seen = 0

    def _take(self, count: int) -> bytes:
        chunk = self._data[self._at : self._at + count]
        if len(chunk) < count:
            raise FlvError("metadata is cut short")
        self._at += count
        return chunk

    def _text(self, length_bytes: int) -> str:
        return self._take(int.from_bytes(self._take(length_bytes), "big")).decode("utf-8", "replace")

    def object(self) -> dict[str, Value]:
        """The outermost object or associative array."""
        marker = self._take(1)[0]
        if marker not in {3, 8}:
            raise FlvError(f"metadata of AMF0 type {marker}")
        return self._entries(marker, 1)

    def _entries(self, marker: int, depth: int) -> dict[str, Value]:
        if depth > MAX_METADATA_DEPTH:
            raise FlvError("metadata is nested too deeply")
        if marker == 8:
            self._take(4)  # a count that need not be true
        found: dict[str, Value] = {}
        while self._data[self._at : self._at + 3] not in {b"\x00\x00\x09", b""}:
            self.entries_seen += 1
            if self.entries_seen > MAX_METADATA_ENTRIES:
                return found
            name = self._text(2)
            value = self.value(depth)
            if value is not None:
                found[name] = value
        self._at += 3
        return found

    def _skip_array(self, depth: int) -> None:
        count = int.from_bytes(self._take(4), "big")
        self.entries_seen += count
        if self.entries_seen > MAX_METADATA_ENTRIES or depth >= MAX_METADATA_DEPTH:
            raise FlvError("metadata has too many values")
        for _ in range(count):
            self.value(depth + 1)

    def value(self, depth: int) -> Value | None:
        """One value; None for those without meaning to us."""
        marker = self._take(1)[0]
        match marker:
            case 0:
                number: float = struct.unpack(">d", self._take(8))[0]
                return number
            case 1:
                return self._take(1) != b"\x00"
            case 2:
                return self._text(2)
            case 3 | 8:
                self._entries(marker, depth + 1)
            case 5 | 6:
                pass
            case 10:
                self._skip_array(depth)
            case 11:
                self._take(10)
            case 12:
                return self._text(4)
            case _:
                raise FlvError(f"metadata of AMF0 type {marker}")
        return None
