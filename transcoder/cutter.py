"""Cut the samples of all renditions into segments with equal boundaries, and segments into parts as they come.

Pure.  One rendition is the reference: its key frames decide where a segment begins (every `SEGMENT_SECONDS` of sound
where there is no picture).  The others are held back until the reference has passed them, then cut at the same times.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from media.fmp4 import Init, Sample, write_fragment
from media.ladder import SEGMENT_SECONDS
from media.parts import part_ticks

MAX_HELD_SECONDS = 12.0
MAX_SEGMENT_SECONDS = 2.5
"""Above this a segment would round to more than the playlists' fixed TARGETDURATION."""

FLICKS = 705_600_000
"""Of a second: every time here is counted in them.  Ticks of 90,000, 48,000, 44,100 and whole milliseconds are whole
numbers of flicks, others are off by less than 2 ns (github.com/facebookarchive/Flicks).  Fractions in their place took
a quarter of the worker's time."""
_SEGMENT = round(SEGMENT_SECONDS * FLICKS)
_MOST_SEGMENT = round(MAX_SEGMENT_SECONDS * FLICKS)
_MOST_HELD = round(MAX_HELD_SECONDS * FLICKS)
_TWO_FRAMES = FLICKS // 20
"""At the lowest rate that is halved: 50 a second, and some."""
_ROUNDED = FLICKS // 1_000_000
"""What rounding may add up to, and more: a microsecond."""


class CutError(Exception):
    """The renditions can't be cut together any more; the run has to be started anew."""


@dataclass(frozen=True, slots=True)
class PartCut:
    """A part of a rendition's current segment; the first one after a `SegmentEnd` opens the next."""

    rendition: str
    data: bytes
    duration_ticks: int
    timescale: int
    is_independent: bool
    start_seconds: float
    """Media time of its first sample."""
    key_bytes: int
    """Of a segment's first part of pictures: the leading bytes with the key frame alone; else 0."""


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """The rendition's current segment is whole."""

    rendition: str


Cut = PartCut | SegmentEnd


@dataclass(slots=True)
class _Track:
    init: Init | None = None
    held: deque[Sample] = field(default_factory=deque)
    open: list[Sample] = field(default_factory=list)
    """Of the part in the making."""
    open_ticks: int = 0
    longest_ticks: int = 0
    has_parts: bool = False
    """The current segment has parts already."""
    segment: int = -1
    """Number of the segment that `open` belongs to; -1 before the first boundary."""
    sequence: int = 0


