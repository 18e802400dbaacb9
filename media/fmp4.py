"""Read what FFmpeg's fragmented MP4 muxer writes, and write our own fragments of the same samples.

Pure and incremental: feed bytes, get an init and then fragments with their samples.  Anything malformed raises
`FragmentError` and nothing else.  One track a stream.  Source: ISO/IEC 14496-12 (boxes), 14496-14 (esds),
14496-15 (avcC, hvcC), AV1-ISOBMFF (av1C).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

MAX_INIT_BYTES = 65_536
MAX_MOOF_BYTES = 1_048_576
MAX_MDAT_BYTES = 33_554_432
MAX_SAMPLES = 10_000
NON_SYNC = 0x0001_0000
"""`sample_is_non_sync_sample` (14496-12, 8.8.3.1)."""
_SYNC_FLAGS = 0x0200_0000
_DELTA_FLAGS = 0x0101_0000


class FragmentError(Exception):
    """The bytes are not the fragmented MP4 we know; names the first fault."""


@dataclass(frozen=True, slots=True)
class Init:
    """The initialization section: its bytes and what they declare."""

    data: bytes
    kind: Literal["video", "audio"]
    track_id: int
    timescale: int
    """Ticks per second of every time in this stream."""
    codec: str
    """RFC 6381, true to the bytes: `avc1.PPCCLL`, `hvc1.…`, `av01.…` or `mp4a.40.N`."""
    width: int
    height: int
    channels: int
    rate_hz: int


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One coded frame; times in ticks of the track."""

    time: int
    """Decode time."""
    duration: int
    composition: int
    """Presentation time minus decode time."""
    is_sync: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Fragment:
    """The samples of one moof and its mdat, in decode order."""

    samples: tuple[Sample, ...]


class FragmentReader:
    """Cuts a byte stream into one `Init` and many `Fragment`s."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head = b""  # ftyp, until its moov comes
        self._init: Init | None = None
        self._default_flags = 0
        self._moof = b""

    def feed(self, data: bytes) -> list[Init | Fragment]:
        """Take bytes as they come; returns what they completed.

        Raises:
            FragmentError: malformed or beyond a limit; the reader is of no further use.
        """
        self._buffer += data
        out: list[Init | Fragment] = []
        while len(self._buffer) >= 8:
            size, kind = struct.unpack_from(">I4s", self._buffer)
            limit = {b"moof": MAX_MOOF_BYTES, b"mdat": MAX_MDAT_BYTES}.get(kind, MAX_INIT_BYTES)
            if not 8 <= size <= limit:
                raise FragmentError(f"box {kind!r} of {size} bytes")
            if len(self._buffer) < size:
                break
            box = bytes(self._buffer[:size])
            del self._buffer[:size]
            try:
                out += self._take(kind, box)
            except (struct.error, IndexError) as error:
                raise FragmentError(f"box {kind!r} is cut short") from error
        return out

    def _take(self, kind: bytes, box: bytes) -> list[Init | Fragment]:
        if kind == b"ftyp":
            self._head = box
        elif kind == b"moov":
            if self._init is not None or not self._head:
                raise FragmentError("moov out of order")
            self._init, self._default_flags = _parse_moov(self._head + box, len(self._head))
            return [self._init]
        elif kind == b"moof":
            if self._init is None or self._moof:
                raise FragmentError("moof out of order")
            self._moof = box
        elif kind == b"mdat":
            if self._init is None or not self._moof:
                raise FragmentError("mdat without moof")
            moof, self._moof = self._moof, b""
            return [_parse_fragment(moof, box, self._init.track_id, self._default_flags)]
        return []


def write_fragment(sequence: int, track_id: int, samples: Sequence[Sample]) -> bytes:
    """One moof and mdat with these samples (at least one), readable by `FragmentReader`.

    Decode times are written for the first sample only: the others follow from the durations.
    """
    entries = b"".join(
        struct.pack(
            ">IIIi",
            sample.duration,
            len(sample.data),
            _SYNC_FLAGS if sample.is_sync else _DELTA_FLAGS,
            sample.composition,
        )
        for sample in samples
    )
    tfhd = _box(b"tfhd", struct.pack(">II", 0x02_0000, track_id))
    tfdt = _box(b"tfdt", struct.pack(">IQ", 0x0100_0000, samples[0].time))
    mfhd = _box(b"mfhd", struct.pack(">II", 0, sequence & 0xFFFF_FFFF))
    trun_bytes = 8 + 12 + len(entries)
    moof_bytes = 8 + len(mfhd) + 8 + len(tfhd) + len(tfdt) + trun_bytes
    trun = _box(b"trun", struct.pack(">III", 0x0100_0F01, len(samples), moof_bytes + 8) + entries)
    moof = _box(b"moof", mfhd + _box(b"traf", tfhd + tfdt + trun))
    return moof + _box(b"mdat", b"".join(sample.data for sample in samples))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes in data[start:end] as (type, body's start, body's end)."""
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8 or start + size > end:
            raise FragmentError(f"box {kind!r} of {size} bytes leaves its parent")
        yield kind, start + 8, start + size
        start += size


