from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.frames import JUMPS_MAX, FrameMeter

INTERVAL_MS = 1000 / 30
LONGEST_MS = 3_000


def fed(times_ms: list[int], offsets_ms: list[int] | None = None, gop: int = 60) -> FrameMeter:
    meter = FrameMeter()
    for place, time_ms in enumerate(times_ms):
        meter.pass_time(time_ms, LONGEST_MS)
        offset_ms = offsets_ms[place] if offsets_ms else 0
        meter.take(time_ms, offset_ms, INTERVAL_MS, is_key=place % gop == 0)
    return meter


def at_30(count: int) -> list[int]:
    """FLV's whole milliseconds."""
    return [round(place * INTERVAL_MS) for place in range(count)]


def test_a_steady_picture_misses_nothing() -> None:
    """Rounded times are no holes; nothing at all is nothing missing."""
    meter = fed(at_30(300))
    assert (meter.missing, meter.missing_percent, meter.jumps, meter.b_frames) == (0, 0.0, 0, 0)
    assert meter.steady_seconds == pytest.approx(299 / 30, abs=0.01)
    assert FrameMeter().missing_percent == 0.0


def test_holes_are_counted_in_frames_and_forgotten_after_a_minute() -> None:
    """Three of each thirty gone, then a clean minute."""
    times = [time_ms for place, time_ms in enumerate(at_30(900)) if place % 30 not in {4, 5, 6}]
    meter = fed(times)
    assert meter.missing == 90
    assert meter.missing_percent == pytest.approx(10)
    for time_ms in range(times[-1] + 33, times[-1] + 62_000, 33):
        meter.pass_time(time_ms, LONGEST_MS)
        meter.take(time_ms, 0, INTERVAL_MS, is_key=False)
    assert meter.missing == 0


@given(st.sets(st.integers(1, 598)))
def test_every_frame_left_out_is_missing(gone: set[int]) -> None:
    """Whatever goes between the first and the last, short of a jump."""
    times = [time_ms for place, time_ms in enumerate(at_30(600)) if place not in gone]
    assert fed(times).missing == len(gone)
    assert all(later > earlier for earlier, later in pairwise(times))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([0, 1, 2, 3, 4, 5], 0),
        ([0, 2, 1, 4, 3, 6, 5], 1),
        ([0, 3, 1, 2, 6, 4, 5], 2),
        ([0, 4, 2, 1, 3, 8, 6, 5, 7], 3),  # a pyramid
    ],
)
def test_b_frames_are_those_shown_before_an_earlier_one(order: list[int], expected: int) -> None:
    """`order`: the place in which each decoded frame is shown."""
    times = at_30(len(order))
    offsets = [round((shown - decoded + 2) * INTERVAL_MS) for decoded, shown in enumerate(order)]
    assert fed(times, offsets).b_frames == expected


def test_b_frames_of_two_groups_ago_are_forgotten() -> None:
    """An encoder that was set anew is seen to be."""
    times = at_30(9)
    meter = fed(times, [0, 99, 0, 0, 0, 0, 0, 0, 0], gop=3)
    assert meter.b_frames == 0
    assert fed(times[:4], [0, 99, 0, 0], gop=3).b_frames == 1


def test_a_jump_is_counted_and_what_lay_between_is_not_missing() -> None:
    """Ten minutes of media later it is forgotten; a change of source is no jump."""
    meter = fed(at_30(30))
    meter.begin(is_jump=True)
    meter.begin(is_jump=False)
    assert (meter.jumps, meter.steady_seconds) == (1, 0.0)
    meter.pass_time(90_000_000, LONGEST_MS)
    meter.take(90_000_000, 0, INTERVAL_MS, is_key=True)
    assert meter.missing == 0
    for time_ms in range(90_000_000, 90_601_000, 1_000):
        meter.pass_time(time_ms, LONGEST_MS)
    assert meter.jumps == 0


def test_jumps_are_bounded() -> None:
    """A clock that jumps with every tag fills no memory."""
    meter = FrameMeter()
    for _ in range(JUMPS_MAX + 5):
        meter.begin(is_jump=True)
    assert meter.jumps == JUMPS_MAX


def test_a_long_distance_counts_no_more_than_the_longest() -> None:
    """Sound and picture come out of order by a little; time goes on by the later of them."""
    meter = FrameMeter()
    for time_ms in (1_000, 1_040, 1_020, 1_060, 9_000):
        meter.pass_time(time_ms, LONGEST_MS)
    assert meter.played_ms == 60 + LONGEST_MS
