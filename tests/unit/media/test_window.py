from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from media.window import (
    SEGMENTS_MAX,
    SEGMENTS_MIN,
    WINDOW_SECONDS,
    MediaWindow,
    Segment,
    WindowError,
    append,
    dropped,
    finish,
    resume,
    retention_seconds,
)

TIMESCALE = 90_000


def segment(sequence: int, ticks: int = 2 * TIMESCALE, *, size: int = 500_000, gap: bool = False) -> Segment:
    return Segment(sequence, 1, f"1-{sequence}.m4s", "1.mp4", ticks, TIMESCALE, 0, size, is_gap=gap)


def filled(count: int, ticks: int = 2 * TIMESCALE) -> MediaWindow:
    window = MediaWindow(2)
    for number in range(count):
        window = append(window, segment(number, ticks))
    return window


class Windows(RuleBasedStateMachine):
    """Whatever happens, what RFC 8216bis §6.2 says of a live list stays true."""

    def __init__(self) -> None:
        super().__init__()
        self.window = MediaWindow(2)
        self.breaks: list[int] = []  # sequence numbers of the segments that carry a DISCONTINUITY
        self.before = self.window

    @rule(ticks=st.integers(1, round(2.499 * TIMESCALE)), gap=st.booleans(), repeat=st.integers(1, 20))
    def add(self, ticks: int, gap: bool, repeat: int) -> None:  # noqa: FBT001  # hypothesis draws it
        for _ in range(repeat):
            if self.window.is_ended:
                return
            if self.window.is_broken:
                self.breaks.append(self.window.next_sequence)
            expected = self.window.next_discontinuity_sequence
            self.window = append(self.window, segment(self.window.next_sequence, ticks, gap=gap))
            listed = sum(item.has_discontinuity for item in self.window.segments)
            assert self.window.discontinuity_sequence + listed == expected

    @rule()
    def interrupt(self) -> None:
        self.window = resume(self.window)

    @rule()
    def end(self) -> None:
        if self.window.next_sequence > 500:
            self.window = finish(self.window)

    @invariant()
    def numbers_never_go_back(self) -> None:
        assert self.window.media_sequence >= self.before.media_sequence
        assert self.window.discontinuity_sequence >= self.before.discontinuity_sequence
        assert self.window.next_sequence >= self.before.next_sequence
        self.before = self.window

    @invariant()
    def segments_are_contiguous(self) -> None:
        numbers = [item.sequence for item in self.window.segments]
        assert numbers == list(range(self.window.media_sequence, self.window.next_sequence))

    @invariant()
    def breaks_are_counted_once(self) -> None:
        gone = [number for number in self.breaks if number < self.window.media_sequence]
        assert self.window.discontinuity_sequence == len(gone)
        listed = [item.sequence for item in self.window.segments if item.has_discontinuity]
        assert listed == [number for number in self.breaks if number >= self.window.media_sequence]

    @invariant()
    def the_span_is_bounded_and_long_enough(self) -> None:
        assert len(self.window.segments) <= SEGMENTS_MAX
        if self.window.media_sequence:
            assert len(self.window.segments) >= SEGMENTS_MIN
            assert self.window.duration >= WINDOW_SECONDS or len(self.window.segments) == SEGMENTS_MAX


TestWindows = Windows.TestCase


def test_the_window_keeps_thirty_seconds() -> None:
    """2 s segments: 15 stay, the 16th pushes the first out."""
    assert len(filled(15).segments) == 15
    window = filled(16)
    assert (len(window.segments), window.media_sequence, window.next_sequence) == (15, 1, 16)
    assert [item.sequence for item in dropped(filled(15), window)] == [0]


def test_long_segments_still_leave_six() -> None:
    """Segments of 8 s: the six that Apple demands stay though five would fill the window."""
    window = MediaWindow(8)
    for number in range(10):
        window = append(window, segment(number, 8 * TIMESCALE))
    assert len(window.segments) == SEGMENTS_MIN


def test_tiny_segments_do_not_pile_up() -> None:
    """The count is bounded however short the segments are."""
    assert len(filled(SEGMENTS_MAX + 5, 900).segments) == SEGMENTS_MAX


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (segment(2), "came instead of 1"),
        (segment(0), "came instead of 1"),
        (segment(1, 0), "lasts 0 ticks"),
        (segment(1, round(2.5 * TIMESCALE)), "lasts 2.500 s"),
    ],
)
def test_a_wrong_segment_may_not_join(wrong: Segment, fault: str) -> None:
    """A number out of turn, no duration, and one that rounds above the target duration are our faults, and named."""
    with pytest.raises(WindowError, match=fault):
        append(filled(1), wrong)


def test_nothing_joins_an_ended_window() -> None:
    """After ENDLIST the list is constant, whoever comes back."""
    window = finish(filled(3))
    assert resume(window) is window
    with pytest.raises(WindowError, match="has ended"):
        append(window, segment(3))


def test_the_first_segment_ever_is_no_discontinuity() -> None:
    """A worker that takes over before anything was out starts plainly."""
    assert append(resume(MediaWindow(2)), segment(0)).segments[0].has_discontinuity is False


def test_a_break_is_carried_once() -> None:
    """However often the encoder came and went in between, the next segment alone carries a DISCONTINUITY."""
    window = append(resume(resume(filled(2))), segment(2))
    window = append(window, segment(3))
    assert [item.has_discontinuity for item in window.segments] == [False, False, True, False]


@given(st.lists(st.tuples(st.integers(90_000, 180_000), st.integers(1, 10_000_000)), min_size=3, max_size=40))
def test_measures_are_true_to_the_bytes(sizes: list[tuple[int, int]]) -> None:
    """Average and peak are those of all segments that ever joined, rounded up by less than 1 bit/s in a million."""
    window = MediaWindow(2)
    for number, (ticks, size) in enumerate(sizes):
        window = append(window, segment(number, ticks, size=size))
    seconds = sum(Fraction(ticks, TIMESCALE) for ticks, _ in sizes)
    average = sum(size for _, size in sizes) * 8 / seconds
    peak = max(Fraction(size * 8 * TIMESCALE, ticks) for ticks, size in sizes)
    assert abs(window.measured_average_bps - average) <= 1 + average / 1_000_000
    assert peak <= window.measured_peak_bps < peak + 1


def test_gaps_and_scraps_say_nothing_of_the_rate() -> None:
    """A lost segment counts for nothing, a very short one not for the peak; two are too few to average."""
    window = append(MediaWindow(2), segment(0, gap=True))
    assert window.counted_segments == 0
    window = append(append(window, segment(1, TIMESCALE // 2, size=9_000_000)), segment(2))
    assert window.measured_peak_bps == 2_000_000
    assert window.measured_average_bps == 0


def test_a_dropped_file_outlives_every_list_that_held_it() -> None:
    """RFC 8216bis §6.2.2: the segment's duration and the longest playlist's, and never less than a full window's."""
    assert retention_seconds(filled(1)) == 34
    assert retention_seconds(filled(15)) == 34
    window = MediaWindow(8)
    for number in range(6):
        window = append(window, segment(number, 8 * TIMESCALE))
    assert retention_seconds(window) == 64