def _find(data: bytes, start: int, end: int, *path: bytes) -> tuple[int, int]:
    for name in path:
        for kind, low, high in _boxes(data, start, end):
            if kind == name:
                start, end = low, high
                break
        else:
            raise FragmentError(f"no {name!r} box")
    return start, end


def _parse_moov(data: bytes, moov_at: int) -> tuple[Init, int]:
    moov = (moov_at + 8, len(data))
    trex, _ = _find(data, *moov, b"mvex", b"trex")
    _, track_id, _, _, _, default_flags = struct.unpack_from(">6I", data, trex)
    mdia = _find(data, *moov, b"trak", b"mdia")
    mdhd, _ = _find(data, *mdia, b"mdhd")
    timescale = struct.unpack_from(">I", data, mdhd + (20 if data[mdhd] == 1 else 12))[0]
    if timescale == 0:
        raise FragmentError("a timescale of 0")
    stsd, stsd_end = _find(data, *mdia, b"minf", b"stbl", b"stsd")
    entry, low, high = next(_boxes(data, stsd + 8, stsd_end), (b"", 0, 0))
    if entry in _VIDEO_CONFIGS:
        width, height = struct.unpack_from(">HH", data, low + 24)
        config, parse = _VIDEO_CONFIGS[entry]
        start, end = _find(data, low + 78, high, config)
        codec = parse(entry.decode(), data[start:end])
        return Init(data, "video", track_id, timescale, codec, width, height, 0, 0), default_flags
    if entry == b"mp4a":
        channels = struct.unpack_from(">H", data, low + 16)[0]
        rate_hz = struct.unpack_from(">H", data, low + 24)[0]
        esds, esds_end = _find(data, low + 28, high, b"esds")
        codec = f"mp4a.40.{_audio_object_type(data[esds + 4 : esds_end])}"
        return Init(data, "audio", track_id, timescale, codec, 0, 0, channels, rate_hz), default_flags
    raise FragmentError(f"sample entry {entry!r}")


def _avc_codec(entry: str, config: bytes) -> str:
    return f"{entry}.{config[1]:02x}{config[2]:02x}{config[3]:02x}"


def _hevc_codec(entry: str, config: bytes) -> str:
    """Source: ISO/IEC 14496-15, annex E.3: profile, reversed compatibility flags, tier and level, constraints."""
    space, tier, profile = config[1] >> 6, config[1] >> 5 & 1, config[1] & 0x1F
    compatibility = int(f"{int.from_bytes(config[2:6], 'big'):032b}"[::-1], 2)
    constraints = "".join(f".{byte:X}" for byte in config[6:12].rstrip(b"\0"))
    return f"{entry}.{('', 'A', 'B', 'C')[space]}{profile}.{compatibility:X}.{'LH'[tier]}{config[12]}{constraints}"


def _av1_codec(entry: str, config: bytes) -> str:
    """Source: AV1 Codec ISO Media File Format Binding, section 5, the short form: profile, level and tier, depth."""
    profile, level = config[1] >> 5, config[1] & 0x1F
    tier, is_deep, is_12_bit = config[2] >> 7, config[2] >> 6 & 1, config[2] >> 5 & 1
    depth = 12 if is_12_bit and is_deep else 10 if is_deep else 8
    return f"{entry}.{profile}.{level:02d}{'MH'[tier]}.{depth:02d}"


