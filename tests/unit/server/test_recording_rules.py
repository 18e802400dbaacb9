"""server.recordings.rules: what is kept, what goes first, who may watch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.window import Master, Piece, Record, Rendition
from server.recordings.rules import (
    Kept,
    Measure,
    Span,
    covering,
    files_of,
    joined,
    may_watch,
    measure,
    over,
    playable,
    span_of,
    unbroken,
    unneeded,
)

V1 = Rendition("v1", "video", "avc1", 2_000_000, 1_500_000, 1280, 720)
V2 = Rendition("v2", "video", "avc1", 800_000, 600_000, 640, 360)
SOUND = Rendition("audio", "audio", "mp4a", 128_000, 128_000)


def record(sequence: int, *names: str, is_slate: bool = False, at_ms: int = 0) -> Record:
    pieces = {name: Piece(2000, 1000, 100) for name in names}
    return Record(sequence, 7, 1, at_ms, 2_000_000, has_discontinuity=False, is_slate=is_slate, pieces=pieces)


def test_the_oldest_goes_until_channel_and_site_fit() -> None:
    """A channel over its quota loses its own; the site the oldest of all; what is open counts and stays."""
    kept = [Kept(3, 1, 300.0, 100), Kept(1, 1, 100.0, 100), Kept(2, 2, 200.0, 100)]
    assert over(kept, {}, 200, 300) == []
    assert over(kept, {}, 100, 300) == [1]
    assert over(kept, {2: 150}, 200, 10_000) == [2]
    assert over(kept, {}, 200, 299) == [1]
    assert over(kept, {9: 150}, 200, 250) == [1, 2]
    assert over(kept, {9: 1000}, 1000, 10) == [1, 2, 3], "and still there is too much"


@given(
    st.lists(st.tuples(st.integers(1, 4), st.floats(0, 1e9), st.integers(0, 1000)), max_size=30),
    st.integers(0, 3000),
    st.integers(0, 6000),
)
def test_what_is_left_fits(recordings: list[tuple[int, float, int]], channel_max: int, site_max: int) -> None:
    """Whatever there was; and nothing newer went while something older of the same channel stayed."""
    kept = [Kept(number, *one) for number, one in enumerate(recordings)]
    gone = set(over(kept, {}, channel_max, site_max))
    left = [one for one in kept if one.broadcast_id not in gone]
    assert sum(one.size_bytes for one in left) <= site_max
    for channel in {one.channel_id for one in kept}:
        mine = [one for one in left if one.channel_id == channel]
        assert sum(one.size_bytes for one in mine) <= channel_max
        lost = [one.ended_at for one in kept if one.broadcast_id in gone and one.channel_id == channel]
        assert max(lost, default=0.0) <= min((one.ended_at for one in mine), default=1e9)


def test_a_recording_is_measured_without_slate_and_gaps() -> None:
    """But slate takes room; nothing counts behind the place where the recording stopped."""
    records = [record(0, "v1", "audio"), record(1), record(2, "v1", is_slate=True), record(3, "v1")]
    assert measure(records, None) == Measure(2, 4000, 400)
    assert measure(records, 2) == Measure(1, 2000, 300)
    assert measure(records, -1) == Measure()
    assert playable(records, None) == [records[0], *records[2:]]
    assert playable(records, 2) == [records[0], records[2]]


def test_renditions_that_left_stay_known() -> None:
    """The newest word on each holds; a Redis that has lost all says nothing."""
    early = Master((V1, V2, SOUND), 2, 500_000)
    late = Master((V1, SOUND), 2, 500_000)
    assert joined(early, late).renditions == (V1, SOUND, V2)
    assert joined(Master(), early) == early
    assert joined(early, Master()) == early


def test_a_rendition_that_was_hardly_there_is_not_offered() -> None:
    """Of each kind those that miss at most a tenth."""
    records = [record(number, "v1", "audio", *(["v2"] if number < 9 else [])) for number in range(10)]
    assert covering((V1, V2, SOUND), records) == [V1, V2, SOUND]
    records.append(record(10, "v1", "audio"))
    assert covering((V1, V2, SOUND), records) == [V1, SOUND]
    assert covering((V1, V2, SOUND), [record(0, "audio")]) == [SOUND]
    assert covering((V1,), []) == []


def test_a_spine_is_without_a_hole() -> None:
    """What lies before the last hole does not count."""
    records = [record(number) for number in (0, 1, 5, 6)]
    assert list(unbroken(records)) == records[2:]
    assert list(unbroken(records[2:])) == records[2:]
    assert list(unbroken([])) == []


def test_a_record_stands_for_a_file_in_each_rendition() -> None:
    """By the names that the worker gave."""
    assert files_of("b1", [record(4, "v1", "audio")]) == ["b1/v1/7-4.m4s", "b1/audio/7-4.m4s"]


def test_what_was_unlisted_long_enough_is_unneeded() -> None:
    """Counted from the segment's end."""
    records = [record(number, at_ms=number * 2000) for number in range(3)]
    assert unneeded(records, 2, 10.0, 11.9) == []
    assert unneeded(records, 2, 10.0, 12.0) == records[:1]
    assert unneeded(records, 2, 10.0, 100.0) == records[:2]


@pytest.mark.parametrize(
    ("visibility", "anybody", "owner", "staff"),
    [("public", True, True, True), ("unlisted", True, True, True), ("private", False, True, True)],
)
def test_a_private_recording_is_its_owners(visibility: str, *, anybody: bool, owner: bool, staff: bool) -> None:
    """And staff's; an unlisted one is whoever's has the address."""
    assert may_watch(visibility, is_owner=False, is_staff=False) is anybody  # type: ignore[arg-type]  # a case's text
    assert may_watch(visibility, is_owner=True, is_staff=False) is owner  # type: ignore[arg-type]
    assert may_watch(visibility, is_owner=False, is_staff=True) is staff  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-", Span(0, None)),
        ("bytes=10-19", Span(10, 20)),
        ("bytes=5-5", Span(5, 6)),
        (None, None),
        ("bytes=-500", None),
        ("bytes=20-10", None),
        ("bytes=0-1,5-6", None),
        ("bytes=" + "9" * 40 + "-", None),
        ("items=0-1", None),
    ],
)
def test_one_span_is_answered(header: str | None, span: Span | None) -> None:
    """Anything else is answered with the whole, as RFC 9110 §14.2 allows."""
    assert span_of(header) == span
