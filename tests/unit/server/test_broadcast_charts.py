import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.broadcasts.charts import (
    CHART_POINTS,
    NAMES,
    SLOT_SECONDS,
    Point,
    chart,
    decode_all,
    encode,
    finished,
    mean,
    point_of,
    step_of,
)
from tests.unit.media.test_faults import report

VALUES = st.none() | st.floats(-1e6, 1e6)
POINTS = st.builds(Point, st.integers(0, 2**41), VALUES, VALUES, VALUES, VALUES, VALUES, VALUES)


def at(at_ms: int, kbps: float | None = 1.0) -> Point:
    return Point(at_ms, kbps, 30.0, 2.0, -20.0, 1.0, 0.0)


def test_what_is_kept_of_a_report() -> None:
    """Rates of a picture that is not there are no zeros; a speed that is not known is none."""
    assert point_of(report()).values == (6_000, 60.0, 2.0, -20.0, 1.0, 0)
    assert point_of(report(video_codec="", keyframe_seconds=None, speed=0.0)).values == (
        None,
        None,
        None,
        -20.0,
        None,
        None,
    )
    assert point_of(msgspec.structs.replace(report(), measured=None)).values == (6_000, 60.0, 2.0, None, 1.0, None)


@given(st.lists(POINTS, max_size=5))
def test_points_are_read_back(points: list[Point]) -> None:
    """And what is none of ours is left out."""
    kept = [encode(point) for point in points]
    assert decode_all([b"{}", *kept, b"\xff", b"[1]"]) == points


def test_a_mean_is_of_what_is_known() -> None:
    """None only where none has it."""
    assert mean([at(0, 1.0), at(1, None), at(2, 3.0)], 7).values[0] == 2.0
    assert mean([at(0, None)], 7) == at(7, None)


def test_a_slot_is_finished_when_the_next_begins() -> None:
    """Once: by the first report after it; one that comes late finishes nothing."""
    before = [at(1_000, 9.0), at(10_000, 1.0), at(12_000, 3.0)]
    assert finished(before, at(14_000)) is None
    assert finished(before, at(20_000)) == at(10_000, 2.0)
    assert finished(before, at(9_000)) is None
    assert finished([], at(9_000)) is None


def test_a_chart_has_holes_where_nothing_is_known() -> None:
    """Points outside are left out; several in one step are their mean."""
    made = chart([at(999), at(1_000, 1.0), at(2_999, 3.0), at(5_000, 5.0), at(7_000)], 1_000, 2, 3)
    assert (made.step_seconds, made.from_ms) == (2, 1_000)
    assert made.series.video_kbps == [2.0, None, 5.0]
    assert made.series.dropped == [0.0, None, 0.0]


@given(st.lists(POINTS, max_size=30), st.integers(0, 2**41), st.integers(1, 20), st.integers(0, 50))
def test_all_lines_have_one_length(points: list[Point], from_ms: int, step: int, count: int) -> None:
    """Whatever there is."""
    made = msgspec.to_builtins(chart(points, from_ms, step, count))
    assert tuple(made["series"]) == NAMES
    assert {len(line) for line in made["series"].values()} == {count}


@pytest.mark.parametrize(("span_seconds", "step"), [(0, 10), (10, 10), (20_000, 10), (20_001, 20), (172_800, 90)])
def test_a_long_broadcast_is_charted_more_coarsely(span_seconds: int, step: int) -> None:
    """In whole slots, never more points than a screen shows."""
    assert step_of(span_seconds) == step
    assert span_seconds / step <= CHART_POINTS
    assert step % SLOT_SECONDS == 0
