from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.jobs import Health, Measured, Source
from media.verdicts import GAUGES, judge
from tests.unit.media.test_faults import report


def known(**changed: Any) -> list[str]:
    return [figure.metric for figure in judge(report(**changed))]


def test_a_stream_by_the_book_is_good_in_everything() -> None:
    """Every metric, in order, with a sentence of its own."""
    figures = judge(report())
    assert [figure.metric for figure in figures] == list(GAUGES)
    assert {(figure.verdict, figure.code) for figure in figures} == {("good", "ok")}
    assert len({figure.advice for figure in figures}) == len(figures)
    assert {figure.metric: figure.value for figure in figures} == {
        "video_kbps": 6_000,
        "fps": 60.0,
        "dropped_percent": 0.0,
        "keyframe_seconds": 2.0,
        "b_frames": 2,
        "height": 1080,
        "timestamp_jumps": 0,
        "audio_kbps": 160,
        "audio_db": -20.0,
        "silent_seconds": 0.0,
        "speed": 1.0,
    }


def test_an_older_worker_tells_nothing() -> None:
    """Its reports have no measured figures."""
    assert judge(msgspec.structs.replace(report(), measured=None)) == ()


def test_rates_are_not_judged_before_they_are_settled() -> None:
    """A stream of two seconds has a size and a clock; absent sound and picture are told at once."""
    assert known(steady_seconds=2.0, audio_db=None, silent_seconds=None, speed=0.0) == ["height", "timestamp_jumps"]
    early = {"steady_seconds": 2.0, "audio_db": None, "silent_seconds": None, "speed": 0.0}
    assert known(**early, video_codec="") == ["video_kbps", "timestamp_jumps"]
    assert known(**early, audio_codec="") == ["height", "timestamp_jumps", "audio_kbps"]


def test_what_is_not_there_has_no_value() -> None:
    """No picture: nothing of frames; no sound: nothing of levels."""
    figures = judge(report(video_codec="", keyframe_seconds=None))
    assert [(figure.metric, figure.value) for figure in figures[:2]] == [("video_kbps", None), ("timestamp_jumps", 0)]
    (sound,) = [
        figure
        for figure in judge(report(audio_codec="", audio_db=None, silent_seconds=None))
        if "audio" in figure.metric
    ]
    assert (sound.value, sound.code) == (None, "no_audio")


@pytest.mark.parametrize(("so_far", "is_known"), [(3.0, False), (4.5, True)])
def test_the_first_distance_of_key_frames(so_far: float, *, is_known: bool) -> None:
    """While it is open it says nothing, unless it is too long already."""
    assert ("keyframe_seconds" in known(last_keyframe_seconds=0.0, keyframe_seconds=so_far)) is is_known


NUMBERS = st.floats(0, 1e9)
COUNTS = st.integers(0, 10**9)


@given(
    st.builds(
        Source,
        COUNTS,
        COUNTS,
        NUMBERS,
        st.sampled_from(["", "h264"]),
        st.sampled_from(["", "aac"]),
        COUNTS,
        COUNTS,
        st.none() | NUMBERS,
    ),
    st.builds(
        Measured,
        NUMBERS,
        NUMBERS,
        COUNTS,
        COUNTS,
        NUMBERS,
        NUMBERS,
        st.none() | st.booleans(),
        COUNTS,
        COUNTS,
        st.none() | st.floats(-120, 20),
        st.none() | NUMBERS,
    ),
    NUMBERS,
)
def test_whatever_is_measured_is_judged(source: Source, measured: Measured, speed: float) -> None:
    """Each metric once at most, in order, with whole sentences; it can be sent."""
    figures = judge(
        Health(
            public_id="a",
            publish_count=1,
            generation=1,
            at_ms=1,
            source=source,
            renditions=(),
            speed=speed,
            measured=measured,
        )
    )
    places = [list(GAUGES).index(figure.metric) for figure in figures]
    assert places == sorted(set(places))
    assert all("{" not in figure.advice for figure in figures)
    msgspec.json.encode(figures)
