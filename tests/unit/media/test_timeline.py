"""The one writer's lists: whatever happens to runs, workers and renditions, what readers see only ever goes on."""

import itertools
from dataclasses import replace
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from media.timeline import Timeline
from media.window import (
    PARTS_LISTED_TARGETS,
    Live,
    MediaWindow,
    Part,
    Record,
    Rendition,
    Segment,
    Tail,
    WindowError,
    window,
)

TICKS = 90_000
KEEP = 8
TARGET = 2
PART_US = 334_334
RENDITIONS = {
    "v1": Rendition("v1", "video", "avc1.64001f", 3_000_000, 2_500_000, width=1280, height=720, fps=30.0),
    "v2": Rendition("v2", "video", "avc1.64001e", 900_000, 800_000, width=640, height=360, fps=30.0),
    "audio": Rendition("audio", "audio", "mp4a.40.2", 150_000, 140_000),
}


def begin(timeline: Timeline, *names: str, is_slate: bool = False) -> int:
    return timeline.begin(
        [RENDITIONS[name] for name in names or RENDITIONS],
        target_duration_seconds=TARGET,
        part_target_us=PART_US,
        is_slate=is_slate,
    )


def join(timeline: Timeline, name: str, seconds: float = 0.5, *, size: int = 1_000, pdt_ms: int = 0) -> Part:
    return timeline.join(
        name,
        duration_ticks=round(seconds * TICKS),
        timescale=TICKS,
        size_bytes=size,
        key_bytes=100,
        is_independent=True,
        program_date_time_ms=pdt_ms,
    )


def segment(timeline: Timeline, *names: str, seconds: float = 2.0, size: int = 1_000) -> list[Record]:
    """A whole segment in these renditions."""
    for name in names or RENDITIONS:
        join(timeline, name, seconds, size=size)
        timeline.end(name)
    return timeline.settle()


def fresh(*names: str) -> Timeline:
    timeline = Timeline(Live(), 7, 100)
    begin(timeline, *names)
    return timeline


def live_of(timeline: Timeline, *, is_ended: bool = False) -> Live:
    first = timeline.next_sequence - len(timeline.records)
    return Live(
        timeline.generation,
        timeline.master,
        first,
        timeline.first_discontinuity,
        list(timeline.records),
        timeline.tails(),
        is_ended,
    )


def listed(live: Live, name: str) -> MediaWindow:
    found = window(live, name, live.first_sequence)
    assert found is not None
    return found


def bare(one: Segment) -> Segment:
    """Without what may leave a list: its parts."""
    return msgspec.structs.replace(one, parts=())


