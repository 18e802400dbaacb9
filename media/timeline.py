"""A broadcast's lists as their one writer keeps them: parts join, segments end, whole ones join the spine.

Pure and mutable, one a claim.  All renditions share sequence numbers, dates and discontinuities: whichever opens a
segment first decides them.  `media/window.py` holds the values; `docs/decisions/007-spine-and-tails.md` says why.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import msgspec

from media.window import (
    PARTS_LISTED_TARGETS,
    PEAK_RUN_LOW,
    Live,
    Master,
    Part,
    Piece,
    Record,
    Rendition,
    Segment,
    Tail,
    WindowError,
    segment_of,
)


@dataclass(frozen=True, slots=True)
class Opened:
    """What all renditions' segments of one sequence number share."""

    run: int
    generation: int
    program_date_time_ms: int
    has_discontinuity: bool
    is_slate: bool


@dataclass(slots=True)
class _State:
    """One rendition's tail, in the making."""

    segments: list[Segment] = field(default_factory=list)
    next_part: int = 0
    counted_segments: int = 0
    counted_bytes: int = 0
    counted_us: int = 0
    measured_peak_bps: int = 0

    @property
    def open(self) -> Segment | None:
        return self.segments[-1] if self.segments and self.segments[-1].is_open else None


class Timeline:
    """Goes on from what a predecessor wrote; numbers only grow."""

    def __init__(self, live: Live, generation: int, keep_records: int) -> None:
        self.generation = generation
        self.master = live.master
        self.records: list[Record] = list(live.records)
        self.first_discontinuity = live.first_discontinuity
        self._first_sequence = live.first_sequence
        self._keep_records = keep_records
        self._run = 0
        self._is_slate = False
        self._opened: dict[int, Opened] = {}
        self._states = {name: _resumed(tail) for name, tail in (live.tails or {}).items()}
        self._active: frozenset[str] = frozenset(self._states)
        self._changed: set[str] = set()
        self._left: list[tuple[str, Segment]] = []
        for state in self._states.values():
            for segment in state.segments:
                if segment.sequence >= self.next_sequence:
                    self._opened.setdefault(segment.sequence, _opened(segment))

    @property
    def next_sequence(self) -> int:
        """Of the record to come."""
        return self._first_sequence + len(self.records)

    @property
    def run(self) -> int:
        """Which run of this generation writes now; 0 before the first."""
        return self._run

    @property
    def end_ms(self) -> int:
        """Unix milliseconds where the last record ends; 0 without any."""
        last = self.records[-1] if self.records else None
        return last.program_date_time_ms + last.duration_us // 1000 if last else 0

    def begin(
        self, renditions: Sequence[Rendition], *, target_duration_seconds: int, part_target_us: int, is_slate: bool
    ) -> int:
        """A new run of the encoders; whatever was open must be closed.  Returns the run's number.

        The targets are fixed by the first run of a broadcast.
        """
        self._run += 1
        self._is_slate = is_slate
        known = self.master
        is_first = not known.renditions and not known.part_target_us
        # a slate is an intermission: who joins meanwhile, and the recording, are told of the real encoding
        told = {item.name: item for item in known.renditions} if is_slate else {}
        self.master = Master(
            renditions=tuple(told.get(item.name, item) for item in renditions),
            target_duration_seconds=target_duration_seconds if is_first else known.target_duration_seconds,
            part_target_us=part_target_us if is_first else known.part_target_us,
        )
        self._active = frozenset(rendition.name for rendition in renditions)
        for name in self._active:
            self._states.setdefault(name, _State())
        self._changed |= self._active
        return self._run

    def join(
        self,
        name: str,
        *,
        duration_ticks: int,
        timescale: int,
        size_bytes: int,
        key_bytes: int,
        is_independent: bool,
        program_date_time_ms: int,
    ) -> Part:
        """A part joins its rendition's open segment, or opens the next one.

        `program_date_time_ms` and `key_bytes` count for a segment's first part only.

        Raises:
            WindowError: the part is empty, or of a rendition that this run doesn't have.
        """
        if name not in self._active or duration_ticks <= 0:
            raise WindowError(f"a part of {name} with {duration_ticks} ticks")
        state = self._states[name]
        segment = state.open or self._open(name, timescale, key_bytes, program_date_time_ms)
        part = Part(state.next_part, duration_ticks, size_bytes, is_independent)
        state.next_part += 1
        state.segments[-1] = msgspec.structs.replace(
            segment,
            parts=(*segment.parts, part),
            duration_ticks=segment.duration_ticks + duration_ticks,
            size_bytes=segment.size_bytes + size_bytes,
        )
        self._changed.add(name)
        return part

    def end(self, name: str) -> Segment:
        """The rendition's open segment is whole.

        Raises:
            WindowError: nothing is open, or it is longer than TARGETDURATION allows.
        """
        state = self._states[name]
        segment = state.open
        if segment is None:
            raise WindowError(f"{name} has no open segment")
        if segment.duration >= self.master.target_duration_seconds + Fraction(1, 2):
            raise WindowError(f"segment {segment.sequence} of {name} lasts {float(segment.duration):.3f} s")
        whole = msgspec.structs.replace(segment, is_open=False)
        state.segments[-1] = whole
        _count(state, whole, self.master.target_duration_seconds)
        self._changed.add(name)
        return whole

    def next_part(self, name: str) -> int:
        """The number that the rendition's next part will have."""
        state = self._states.get(name)
        return state.next_part if state else 0

    def open_segments(self) -> dict[str, Segment]:
        """What has begun and not ended, by rendition."""
        return {name: state.open for name, state in self._states.items() if state.open is not None}

    def lose(self, name: str) -> None:
        """The rendition's open segment can't be had whole: the final `settle`, which must follow, makes it a gap."""
        state = self._states[name]
        if state.open is not None:
            gap = msgspec.structs.replace(state.open, is_open=False, is_gap=True, parts=(), size_bytes=0, key_bytes=0)
            self._left.append((name, state.open))
            state.segments[-1] = gap
            self._changed.add(name)

    def settle(self, *, is_final: bool = False) -> list[Record]:
        """Let what is whole in every rendition of the run join the spine; returns the new records.

        When the run is over (`is_final`, nothing is open any more), a rendition that lacks a segment gets a gap.
        """
        fresh: list[Record] = []
        while self.next_sequence in self._opened:
            sequence = self.next_sequence
            found = {name: self._whole(name, sequence) for name in self._active}
            if not is_final and any(segment is None for segment in found.values()):
                break
            fresh.append(self._record(sequence, {name: one for name, one in found.items() if one}))
            self.records.append(fresh[-1])
            self._fill_gaps(fresh[-1], [name for name, one in found.items() if one is None or one.is_gap])
        self._trim()
        return fresh

    def take_changed(self) -> dict[str, Tail]:
        """The tails that changed since the last call."""
        names, self._changed = self._changed, set()
        return {name: self._tail(name) for name in sorted(names)}

    def note_unwritten(self, names: Iterable[str]) -> None:
        """A write failed: these tails still have to be told."""
        self._changed |= set(names)

    @property
    def names(self) -> Collection[str]:
        """Of all renditions that ever had a list, those that were shed included."""
        return self._states.keys()

    def tails(self) -> dict[str, Tail]:
        """All of them, as they stand."""
        return {name: self._tail(name) for name in self._states}

    def take_left(self) -> list[tuple[str, Segment]]:
        """Segments whose parts have left the lists since the last call, by rendition."""
        left, self._left = self._left, []
        return left

    def _open(self, name: str, timescale: int, key_bytes: int, program_date_time_ms: int) -> Segment:
        state = self._states[name]
        sequence = max(state.segments[-1].sequence + 1 if state.segments else 0, self.next_sequence)
        known = self._opened.get(sequence)
        if known is None:
            earlier: Sequence[Record | Opened] = (*self.records[-1:], *self._opened.values())
            is_break = sequence > 0 and not any(map(self._is_of_this_run, earlier))
            known = Opened(self._run, self.generation, program_date_time_ms, is_break, self._is_slate)
            self._opened[sequence] = known
        segment = Segment(
            sequence=sequence,
            generation=known.generation,
            run=known.run,
            timescale=timescale,
            duration_ticks=0,
            program_date_time_ms=known.program_date_time_ms,
            key_bytes=key_bytes,
            has_discontinuity=known.has_discontinuity,
            is_slate=known.is_slate,
            is_open=True,
        )
        self._leave_behind(name, sequence)
        state.segments.append(segment)
        return segment

    def _is_of_this_run(self, one: Record | Opened) -> bool:
        return (one.generation, one.run) == (self.generation, self._run)

    def _whole(self, name: str, sequence: int) -> Segment | None:
        for segment in reversed(self._states[name].segments):
            if segment.sequence == sequence:
                return None if segment.is_open else segment
        return None

    def _record(self, sequence: int, whole: dict[str, Segment]) -> Record:
        opened = self._opened.pop(sequence)
        pieces = {
            name: Piece(segment.duration_ticks, segment.timescale, segment.size_bytes, segment.key_bytes)
            for name, segment in sorted(whole.items())
            if not segment.is_gap
        }
        kept = [whole[name] for name in pieces] or list(whole.values())  # all lost: as long as what was lost
        longest = max((segment.duration for segment in kept), default=Fraction())
        reference = next((whole[one.name] for one in self.master.renditions if one.name in pieces), None)
        return Record(
            sequence=sequence,
            generation=opened.generation,
            run=opened.run,
            program_date_time_ms=opened.program_date_time_ms,
            duration_us=round((reference.duration if reference else longest) * 1_000_000),
            has_discontinuity=opened.has_discontinuity,
            is_slate=opened.is_slate,
            pieces=pieces,
        )

    def _fill_gaps(self, record: Record, names: Iterable[str]) -> None:
        """These renditions' tails say from the first what their lists will say when only the record is left."""
        for name in names:
            gap, state = segment_of(record, name), self._states[name]
            places = [place for place, one in enumerate(state.segments) if one.sequence == record.sequence]
            for place in places:
                state.segments[place] = gap
            if not places:
                self._leave_behind(name, record.sequence)
                state.segments.append(gap)
            self._changed.add(name)

    def _leave_behind(self, name: str, sequence: int) -> None:
        """A rendition that had stopped goes on with `sequence`: what lies between is in the spine alone."""
        state = self._states[name]
        if state.segments and state.segments[-1].sequence != sequence - 1:
            self._left += [(name, gone) for gone in state.segments]
            state.segments = []

    def _after(self, sequence: int) -> Fraction:
        """Seconds in the spine behind a segment."""
        behind = self.records[max(0, sequence + 1 - self._first_sequence) :]
        return Fraction(sum(record.duration_us for record in behind), 1_000_000)

    def _tail(self, name: str) -> Tail:
        state = self._states[name]
        return Tail(
            segments=tuple(state.segments),
            generation=self.generation,
            next_part=state.next_part,
            counted_segments=state.counted_segments,
            counted_bytes=state.counted_bytes,
            counted_us=state.counted_us,
            measured_peak_bps=state.measured_peak_bps,
        )

    def _trim(self) -> None:
        """Drop from the tails what is in the spine and too far from the end to show parts; bound the spine."""
        span = Fraction(PARTS_LISTED_TARGETS * self.master.target_duration_seconds)
        for name, state in self._states.items():
            behind = self._after(state.segments[-1].sequence) if state.segments else Fraction()
            for place in range(len(state.segments) - 1, -1, -1):
                segment = state.segments[place]
                if behind > span and segment.sequence < self.next_sequence:
                    self._left += [(name, gone) for gone in state.segments[: place + 1]]
                    del state.segments[: place + 1]
                    self._changed.add(name)
                    break
                behind += segment.duration
        while len(self.records) > self._keep_records:
            gone = self.records.pop(0)
            self._first_sequence += 1
            self.first_discontinuity += gone.has_discontinuity


def _resumed(tail: Tail) -> _State:
    return _State(
        segments=list(tail.segments),
        next_part=0,
        counted_segments=tail.counted_segments,
        counted_bytes=tail.counted_bytes,
        counted_us=tail.counted_us,
        measured_peak_bps=tail.measured_peak_bps,
    )


def _opened(segment: Segment) -> Opened:
    return Opened(
        segment.run, segment.generation, segment.program_date_time_ms, segment.has_discontinuity, segment.is_slate
    )


def _count(state: _State, segment: Segment, target_duration_seconds: int) -> None:
    state.counted_segments += 1
    state.counted_bytes += segment.size_bytes
    state.counted_us += round(segment.duration * 1_000_000)
    if segment.duration >= PEAK_RUN_LOW * target_duration_seconds:
        rate = -(-segment.size_bytes * 8 * segment.timescale // segment.duration_ticks)
        state.measured_peak_bps = max(state.measured_peak_bps, rate)
