"""What a broadcast's playlists say, as values: a spine of segments that all renditions share, and each one's tail.

Pure.  A `Record` is one segment in every rendition; records are contiguous, join at the end and leave at the front, and
no number ever goes back.  A `Tail` is one rendition's last few segments with their parts, the open one included.
Source: RFC 8216bis §6.2.1 and §6.2.2; `docs/decisions/007-spine-and-tails.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import msgspec

SEGMENTS_MIN = 6
"""Apple's authoring specification, 8.11."""
WINDOW_SECONDS = 30
"""Span of the live list; the rewind list has the whole spine."""
DVR_SECONDS = 4 * 3600
PARTS_LISTED_TARGETS = 3
"""Parts leave a list when they are further than this many target durations from its end (RFC 8216bis §4.4.4.9)."""
PEAK_RUN_LOW = Fraction(1, 2)
"""A segment shorter than this part of the target duration says nothing of the peak (RFC 8216bis §4.1)."""
AVERAGE_AFTER_SEGMENTS = 3
"""From here on the measured average is believed instead of the declared one."""

Kind = Literal["video", "audio"]


class WindowError(ValueError):
    """A segment or part that may not join: our own fault, not a peer's."""


# --- names: what the worker writes, the lists name and the edge serves ------------------------------------------------


def init_name(generation: int, run: int) -> str:
    """File of an initialization section, in its rendition's folder."""
    return f"{generation}-{run}-init.mp4"


def segment_name(generation: int, sequence: int) -> str:
    """File of a whole segment."""
    return f"{generation}-{sequence}.m4s"


def part_name(generation: int, number: int) -> str:
    """File of a part.  Parts are counted through a generation, so the next one's name is always known."""
    return f"{generation}-p{number}.m4s"


# --- values -----------------------------------------------------------------------------------------------------------


class Rendition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One encoding as the multivariant playlist lists it; the figures of video are 0 for audio."""

    name: str
    """A path component: `v1`, `v2`, `audio`."""
    kind: Kind
    codecs: str
    """RFC 6381, read from the init section that is really sent."""
    peak_bps: int
    """Declared: what the encoder may reach, container included."""
    average_bps: int
    """Declared."""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    group: str = ""
    """The audio group that video plays with, or that audio belongs to; empty: none."""
    language: str = "und"
    label: str = ""
    """NAME of an audio rendition."""
    channels: int = 0
    """Of sound; 0: not said."""


class Master(msgspec.Struct, frozen=True, omit_defaults=True):
    """What holds for all lists of a broadcast."""

    renditions: tuple[Rendition, ...] = ()
    """In the multivariant playlist's order; empty until the source was understood.  A shed one leaves."""
    target_duration_seconds: int = 2
    """Fixed for the life of the address; so is `part_target_us`."""
    part_target_us: int = 0
    """0: no low-latency lists."""


NO_MASTER = Master()


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """One rendition's share of a finished segment."""

    duration_ticks: int
    timescale: int
    size_bytes: int
    key_bytes: int = 0
    """So many bytes at the file's beginning are a fragment with the key frame alone; 0 for sound."""


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One segment in all renditions; a rendition that is missing has a GAP there."""

    sequence: int
    generation: int
    run: int
    """Of the worker's FFmpeg runs: names the initialization section."""
    program_date_time_ms: int
    duration_us: int
    """Of the reference rendition."""
    has_discontinuity: bool
    """A break in time or encoding lies before it."""
    is_slate: bool
    """Shown while the encoder was away; not in the VOD."""
    pieces: dict[str, Piece]


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A piece of a segment that can be fetched before the whole is done."""

    number: int
    duration_ticks: int
    size_bytes: int
    is_independent: bool


class Segment(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One rendition's segment as its list shows it."""

    sequence: int
    generation: int
    run: int
    timescale: int
    duration_ticks: int
    """Of what is there so far."""
    program_date_time_ms: int
    size_bytes: int = 0
    key_bytes: int = 0
    has_discontinuity: bool = False
    is_gap: bool = False
    """Lost, or not made: listed, never fetched."""
    is_slate: bool = False
    is_open: bool = False
    """More parts will come; it has no EXTINF yet."""
    parts: tuple[Part, ...] = ()

    @property
    def duration(self) -> Fraction:
        """Seconds, exact."""
        return Fraction(self.duration_ticks, self.timescale)

    @property
    def name(self) -> str:
        """The whole segment's file."""
        return segment_name(self.generation, self.sequence)

    @property
    def init(self) -> str:
        """Its initialization section's file."""
        return init_name(self.generation, self.run)