class _Boundaries:
    """Where segments begin, by number; those that all renditions have passed are forgotten, for a run may last days."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last = 0
        self._kept: deque[int] = deque()
        self._forgotten = 0

    def __len__(self) -> int:
        return self._forgotten + len(self._kept)

    def __getitem__(self, number: int) -> int:
        return self._kept[number - self._forgotten]

    def add(self, at: int) -> None:
        self.first = at if self.first is None else self.first
        self.last = at
        self._kept.append(at)

    def forget_before(self, number: int) -> None:
        while self._forgotten < number:
            self._kept.popleft()
            self._forgotten += 1


class Cutter:
    """Feed inits and samples; take parts, and the ends of segments."""

    def __init__(self, renditions: Sequence[str], part_target_us: int) -> None:
        self._tracks = {name: _Track() for name in renditions}
        self._reference = renditions[0]
        self._part_target_us = part_target_us
        self._boundaries = _Boundaries()
        self._horizon = -1
        self._cuts: list[Cut] = []

    def inits(self) -> dict[str, Init] | None:
        """Every rendition's init, once all are there."""
        found = {name: track.init for name, track in self._tracks.items() if track.init is not None}
        return found if len(found) == len(self._tracks) else None

    def take_init(self, rendition: str, init: Init) -> None:
        """The initialization section of one rendition."""
        track = self._tracks[rendition]
        track.init = init
        track.longest_ticks = part_ticks(self._part_target_us, init.timescale)

    def take(self, rendition: str, samples: Sequence[Sample]) -> list[Cut]:
        """Samples in decode order; returns what they completed, in order.

        Raises:
            CutError: key frames too far apart, or renditions drifted apart.
        """
        track = self._tracks[rendition]
        if track.init is None:
            raise CutError(f"samples of {rendition} before its init")
        track.held.extend(samples)
        if rendition == self._reference:
            self._find_boundaries(track.init, samples)
            for name, other in self._tracks.items():
                self._consume(name, other)
        else:
            self._consume(rendition, track)
        return self._taken()

    def finish(self) -> list[Cut]:
        """The run is over: what is left, and the last segments as far as they go."""
        self._horizon = 2**63 * FLICKS
        for name, track in self._tracks.items():
            self._consume(name, track)
            if track.segment >= 0 and (track.open or track.has_parts):
                self._end_segment(name, track)
        return self._taken()

    def _taken(self) -> list[Cut]:
        numbers = [track.segment for track in self._tracks.values()]
        if (max(numbers) - min(numbers)) * SEGMENT_SECONDS > MAX_HELD_SECONDS:
            raise CutError("a rendition is behind the others")
        self._boundaries.forget_before(min(numbers) + 1)
        cuts, self._cuts = self._cuts, []
        return cuts

    def _find_boundaries(self, init: Init, samples: Sequence[Sample]) -> None:
        known = self._boundaries
        for sample in samples:
            at = _shown(sample, init)
            # the next boundary can't be before this frame's end: what the others show before that may go
            duration = _flicks(sample.duration, init)
            self._horizon = max(self._horizon, at + duration)
            slack = duration // 2
            if sample.is_sync and self._is_due(init, at, slack):
                known.add(at)
            elif known.first is not None and at - known.last >= _MOST_SEGMENT - 2 * slack - _ROUNDED:
                raise CutError("key frames of the reference are too far apart")

    def _is_due(self, init: Init, at: int, slack: int) -> bool:
        """Pictures: two seconds after the last, or a little less.  Sound alone keeps to multiples of two seconds.

        A forced key frame is the first frame at or after its time, so at 23.976 a second every twentieth comes 1.96 s
        after the one before; where rungs have half the rate, two frames less.  Of sound, rounding must not add up.
        """
        first, last = self._boundaries.first, self._boundaries.last
        if first is None:
            return True
        if init.kind == "video":
            return at - last >= _SEGMENT - max(3 * slack, _TWO_FRAMES) - _ROUNDED
        return at - first >= len(self._boundaries) * _SEGMENT - slack - _ROUNDED

    def _consume(self, name: str, track: _Track) -> None:
        """Move held samples that the reference has passed into parts; the first behind a boundary ends a segment."""
        while track.held and track.init is not None:
            sample = track.held[0]
            at = _shown(sample, track.init)
            slack = _flicks(sample.duration, track.init) // 2
            self._open_following(name, track, sample, at, slack)
            if name != self._reference and at + slack >= self._horizon:
                spread = _flicks(track.held[-1].time - sample.time, track.init)
                if spread > _MOST_HELD:
                    raise CutError(f"{name} is ahead of {self._reference}")
                return
            track.held.popleft()
            if track.segment >= 0:
                self._join(name, track, sample)

    def _open_following(self, name: str, track: _Track, sample: Sample, at: int, slack: int) -> None:
        """A sample behind one boundary opens its segment; behind two, a whole segment would be missing."""
        while track.segment + 1 < len(self._boundaries) and at + slack >= self._boundaries[track.segment + 1]:
            if not sample.is_sync:
                if at - slack > self._boundaries[track.segment + 1] and sample.composition <= 0:
                    raise CutError(f"{name} has no key frame at the boundary")
                return
            if track.segment >= 0:
                self._end_segment(name, track)
            track.segment += 1

    def _join(self, name: str, track: _Track, sample: Sample) -> None:
        """A part ends where one more frame of the same length would not fit: nobody waits for that frame."""
        if track.open and track.open_ticks + sample.duration > track.longest_ticks:
            self._cut_part(name, track)
        track.open.append(sample)
        track.open_ticks += sample.duration
        if track.open_ticks + sample.duration > track.longest_ticks:
            self._cut_part(name, track)

    def _cut_part(self, name: str, track: _Track) -> None:
        samples, track.open, track.open_ticks = track.open, [], 0
        assert track.init is not None  # noqa: S101  # samples are taken only after it
        is_first = not track.has_parts
        groups = [samples]
        if is_first and track.init.kind == "video" and samples[0].is_sync and len(samples) > 1:
            groups = [samples[:1], samples[1:]]  # the key frame alone: what I-frame lists name
        data, key_bytes = bytearray(), 0
        for group in groups:
            track.sequence += 1
            data += write_fragment(track.sequence, track.init.track_id, group)
            key_bytes = key_bytes or len(data)
        track.has_parts = True
        self._cuts.append(
            PartCut(
                rendition=name,
                data=bytes(data),
                duration_ticks=sum(sample.duration for sample in samples),
                timescale=track.init.timescale,
                is_independent=samples[0].is_sync,
                start_seconds=_shown(samples[0], track.init) / FLICKS,
                key_bytes=key_bytes if is_first and track.init.kind == "video" else 0,
            )
        )

    def _end_segment(self, name: str, track: _Track) -> None:
        if track.open:
            self._cut_part(name, track)
        if not track.has_parts:
            raise CutError(f"{name} has nothing in a whole segment")
        track.has_parts = False
        self._cuts.append(SegmentEnd(name))


def _flicks(ticks: int, init: Init) -> int:
    return ticks * FLICKS // init.timescale


def _shown(sample: Sample, init: Init) -> int:
    return (sample.time + sample.composition) * FLICKS // init.timescale
