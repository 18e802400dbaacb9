"""A live playlist's span as a value: segments join at the end, leave at the front, and no number ever goes back.  Pure.

One `MediaWindow` a rendition: `append` gives each segment its place, `resume` marks a break that the next segment will
carry as DISCONTINUITY, `finish` closes it.  Source: RFC 8216bis §6.2.1 and §6.2.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import msgspec

SEGMENTS_MIN = 6
"""Apple's authoring specification, 8.11."""
SEGMENTS_MAX = 120
WINDOW_SECONDS = 30
PEAK_RUN_LOW = Fraction(1, 2)
"""A segment shorter than this part of the target duration says nothing of the peak (RFC 8216bis §4.1)."""
AVERAGE_AFTER_SEGMENTS = 3
"""From here on the measured average is believed instead of the declared one."""

Kind = Literal["video", "audio"]


class WindowError(ValueError):
    """A segment that may not join: our own fault, not a peer's."""


class Rendition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One encoding as the multivariant playlist lists it; the figures of video are 0 for audio."""

    name: str
    """A path component: `1080p`, `720p`, `audio`."""
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


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A piece of a segment that can be fetched before the whole is done; a byte range of the segment's file."""

    duration_ticks: int
    offset_bytes: int
    size_bytes: int
    is_independent: bool


class Segment(msgspec.Struct, frozen=True, omit_defaults=True):
    """One segment in its place; immutable but for its parts, which leave when it is old."""

    sequence: int
    generation: int
    name: str
    """File name in the rendition's folder; contains the generation."""
    init: str
    """File name of its initialization section, same folder."""
    duration_ticks: int
    timescale: int
    program_date_time_ms: int
    size_bytes: int
    has_discontinuity: bool = False
    """A break in time or encoding lies before it."""
    is_gap: bool = False
    """Lost: listed, never fetched."""
    parts: tuple[Part, ...] = ()

    @property
    def duration(self) -> Fraction:
        """Seconds, exact."""
        return Fraction(self.duration_ticks, self.timescale)


class MediaWindow(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one media playlist says now."""

    target_duration_seconds: int
    """Fixed for the life of the address."""
    media_sequence: int = 0
    """Of the first segment, or of the one to come."""
    discontinuity_sequence: int = 0
    segments: tuple[Segment, ...] = ()
    is_broken: bool = False
    """The next segment will carry a DISCONTINUITY."""
    is_ended: bool = False
    counted_segments: int = 0
    counted_bytes: int = 0
    counted_us: int = 0
    measured_peak_bps: int = 0

    @property
    def next_sequence(self) -> int:
        """The media sequence number of the segment to come."""
        return self.media_sequence + len(self.segments)

    @property
    def next_discontinuity_sequence(self) -> int:
        """The discontinuity number that the segment to come will have."""
        listed = sum(segment.has_discontinuity for segment in self.segments)
        return self.discontinuity_sequence + listed + self.is_broken

    @property
    def duration(self) -> Fraction:
        """Seconds of all listed segments."""
        return sum((segment.duration for segment in self.segments), Fraction())

    @property
    def measured_average_bps(self) -> int:
        """Over everything that ever joined; 0 until enough has."""
        if self.counted_segments < AVERAGE_AFTER_SEGMENTS or not self.counted_us:
            return 0
        return -(-self.counted_bytes * 8_000_000 // self.counted_us)


@dataclass(frozen=True, slots=True)
class Live:
    """Everything that a broadcast's playlists say."""

    generation: int
    renditions: tuple[Rendition, ...]
    """In the multivariant playlist, in its order; empty until the source was understood."""
    windows: Mapping[str, MediaWindow]
    """By the rendition's name; a rendition that left the multivariant playlist keeps its window."""
    is_ended: bool = False


def append(window: MediaWindow, segment: Segment) -> MediaWindow:
    """Let the segment join, and those leave that the window has no room for.

    Raises:
        WindowError: the window has ended, or the segment is not the next, empty, or longer than the target allows.
    """
    if window.is_ended:
        raise WindowError("the window has ended")
    if segment.sequence != window.next_sequence:
        raise WindowError(f"segment {segment.sequence} came instead of {window.next_sequence}")
    if segment.duration_ticks <= 0:
        raise WindowError(f"segment {segment.sequence} lasts {segment.duration_ticks} ticks")
    if segment.duration >= window.target_duration_seconds + Fraction(1, 2):
        raise WindowError(f"segment {segment.sequence} lasts {float(segment.duration):.3f} s")
    if window.is_broken and not segment.has_discontinuity:
        segment = msgspec.structs.replace(segment, has_discontinuity=True)
    joined = msgspec.structs.replace(window, segments=(*window.segments, segment), is_broken=False)
    return _slid(joined if segment.is_gap else _counted(joined, segment))


def resume(window: MediaWindow) -> MediaWindow:
    """The encoding begins anew: after a takeover, a reconnected encoder, a change of the source.

    The first segment ever needs no DISCONTINUITY. An ended window stays ended.
    """
    if window.next_sequence == 0 or window.is_ended:
        return window
    return msgspec.structs.replace(window, is_broken=True)


def finish(window: MediaWindow) -> MediaWindow:
    """Nothing joins any more: ENDLIST."""
    return msgspec.structs.replace(window, is_ended=True)


def dropped(before: MediaWindow, after: MediaWindow) -> tuple[Segment, ...]:
    """The segments that left between two states of one window; their files must outlive them by `retention_seconds`."""
    return tuple(segment for segment in before.segments if segment.sequence < after.media_sequence)


def retention_seconds(window: MediaWindow) -> float:
    """How long the file of a segment that left must stay: its length and the longest list's (RFC 8216bis §6.2.2)."""
    longest = max(window.duration, Fraction(WINDOW_SECONDS))
    return float(longest + 2 * window.target_duration_seconds)


def _slid(window: MediaWindow) -> MediaWindow:
    segments = window.segments
    duration = window.duration
    left = 0
    while len(segments) - left > SEGMENTS_MIN and (
        duration - segments[left].duration >= WINDOW_SECONDS or len(segments) - left > SEGMENTS_MAX
    ):
        duration -= segments[left].duration
        left += 1
    return msgspec.structs.replace(
        window,
        segments=segments[left:],
        media_sequence=window.media_sequence + left,
        discontinuity_sequence=window.discontinuity_sequence
        + sum(segment.has_discontinuity for segment in segments[:left]),
    )


def _counted(window: MediaWindow, segment: Segment) -> MediaWindow:
    peak = window.measured_peak_bps
    if segment.duration >= PEAK_RUN_LOW * window.target_duration_seconds:
        peak = max(peak, -(-segment.size_bytes * 8 * segment.timescale // segment.duration_ticks))
    return msgspec.structs.replace(
        window,
        counted_segments=window.counted_segments + 1,
        counted_bytes=window.counted_bytes + segment.size_bytes,
        counted_us=window.counted_us + round(segment.duration * 1_000_000),
        measured_peak_bps=peak,
    )
