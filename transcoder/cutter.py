"""Cut the samples of all renditions into segments with equal boundaries, and segments into parts.

Pure.  One rendition is the reference: its key frames decide where a segment begins (every `SEGMENT_SECONDS` of sound
where there is no picture).  The others are held back until the reference has passed them, then cut at the same times.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from media.fmp4 import Init, Sample, write_fragment
from media.ladder import SEGMENT_SECONDS

PART_SECONDS = 0.5
MAX_HELD_SECONDS = 12.0
MAX_SEGMENT_SECONDS = 2.5
"""Above this a segment would round to more than the playlists' fixed TARGETDURATION."""


class CutError(Exception):
    """The renditions can't be cut together any more; the run has to be started anew."""


@dataclass(frozen=True, slots=True)
class PartCut:
    """A part's place inside its segment."""

    duration_ticks: int
    offset_bytes: int
    length_bytes: int
    is_independent: bool


@dataclass(frozen=True, slots=True)
class SegmentCut:
    """One rendition's piece of a segment."""

    start_seconds: float
    """Media time of its first sample."""
    duration_ticks: int
    timescale: int
    data: bytes
    parts: tuple[PartCut, ...]


@dataclass(slots=True)
class _Track:
    init: Init | None = None
    held: deque[Sample] = field(default_factory=deque)
    open: list[Sample] = field(default_factory=list)
    segment: int = -1
    """Number of the segment that `open` belongs to; -1 before the first boundary."""
    done: deque[SegmentCut] = field(default_factory=deque)
    sequence: int = 0


class Cutter:
    """Feed inits and samples; take segments that are whole in every rendition."""

    def __init__(self, renditions: Sequence[str]) -> None:
        self._tracks = {name: _Track() for name in renditions}
        self._reference = renditions[0]
        self._boundaries: list[Fraction] = []
        self._horizon = Fraction(-1)

    def inits(self) -> dict[str, Init] | None:
        """Every rendition's init, once all are there."""
        found = {name: track.init for name, track in self._tracks.items() if track.init is not None}
        return found if len(found) == len(self._tracks) else None

    def take_init(self, rendition: str, init: Init) -> None:
        """The initialization section of one rendition."""
        self._tracks[rendition].init = init

    def take(self, rendition: str, samples: Sequence[Sample]) -> list[dict[str, SegmentCut]]:
        """Samples in decode order; returns the segments that they made whole, in order.

        Raises:
            CutError: key frames too far apart, or renditions drifted apart.
        """
        track = self._tracks[rendition]
        if track.init is None:
            raise CutError(f"samples of {rendition} before its init")
        track.held.extend(samples)
        self._find_boundaries(rendition, track.init, samples)
        for name, other in self._tracks.items():
            self._consume(name, other)
        return self._whole()

    def finish(self) -> list[dict[str, SegmentCut]]:
        """The run is over: what is whole, and the last segment as far as every rendition has it."""
        self._horizon = Fraction(2**63)
        for name, track in self._tracks.items():
            self._consume(name, track)
            if track.open and track.segment >= 0:
                self._close(name, track)
        return self._whole()

    def _find_boundaries(self, rendition: str, init: Init, samples: Sequence[Sample]) -> None:
        if rendition != self._reference:
            return
        for sample in samples:
            at = _shown(sample, init)
            self._horizon = max(self._horizon, at)
            slack = Fraction(sample.duration, init.timescale) / 2
            if sample.is_sync and self._is_due(init, at, slack):
                self._boundaries.append(at)
            elif self._boundaries and at - self._boundaries[-1] >= Fraction(MAX_SEGMENT_SECONDS) - 2 * slack:
                raise CutError("key frames of the reference are too far apart")

    def _is_due(self, init: Init, at: Fraction, slack: Fraction) -> bool:
        """Pictures: two seconds after the last.  Sound alone keeps to multiples: rounding to frames must not add up."""
        if not self._boundaries:
            return True
        if init.kind == "video":
            return at - self._boundaries[-1] >= Fraction(SEGMENT_SECONDS) - slack
        return at - self._boundaries[0] >= len(self._boundaries) * Fraction(SEGMENT_SECONDS) - slack

    def _consume(self, name: str, track: _Track) -> None:
        """Move held samples that the reference has passed into segments; the first one behind a boundary closes one."""
        while track.held and track.init is not None:
            sample = track.held[0]
            at = _shown(sample, track.init)
            slack = Fraction(sample.duration, track.init.timescale) / 2
            self._open_following(name, track, sample, at, slack)
            if name != self._reference and at + slack >= self._horizon:
                spread = Fraction(track.held[-1].time - sample.time, track.init.timescale)
                if spread > MAX_HELD_SECONDS:
                    raise CutError(f"{name} is ahead of {self._reference}")
                return
            track.held.popleft()
            if track.segment >= 0:
                track.open.append(sample)

    def _open_following(self, name: str, track: _Track, sample: Sample, at: Fraction, slack: Fraction) -> None:
        """A sample behind one boundary opens its segment; behind two, a whole segment would be missing."""
        while track.segment + 1 < len(self._boundaries) and at + slack >= self._boundaries[track.segment + 1]:
            if not sample.is_sync:
                if at - slack > self._boundaries[track.segment + 1] and sample.composition <= 0:
                    raise CutError(f"{name} has no key frame at the boundary")
                return
            if track.segment >= 0:
                self._close(name, track)
            track.segment += 1

    def _close(self, name: str, track: _Track) -> None:
        samples, track.open = track.open, []
        if track.init is None or not samples:
            raise CutError(f"{name} has nothing in a whole segment")
        scale = track.init.timescale
        data = bytearray()
        parts: list[PartCut] = []
        for group in _parts(samples, scale):
            track.sequence += 1
            fragment = write_fragment(track.sequence, track.init.track_id, group)
            duration = sum(sample.duration for sample in group)
            is_independent = group[0].is_sync
            parts.append(PartCut(duration, len(data), len(fragment), is_independent))
            data += fragment
        start = float(_shown(samples[0], track.init))
        duration = sum(sample.duration for sample in samples)
        track.done.append(SegmentCut(start, duration, scale, bytes(data), tuple(parts)))

    def _whole(self) -> list[dict[str, SegmentCut]]:
        ready: list[dict[str, SegmentCut]] = []
        while all(track.done for track in self._tracks.values()):
            ready.append({name: track.done.popleft() for name, track in self._tracks.items()})
        if any(len(track.done) * SEGMENT_SECONDS > MAX_HELD_SECONDS for track in self._tracks.values()):
            raise CutError("a rendition is behind the others")
        return ready


def _shown(sample: Sample, init: Init) -> Fraction:
    return Fraction(sample.time + sample.composition, init.timescale)


def _parts(samples: Sequence[Sample], timescale: int) -> list[list[Sample]]:
    """Groups of at most `PART_SECONDS`."""
    longest = int(PART_SECONDS * timescale)
    groups: list[list[Sample]] = []
    length = 0
    for sample in samples:
        if not groups or length + sample.duration > longest:
            groups.append([])
            length = 0
        groups[-1].append(sample)
        length += sample.duration
    return groups