class Tail(msgspec.Struct, frozen=True, omit_defaults=True):
    """The end of one rendition's list: what has parts, and what is not whole everywhere yet."""

    segments: tuple[Segment, ...] = ()
    """Contiguous; at most the last is open."""
    generation: int = 0
    """Of the next part, which is the one that the list hints at."""
    next_part: int = 0
    counted_segments: int = 0
    counted_bytes: int = 0
    counted_us: int = 0
    measured_peak_bps: int = 0

    @property
    def measured_average_bps(self) -> int:
        """Over everything that ever joined; 0 until enough has."""
        if self.counted_segments < AVERAGE_AFTER_SEGMENTS or not self.counted_us:
            return 0
        return -(-self.counted_bytes * 8_000_000 // self.counted_us)


@dataclass(frozen=True, slots=True)
class Live:
    """Everything that a broadcast's playlists say."""

    generation: int = 0
    master: Master = NO_MASTER
    first_sequence: int = 0
    """Of the spine's first record, or of the one to come."""
    first_discontinuity: int = 0
    """The discontinuity number of the first record."""
    records: Sequence[Record] = ()
    tails: Mapping[str, Tail] | None = None
    """By the rendition's name; a rendition that left the multivariant playlist keeps its tail."""
    is_ended: bool = False

    @property
    def renditions(self) -> tuple[Rendition, ...]:
        """As the multivariant playlist lists them."""
        return self.master.renditions

    @property
    def next_sequence(self) -> int:
        """The sequence number of the record to come."""
        return self.first_sequence + len(self.records)

    def tail(self, name: str) -> Tail | None:
        """The rendition's, or None for a name that nobody gave."""
        return (self.tails or {}).get(name)


@dataclass(frozen=True, slots=True)
class MediaWindow:
    """What one media playlist says now."""

    target_duration_seconds: int
    part_target_us: int = 0
    media_sequence: int = 0
    discontinuity_sequence: int = 0
    segments: tuple[Segment, ...] = ()
    """The last may be open."""
    generation: int = 0
    next_part: int = 0
    """With `generation` the hinted part's name."""
    is_ended: bool = False

    @property
    def last_whole(self) -> int:
        """The sequence number of the last finished segment; one before the first where there is none."""
        is_open = bool(self.segments) and self.segments[-1].is_open
        return self.media_sequence + len(self.segments) - 1 - is_open

    @property
    def open_parts(self) -> int:
        """How many parts of the segment after `last_whole` are there."""
        return len(self.segments[-1].parts) if self.segments and self.segments[-1].is_open else 0

    @property
    def duration(self) -> Fraction:
        """Seconds of all listed segments."""
        return sum((segment.duration for segment in self.segments), Fraction())


# --- from a spine and a tail to a list -------------------------------------------------------------------------------


def segment_of(record: Record, name: str) -> Segment:
    """A record as one rendition's list shows it."""
    piece = record.pieces.get(name)
    return Segment(
        sequence=record.sequence,
        generation=record.generation,
        run=record.run,
        timescale=piece.timescale if piece else 1_000_000,
        duration_ticks=piece.duration_ticks if piece else record.duration_us,
        program_date_time_ms=record.program_date_time_ms,
        size_bytes=piece.size_bytes if piece else 0,
        key_bytes=piece.key_bytes if piece else 0,
        has_discontinuity=record.has_discontinuity,
        is_gap=piece is None,
        is_slate=record.is_slate,
    )


def live_start(live: Live, seconds: int = WINDOW_SECONDS) -> int:
    """The sequence number with which a list of at least `seconds` and `SEGMENTS_MIN` segments begins."""
    total_us = 0
    for back, record in enumerate(reversed(live.records), 1):
        total_us += record.duration_us
        if back >= SEGMENTS_MIN and total_us >= seconds * 1_000_000:
            return record.sequence
    return live.first_sequence


def window(live: Live, name: str, start: int | None = None) -> MediaWindow | None:
    """One rendition's list from the sequence number `start` on (the live list's without it).

    None for a rendition that never was.
    """
    tail = live.tail(name)
    if tail is None:
        return None
    begin = max(live.first_sequence, live_start(live) if start is None else start)
    tail_start = tail.segments[0].sequence if tail.segments else live.next_sequence
    skipped = live.records[: begin - live.first_sequence]
    spine = live.records[begin - live.first_sequence : max(0, tail_start - live.first_sequence)]
    rest = [segment for segment in tail.segments if segment.sequence >= begin]
    # a rendition that stopped has a tail that ends early: its list goes on with the others, as gaps
    behind = tail_start + len(tail.segments)
    gaps = live.records[max(begin, behind) - live.first_sequence :] if tail.segments else ()
    segments = (*(segment_of(record, name) for record in spine), *rest, *(segment_of(record, name) for record in gaps))
    if live.is_ended:
        segments = tuple(segment for segment in segments if not segment.is_open)
    return MediaWindow(
        target_duration_seconds=live.master.target_duration_seconds,
        part_target_us=live.master.part_target_us,
        media_sequence=begin,
        discontinuity_sequence=live.first_discontinuity + sum(record.has_discontinuity for record in skipped),
        segments=segments,
        generation=tail.generation,
        next_part=tail.next_part,
        is_ended=live.is_ended,
    )


def retention_seconds(target_duration_seconds: int, listed_seconds: float) -> float:
    """How long the file of a segment that left must stay: its length and the longest list's (RFC 8216bis §6.2.2)."""
    return max(listed_seconds, WINDOW_SECONDS) + 2 * target_duration_seconds