class Lists(RuleBasedStateMachine):
    """Two workers' timelines over one Redis, which is `stored`; RFC 8216bis §6.2.1 and §6.2.2 hold at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.stored = Live(generation=1)
        self.timeline = Timeline(self.stored, 1, KEEP)
        self.now_ms = 1_000
        self.is_away = False
        self.unwritten: list[Record] = []
        self.seen: dict[str, MediaWindow] = {}
        self.numbers: dict[int, int] = {}
        """Discontinuity number by sequence number."""
        self.files: set[tuple[str, int, int]] = set()
        """Parts that somebody has to delete one day."""
        self.begin(["v1", "v2", "audio"], is_slate=False)

    # -- what the packager does --

    def tell(self, records: list[Record]) -> None:
        """Write to `stored`, unless Redis is away: then the next write says it too."""
        self.unwritten += records
        tails = self.timeline.take_changed()
        self.forget(self.timeline.take_left())
        if self.is_away:
            self.timeline.note_unwritten(tails)
            return
        spine = [*self.stored.records, *self.unwritten]
        gone = spine[: max(0, len(spine) - KEEP)]
        self.stored = Live(
            generation=self.timeline.generation,
            master=self.timeline.master,
            first_sequence=self.stored.first_sequence + len(gone),
            first_discontinuity=self.stored.first_discontinuity + sum(one.has_discontinuity for one in gone),
            records=spine[len(gone) :],
            tails={**(self.stored.tails or {}), **tails},
        )
        self.unwritten = []

    def forget(self, left: list[tuple[str, Segment]]) -> None:
        for name, one in left:
            self.files -= {(name, one.generation, part.number) for part in one.parts}

    @rule(names=st.sampled_from([["v1", "v2", "audio"], ["v2", "audio"], ["v1", "audio"]]), is_slate=st.booleans())
    def begin(self, names: list[str], is_slate: bool) -> None:  # noqa: FBT001  # hypothesis draws it
        """A new run, with the same renditions, one that was shed, or one that is back."""
        self.close()
        begin(self.timeline, *names, is_slate=is_slate)
        self.tell([])

    @rule(name=st.sampled_from(sorted(RENDITIONS)), seconds=st.sampled_from([0.1, 0.334, 0.5]), size=st.integers(1, 99))
    def join(self, name: str, seconds: float, size: int) -> None:
        self.now_ms += round(seconds * 1000)
        if name not in {one.name for one in self.timeline.master.renditions}:
            with pytest.raises(WindowError):
                join(self.timeline, name)
            return
        known = self.timeline.open_segments().get(name)
        if known and known.duration + Fraction(seconds) >= TARGET + Fraction(1, 2):
            self.end(name)
        expected = self.timeline.next_part(name)
        part = join(self.timeline, name, seconds, size=size, pdt_ms=self.now_ms)
        assert part.number == expected == self.timeline.next_part(name) - 1
        self.files.add((name, self.timeline.open_segments()[name].generation, part.number))
        self.tell([])

    @rule(name=st.sampled_from(sorted(RENDITIONS)))
    def end(self, name: str) -> None:
        if name in self.timeline.open_segments():
            self.timeline.end(name)
            self.tell(self.timeline.settle())

    @rule(count=st.integers(1, 6))
    def go_on(self, count: int) -> None:
        """Whole segments in all renditions."""
        for _ in range(count):
            for one in self.timeline.master.renditions:
                self.join(one.name, 0.5, 50)
            for one in self.timeline.master.renditions:
                self.end(one.name)

    @rule(name=st.sampled_from(sorted(RENDITIONS)))
    def lose(self, name: str) -> None:
        """A run ends and the store doesn't take this segment; what is not open can't be lost."""
        self.timeline.lose(name)
        self.close()

    @rule()
    def close(self) -> None:
        """The run is over."""
        for name in self.timeline.open_segments():
            self.timeline.end(name)
        self.tell(self.timeline.settle(is_final=True))

    @rule(lost=st.sets(st.sampled_from(sorted(RENDITIONS))))
    def take_over(self, lost: set[str]) -> None:
        """Another worker goes on from what stands; what only the first one knew is lost with it."""
        self.is_away, self.unwritten = False, []
        self.timeline = Timeline(self.stored, self.stored.generation + 1, KEEP)
        told = (self.stored.tails or {}).items()
        self.files = {
            (name, one.generation, part.number) for name, tail in told for one in tail.segments for part in one.parts
        }
        for name in self.timeline.open_segments():
            if name in lost:
                self.timeline.lose(name)
            else:
                self.timeline.end(name)
        self.tell(self.timeline.settle(is_final=True))
        assert self.timeline.end_ms >= 0
        begin(self.timeline)

    @precondition(lambda self: not self.is_away)
    @rule()
    def redis_leaves(self) -> None:
        self.is_away = True

    @precondition(lambda self: self.is_away)
    @rule()
    def redis_is_back(self) -> None:
        self.is_away = False
        self.tell([])

    # -- what every reader relies on --

    @invariant()
    def what_was_listed_stays(self) -> None:
        """Numbers never go back, whole segments never change, open ones only grow, unless they were lost."""
        for name in self.stored.tails or {}:
            now, before = listed(self.stored, name), self.seen.get(name)
            assert [one.sequence for one in now.segments] == list(
                range(now.media_sequence, now.media_sequence + len(now.segments))
            )
            assert not any(one.is_open for one in now.segments[:-1])
            if before:
                assert now.media_sequence >= before.media_sequence
                assert now.discontinuity_sequence >= before.discontinuity_sequence
                assert (now.generation, now.next_part) >= (before.generation, before.next_part)
                assert now.media_sequence + len(now.segments) >= before.media_sequence + len(before.segments)
                after = {one.sequence: one for one in now.segments}
                for one in before.segments[max(0, now.media_sequence - before.media_sequence) :]:
                    assert_goes_on(one, after[one.sequence])
            self.seen[name] = now

    @invariant()
    def renditions_agree(self) -> None:
        """One sequence number means one time, one run and one discontinuity number in all lists, for ever."""
        shared: dict[int, tuple[Any, ...]] = {}
        for name in self.stored.tails or {}:
            now = listed(self.stored, name)
            discontinuity = now.discontinuity_sequence
            for one in now.segments:
                discontinuity += one.has_discontinuity
                facts = (one.program_date_time_ms, one.generation, one.run, one.is_slate, discontinuity)
                assert shared.setdefault(one.sequence, facts) == facts
                assert self.numbers.setdefault(one.sequence, discontinuity) == discontinuity

    @invariant()
    def a_break_is_where_the_source_changes(self) -> None:
        """One DISCONTINUITY for each change of run, and the first segment of all has none."""
        known = self.stored.records
        for before, after in itertools.pairwise(known):
            is_change = (before.generation, before.run) != (after.generation, after.run)
            assert after.has_discontinuity == is_change
        assert not any(one.has_discontinuity for one in known if one.sequence == 0)

    @invariant()
    def the_spine_is_contiguous_and_bounded(self) -> None:
        numbers = [one.sequence for one in self.timeline.records]
        assert numbers == list(range(self.timeline.next_sequence - len(numbers), self.timeline.next_sequence))
        assert len(numbers) <= KEEP
        if not self.is_away:
            assert list(self.stored.records) == self.timeline.records
            assert self.stored.first_discontinuity == self.timeline.first_discontinuity

    @invariant()
    def parts_are_near_the_end_and_leave_once(self) -> None:
        """No list names parts far behind, and every part's file is listed or was given to be deleted."""
        tails = self.timeline.tails()
        named = set()
        for name, tail in tails.items():
            behind = Fraction()
            for one in reversed([one for one in tail.segments if one.sequence < self.timeline.next_sequence]):
                assert behind <= PARTS_LISTED_TARGETS * TARGET
                behind += one.duration
            named |= {(name, one.generation, part.number) for one in tail.segments for part in one.parts}
        assert named == self.files


