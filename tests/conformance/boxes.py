"""What fragmented MP4 really holds, read independently of our own packager.  Pure.

Source: ISO/IEC 14496-12 (boxes), 14496-15 (avcC), 14496-1 (esds), RFC 6381 (codec strings).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

IDR = 5
"""NAL unit type of a slice of an IDR picture (H.264, table 7-1)."""
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mvex"}


@dataclass(frozen=True, slots=True)
class InitFacts:
    """One track's initialization section."""

    handler: str
    """`vide` or `soun`."""
    timescale: int
    codec: str
    width: int
    height: int
    channels: int
    default_duration: int


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """One frame; ticks of the track."""

    time: int
    duration: int
    presentation: int
    is_idr: bool


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What a media segment holds."""

    samples: tuple[SampleFacts, ...]
    timescale: int

    @property
    def start(self) -> Fraction:
        """Decode time of the first sample, in seconds."""
        return Fraction(self.samples[0].time, self.timescale)

    @property
    def presented(self) -> Fraction:
        """Presentation time of the first sample, in seconds."""
        return Fraction(self.samples[0].presentation, self.timescale)

    @property
    def end(self) -> Fraction:
        """Decode time after the last sample, in seconds."""
        return Fraction(self.samples[-1].time + self.samples[-1].duration, self.timescale)

    @property
    def longest_sample(self) -> Fraction:
        """Seconds of one frame."""
        return Fraction(max(sample.duration for sample in self.samples), self.timescale)


def read_init(data: bytes) -> InitFacts:
    """The first track of an initialization section."""
    boxes = dict(_walk(data))
    mdhd = boxes[b"mdhd"]
    timescale = struct.unpack_from(">I", mdhd, 20 if mdhd[0] == 1 else 12)[0]
    handler = boxes[b"hdlr"][8:12].decode()
    entry_type, entry = next(_children(boxes[b"stsd"][8:]))
    default_duration = struct.unpack_from(">I", boxes[b"trex"], 12)[0] if b"trex" in boxes else 0
    if handler == "vide":
        width, height = struct.unpack_from(">HH", entry, 24)
        inner = dict(_children(entry[78:]))
        codec = f"{entry_type.decode()}.{inner[b'avcC'][1:4].hex()}"
        return InitFacts(handler, timescale, codec, width, height, 0, default_duration)
    channels = struct.unpack_from(">H", entry, 16)[0]
    inner = dict(_children(entry[28:]))
    return InitFacts(handler, timescale, f"mp4a.40.{_audio_object(inner[b'esds'])}", 0, 0, channels, default_duration)


def read_segment(data: bytes, init: InitFacts) -> SegmentFacts:
    """All samples of a media segment, through all of its fragments."""
    samples: list[SampleFacts] = []
    position = 0
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"moof":
            samples += _fragment(data, position, data[position + 8 : position + size], init)
        position += size
    return SegmentFacts(tuple(samples), init.timescale)


def _fragment(data: bytes, base: int, moof: bytes, init: InitFacts) -> list[SampleFacts]:
    boxes = dict(_walk(moof))
    tfdt = boxes[b"tfdt"]
    time: int = struct.unpack_from(">Q" if tfdt[0] == 1 else ">I", tfdt, 4)[0]
    tfhd = boxes[b"tfhd"]
    flags = int.from_bytes(tfhd[1:4], "big")
    at = 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0)
    default_duration, default_size = init.default_duration, 0
    if flags & 8:
        default_duration = struct.unpack_from(">I", tfhd, at)[0]
        at += 4
    if flags & 0x10:
        default_size = struct.unpack_from(">I", tfhd, at)[0]
    samples: list[SampleFacts] = []
    for kind, trun in _walk(moof):
        if kind != b"trun":
            continue
        offset = base
        for duration, size, composition, start in _run(trun, default_duration, default_size):
            offset = base + start if start is not None else offset
            is_idr = init.handler == "vide" and IDR in _nal_types(data[offset : offset + size])
            samples.append(SampleFacts(time, duration, time + composition, is_idr))
            time += duration
            offset += size
    return samples


def _run(trun: bytes, default_duration: int, default_size: int) -> Iterator[tuple[int, int, int, int | None]]:
    """(duration, size, composition offset, offset of the data for the first sample) of each sample."""
    flags = int.from_bytes(trun[1:4], "big")
    count = struct.unpack_from(">I", trun, 4)[0]
    at = 8
    start: int | None = None
    if flags & 1:
        start = struct.unpack_from(">i", trun, at)[0]
        at += 4
    at += 4 if flags & 4 else 0
    for _ in range(count):
        duration, size, composition = default_duration, default_size, 0
        if flags & 0x100:
            duration = struct.unpack_from(">I", trun, at)[0]
            at += 4
        if flags & 0x200:
            size = struct.unpack_from(">I", trun, at)[0]
            at += 4
        at += 4 if flags & 0x400 else 0
        if flags & 0x800:
            composition = struct.unpack_from(">i", trun, at)[0]
            at += 4
        yield duration, size, composition, start
        start = None


def _nal_types(sample: bytes) -> set[int]:
    types: set[int] = set()
    at = 0
    while at + 5 <= len(sample):
        types.add(sample[at + 4] & 0x1F)
        at += 4 + int.from_bytes(sample[at : at + 4], "big")
    return types


def _audio_object(esds: bytes) -> int:
    """The audio object type of the AudioSpecificConfig (14496-3, 1.6.2.1), behind the descriptors' tags and lengths."""
    at = esds.index(b"\x05", 4 + 13)
    at += 1
    while esds[at] & 0x80:
        at += 1
    return esds[at + 1] >> 3


def _children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + size]
        position += max(size, 8)


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for kind, body in _children(data):
        yield kind, body
        if kind in CONTAINERS:
            yield from _walk(body)