_VIDEO_CONFIGS = {
    b"avc1": (b"avcC", _avc_codec),
    b"hvc1": (b"hvcC", _hevc_codec),
    b"av01": (b"av1C", _av1_codec),
}
"""By the sample entry: its configuration's box, and how that is said in a playlist."""


def _audio_object_type(descriptors: bytes) -> int:
    """The object type inside ES_Descriptor → DecoderConfig → DecoderSpecificInfo (14496-1, 7.2.6; 14496-3, 1.6.2.1)."""
    at = 0
    for tag, skip in ((3, 3), (4, 13), (5, 0)):
        if descriptors[at] != tag:
            raise FragmentError(f"descriptor {descriptors[at]} instead of {tag}")
        at += 1
        for _ in range(4):  # a length of at most four bytes, seven bits each
            at += 1
            if not descriptors[at - 1] & 0x80:
                break
        at += skip
    return descriptors[at] >> 3


def _parse_fragment(moof: bytes, mdat: bytes, track_id: int, default_flags: int) -> Fragment:
    traf = _find(moof, 8, len(moof), b"traf")
    low, _ = _find(moof, *traf, b"tfhd")
    tfhd_flags, track = struct.unpack_from(">II", moof, low)
    if track != track_id:
        raise FragmentError(f"a fragment of track {track}")
    at = low + 8 + (8 if tfhd_flags & 0x1 else 0) + (4 if tfhd_flags & 0x2 else 0)
    defaults = [0, 0, default_flags]
    for place, bit in enumerate((0x8, 0x10, 0x20)):
        if tfhd_flags & bit:
            defaults[place] = struct.unpack_from(">I", moof, at)[0]
            at += 4
    low, _ = _find(moof, *traf, b"tfdt")
    time = struct.unpack_from(">Q" if moof[low] == 1 else ">I", moof, low + 4)[0]
    samples: list[Sample] = []
    data_at = 8
    for kind, start, _ in _boxes(moof, *traf):
        if kind != b"trun":
            continue
        run, data_at = _parse_run(moof, start, mdat, data_at, time, (defaults[0], defaults[1], defaults[2]))
        samples += run
        time = run[-1].time + run[-1].duration if run else time
    if not samples:
        raise FragmentError("a fragment without samples")
    return Fragment(tuple(samples))


def _parse_run(
    moof: bytes, at: int, mdat: bytes, data_at: int, time: int, defaults: tuple[int, int, int]
) -> tuple[list[Sample], int]:
    """One trun's samples, and where the next run's data begins in the mdat."""
    version_flags, count = struct.unpack_from(">II", moof, at)
    if count > MAX_SAMPLES:
        raise FragmentError(f"{count} samples in a run")
    at += 8
    if version_flags & 0x1:
        data_at = struct.unpack_from(">i", moof, at)[0] - len(moof)
        at += 4
    first_flags = None
    if version_flags & 0x4:
        first_flags = struct.unpack_from(">I", moof, at)[0]
        at += 4
    each = _FIELDS[version_flags >> 8 & 0xF]
    values = struct.unpack_from(f">{count * len(each)}I", moof, at)
    samples: list[Sample] = []
    for index in range(count):
        told = [*defaults, 0]
        if index == 0 and first_flags is not None:
            told[2] = first_flags
        for place, field in enumerate(each, index * len(each)):
            told[field] = values[place]
        duration, size, flags, composition = told
        if version_flags >> 24 and composition >= 0x8000_0000:
            composition -= 0x1_0000_0000  # signed from version 1 on
        if data_at < 8 or data_at + size > len(mdat):
            raise FragmentError("a sample outside its mdat")
        samples.append(Sample(time, duration, composition, not flags & NON_SYNC, mdat[data_at : data_at + size]))
        data_at += size
        time += duration
    return samples, data_at


_FIELDS = [[field for field in range(4) if bits >> field & 1] for bits in range(16)]
"""By the bits 8 to 11 of a trun's flags: which of duration, size, flags and composition each sample has."""