def assert_goes_on(before: Segment, after: Segment) -> None:
    """What a list said of a segment, and what it says now."""
    if not before.is_open:
        assert bare(after) == bare(before)
        assert after.parts in ((), before.parts)
    elif not after.is_gap:
        assert after.duration_ticks >= before.duration_ticks
        assert not after.parts or after.parts[: len(before.parts)] == before.parts
    assert (after.program_date_time_ms, after.has_discontinuity) == (
        before.program_date_time_ms,
        before.has_discontinuity,
    )


TestLists = Lists.TestCase
TestLists.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_parts_make_a_segment() -> None:
    """Durations and sizes are the parts' sums; the first part brings date and key frame."""
    timeline = fresh("v1")
    join(timeline, "v1", 0.5, pdt_ms=1_000)
    join(timeline, "v1", 0.25, pdt_ms=1_500)
    assert timeline.open_segments()["v1"].is_open
    whole = timeline.end("v1")
    assert float(whole.duration) == 0.75
    assert (whole.size_bytes, whole.key_bytes, whole.program_date_time_ms) == (2_000, 100, 1_000)
    assert [part.number for part in whole.parts] == [0, 1]
    (record,) = timeline.settle()
    assert (record.sequence, record.generation, record.run, record.duration_us) == (0, 7, 1, 750_000)
    assert timeline.end_ms == 1_750
    assert (timeline.run, Timeline(Live(), 1, 9).end_ms) == (1, 0)


def test_a_segment_joins_the_spine_when_all_have_it() -> None:
    """The slowest rendition decides; a fast one shows its own segments before."""
    timeline = fresh()
    assert segment(timeline, "v1", "v2") == []
    assert segment(timeline, "v1") == []
    assert len(listed(live_of(timeline), "v1").segments) == 2
    assert [record.sequence for record in segment(timeline, "audio")] == [0]
    assert [record.sequence for record in segment(timeline, "audio", "v2")] == [1]


def test_a_run_that_ends_leaves_gaps_where_it_was_behind() -> None:
    """Sound had not begun the last segment: a GAP of the picture's length, then the next run's with a DISCONTINUITY."""
    timeline = fresh("v1", "audio")
    segment(timeline, "v1", "audio")
    segment(timeline, "v1", seconds=1.5)
    (record,) = timeline.settle(is_final=True)
    assert set(record.pieces) == {"v1"}
    begin(timeline, "v1", "audio")
    segment(timeline, "v1", "audio")
    lost, after = listed(live_of(timeline), "audio").segments[1:]
    assert (lost.is_gap, float(lost.duration), after.is_gap, after.has_discontinuity) == (True, 1.5, False, True)


def test_a_segment_lost_in_every_rendition_keeps_its_length() -> None:
    """A GAP that lasts nothing would shift everything behind it."""
    timeline = fresh("v1", "audio")
    segment(timeline, "v1", "audio")
    for name, seconds in (("v1", 1.0), ("audio", 0.5)):
        join(timeline, name, seconds)
        timeline.lose(name)
    (record,) = timeline.settle()
    assert (record.duration_us, record.pieces) == (1_000_000, {})
    assert {listed(live_of(timeline), name).segments[-1].duration for name in ("v1", "audio")} == {Fraction(1)}


def test_the_reference_gives_a_record_its_length() -> None:
    """The first listed rendition that has the segment."""
    timeline = fresh("v1", "v2", "audio")
    for name, seconds in (("v1", 2.0), ("v2", 2.0), ("audio", 2.1)):
        join(timeline, name, seconds)
    timeline.lose("v1")
    timeline.end("v2")
    timeline.end("audio")
    assert timeline.settle()[0].duration_us == 2_000_000


