"""From a spine and tails to lists: what is listed, where a list begins, and how long a file must stay."""

from dataclasses import replace
from fractions import Fraction

import msgspec
import pytest

from media.window import (
    SEGMENTS_MIN,
    Live,
    Master,
    MediaWindow,
    Part,
    Piece,
    Record,
    Rendition,
    Segment,
    Tail,
    init_name,
    live_start,
    part_name,
    retention_seconds,
    segment_name,
    segment_of,
    window,
)

VIDEO = Rendition("v1", "video", "avc1.64001f", 3_000_000, 2_500_000, width=1280, height=720, fps=30.0)
MASTER = Master((VIDEO,), 2, 334_334)


def record(sequence: int, *, seconds: float = 2.0, has_break: bool = False, names: tuple[str, ...] = ("v1",)) -> Record:
    pieces = {name: Piece(round(seconds * 90_000), 90_000, 500_000, 9_000) for name in names}
    return Record(
        sequence,
        generation=7,
        run=1,
        program_date_time_ms=1_000 * sequence,
        duration_us=round(seconds * 1_000_000),
        has_discontinuity=has_break,
        is_slate=False,
        pieces=pieces,
    )


def live_of(count: int, *, first: int = 0, seconds: float = 2.0, breaks: tuple[int, ...] = ()) -> Live:
    """A spine of so many records under an empty tail."""
    records = [record(number, seconds=seconds, has_break=number in breaks) for number in range(first, first + count)]
    return Live(7, MASTER, first, 3, records, {"v1": Tail(generation=7)})


def open_segment(sequence: int, parts: int = 2) -> Segment:
    return Segment(
        sequence=sequence,
        generation=7,
        run=1,
        timescale=90_000,
        duration_ticks=30_000 * parts,
        program_date_time_ms=1_000 * sequence,
        is_open=True,
        parts=tuple(Part(number, 30_000, 100, number == 0) for number in range(parts)),
    )


def listed(live: Live, name: str = "v1", start: int | None = None) -> MediaWindow:
    found = window(live, name, start)
    assert found is not None
    return found


def test_names_follow_from_numbers() -> None:
    """What decision 007 says of files; a segment knows its own."""
    assert (init_name(7, 2), segment_name(7, 12), part_name(7, 30)) == ("7-2-init.mp4", "7-12.m4s", "7-p30.m4s")
    segment = segment_of(record(4), "v1")
    assert (segment.name, segment.init, float(segment.duration)) == ("7-4.m4s", "7-1-init.mp4", 2)


def test_the_live_list_has_thirty_seconds() -> None:
    """2 s segments: the last 15, numbered on; shorter spines are listed whole."""
    assert (listed(live_of(40)).media_sequence, len(listed(live_of(40)).segments)) == (25, 15)
    assert listed(live_of(15)).media_sequence == 0
    assert listed(live_of(3)).duration == 6
    assert listed(live_of(40)).duration == 30


def test_long_segments_still_leave_six() -> None:
    """Segments of 8 s: the six that Apple demands stay though four would fill the window."""
    assert live_start(live_of(10, seconds=8.0)) == 10 - SEGMENTS_MIN


def test_the_rewind_list_has_the_whole_spine() -> None:
    """From the asked sequence number on, never before the first."""
    live = live_of(40, first=100)
    assert [segment.sequence for segment in listed(live, start=0).segments] == list(range(100, 140))
    assert listed(live, start=130).media_sequence == 130


def test_breaks_in_front_of_a_list_are_counted() -> None:
    """EXT-X-DISCONTINUITY-SEQUENCE is what had gone from the spine plus what this list leaves out."""
    live = live_of(40, breaks=(3, 24, 25))
    window = listed(live)
    assert (window.media_sequence, window.discontinuity_sequence) == (25, 5)
    assert window.segments[0].has_discontinuity
    assert listed(live, start=0).discontinuity_sequence == 3


def test_a_tail_shows_what_the_spine_does_not() -> None:
    """Where both have a segment the tail's one, with its parts, is listed; an open one ends the list."""
    whole = msgspec.structs.replace(open_segment(19), is_open=False)
    tail = Tail((whole, open_segment(20, 1)), generation=7, next_part=13)
    window = listed(replace(live_of(20), tails={"v1": tail}))
    assert [segment.sequence for segment in window.segments] == list(range(5, 21))
    assert window.segments[-2].parts == whole.parts
    assert (window.last_whole, window.open_parts, window.generation, window.next_part) == (19, 1, 7, 13)


def test_a_list_may_begin_inside_its_tail() -> None:
    """A start behind the tail's first segments leaves them out."""
    segments = tuple(msgspec.structs.replace(open_segment(number), is_open=False) for number in (2, 3, 4))
    live = replace(live_of(5), tails={"v1": Tail(segments)})
    assert [segment.sequence for segment in listed(live, start=3).segments] == [3, 4]


def test_positions_of_a_list_without_an_open_segment() -> None:
    """An empty list's last whole segment is the one before its first; nothing is open in a list of whole ones."""
    assert (listed(live_of(0, first=9)).last_whole, listed(live_of(0)).open_parts) == (8, 0)
    assert (listed(live_of(4)).last_whole, listed(live_of(4)).open_parts) == (3, 0)
    assert listed(live_of(4)).duration == Fraction(8)


def test_a_rendition_that_stopped_goes_on_as_gaps() -> None:
    """Its list stays as long as the others', with what it had, then GAPs of the reference's length."""
    whole = msgspec.structs.replace(open_segment(2), is_open=False)
    records = [record(number, names=("v1", "v2") if number < 3 else ("v2",)) for number in range(6)]
    live = Live(7, MASTER, 0, 0, records, {"v1": Tail((whole,)), "v2": Tail()})
    window = listed(live)
    assert [segment.sequence for segment in window.segments] == list(range(6))
    assert [segment.is_gap for segment in window.segments] == [False] * 3 + [True] * 3
    assert window.segments[3].duration == 2
    assert listed(live, start=4).segments == window.segments[4:]
    assert not any(segment.is_gap for segment in listed(live, "v2").segments)


def test_a_rendition_that_never_was_has_no_list() -> None:
    """Nobody gave that name; before the first tail nobody gave any."""
    assert window(live_of(3), "v9") is None
    assert window(Live(), "v1") is None


def test_an_ended_list_has_no_open_segment() -> None:
    """What never became whole is not in the final list."""
    live = replace(live_of(3), tails={"v1": Tail((open_segment(3),))}, is_ended=True)
    window = listed(live)
    assert window.is_ended
    assert [segment.sequence for segment in window.segments] == [0, 1, 2]


@pytest.mark.parametrize(("segments", "us", "average"), [(2, 4_000_000, 0), (3, 6_000_000, 2_000_000), (3, 0, 0)])
def test_an_average_needs_three_segments(segments: int, us: int, average: int) -> None:
    """Two say too little; rounded up."""
    assert Tail(counted_segments=segments, counted_bytes=1_500_000, counted_us=us).measured_average_bps == average
    assert Tail(counted_segments=3, counted_bytes=1, counted_us=9_000_000).measured_average_bps == 1


def test_renditions_are_the_masters() -> None:
    """And the next record follows the spine's last."""
    assert live_of(3, first=4).renditions == (VIDEO,)
    assert live_of(3, first=4).next_sequence == 7
    assert live_of(3).tail("v2") is None


def test_a_file_outlives_every_list_that_held_it() -> None:
    """RFC 8216bis §6.2.2: the segment's duration and the longest playlist's, and never less than the live list's."""
    assert retention_seconds(2, 0) == 34
    assert retention_seconds(2, 14_400) == 14_404