def test_a_record_of_renditions_that_left_lasts_as_long_as_the_longest() -> None:
    """A successor closes a list that the multivariant playlist no longer names."""
    before = fresh("v1", "audio")
    join(before, "audio", 1.5)
    begun = replace(live_of(before), master=msgspec.structs.replace(before.master, renditions=()))
    after = Timeline(begun, 8, 100)
    after.end("audio")
    assert after.settle(is_final=True)[0].duration_us == 1_500_000


def test_a_shed_rendition_gets_gaps_and_may_come_back() -> None:
    """Its list has a GAP for each segment made without it, and no part names in the past."""
    timeline = fresh("v1", "v2", "audio")
    segment(timeline)
    begin(timeline, "v2", "audio")
    for _ in range(5):
        segment(timeline, "v2", "audio")
    shed = listed(live_of(timeline), "v1")
    assert [one.is_gap for one in shed.segments] == [False, *[True] * 5]
    assert [name for name, _ in timeline.take_left() if name == "v1"] == ["v1"]
    assert timeline.tails()["v1"].segments == ()
    begin(timeline)
    segment(timeline)
    back = listed(live_of(timeline), "v1")
    assert [one.is_gap for one in back.segments] == [False, *[True] * 5, False]


def test_a_shed_rendition_that_comes_back_soon_has_one_list() -> None:
    """Before its tail has left the lists: what lies between is not forgotten."""
    timeline = fresh("v1", "v2", "audio")
    segment(timeline)
    begin(timeline, "v2", "audio")
    segment(timeline, "v2", "audio")
    begin(timeline)
    segment(timeline)
    assert [(one.sequence, one.is_gap) for one in listed(live_of(timeline), "v1").segments] == [
        (0, False),
        (1, True),
        (2, False),
    ]


def test_targets_are_fixed_by_the_first_run() -> None:
    """The renditions follow the run, TARGETDURATION and PART-TARGET never change."""
    timeline = fresh("v1")
    timeline.begin([RENDITIONS["v2"]], target_duration_seconds=9, part_target_us=1, is_slate=False)
    assert (timeline.master.target_duration_seconds, timeline.master.part_target_us) == (TARGET, PART_US)
    assert timeline.master.renditions == (RENDITIONS["v2"],)


@pytest.mark.parametrize(("name", "seconds"), [("v1", 0.0), ("v2", 1.0), ("v9", 1.0)])
def test_a_wrong_part_may_not_join(name: str, seconds: float) -> None:
    """An empty one, and one of a rendition that this run doesn't have, are our own faults."""
    with pytest.raises(WindowError, match=f"a part of {name}"):
        join(fresh("v1"), name, seconds)


def test_a_wrong_end_is_a_fault() -> None:
    """Nothing open; longer than TARGETDURATION rounds to."""
    timeline = fresh("v1")
    with pytest.raises(WindowError, match="no open segment"):
        timeline.end("v1")
    join(timeline, "v1", 2.5)
    with pytest.raises(WindowError, match=r"lasts 2\.500 s"):
        timeline.end("v1")
    timeline.lose("v1")
    timeline.lose("v1")
    assert timeline.settle()[0].pieces == {}


def test_measures_are_true_to_the_bytes() -> None:
    """Average and peak of all that ever joined; gaps count for nothing, a scrap not for the peak."""
    timeline = fresh("v1")
    join(timeline, "v1", 1.0, size=10**9)
    timeline.lose("v1")
    segment(timeline, "v1", seconds=0.5, size=9_000_000)
    segment(timeline, "v1", size=500_000)
    segment(timeline, "v1", size=400_000)
    tail = timeline.tails()["v1"]
    assert (tail.counted_segments, tail.counted_bytes, tail.counted_us) == (3, 9_900_000, 4_500_000)
    assert (tail.measured_peak_bps, tail.measured_average_bps) == (2_000_000, 17_600_000)
    after = Timeline(live_of(timeline), 8, 100).tails()["v1"]
    assert (after.counted_bytes, after.measured_peak_bps) == (9_900_000, 2_000_000)


def test_a_name_nobody_gave_has_no_parts() -> None:
    """The next part's number is asked for before the first run's first part."""
    assert fresh("v1").next_part("v1") == fresh("v1").next_part("v2") == 0


def test_an_ended_list_is_what_stands_whole() -> None:
    """The open segment of an ended broadcast is not listed."""
    timeline = fresh("v1")
    segment(timeline, "v1")
    join(timeline, "v1")
    assert len(listed(live_of(timeline, is_ended=True), "v1").segments) == 1
    assert timeline.take_changed() == {"v1": timeline.tails()["v1"]}
    assert timeline.take_changed() == {}
    assert isinstance(timeline.tails()["v1"], Tail)
