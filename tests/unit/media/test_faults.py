from typing import Any

import msgspec
import pytest

from media.faults import ROWS, Reading
from media.jobs import Health, Measured, Source
from media.verdicts import GAUGES, judge

SOURCE = Source(1920, 1080, 60.0, "h264", "aac", 6_000, 160, 2.0)
MEASURED = Measured(
    steady_seconds=30.0,
    nominal_fps=60.0,
    claimed_kbps=6_000,
    missing_frames=0,
    missing_percent=0.0,
    last_keyframe_seconds=2.0,
    are_keys_regular=True,
    b_frames=2,
    timestamp_jumps=0,
    audio_db=-20.0,
    silent_seconds=0.0,
)
FIELDS = set(Source.__struct_fields__)


def report(speed: float = 1.0, **changed: Any) -> Health:
    """A stream by Twitch's book, changed in some figures of either struct."""
    source = msgspec.structs.replace(SOURCE, **{name: value for name, value in changed.items() if name in FIELDS})
    measured = msgspec.structs.replace(
        MEASURED, **{name: value for name, value in changed.items() if name not in FIELDS}
    )
    return Health(
        public_id="a",
        publish_count=1,
        generation=1,
        at_ms=1,
        source=source,
        renditions=(),
        speed=speed,
        measured=measured,
    )


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # code: what has it, and what has only just not
    "no_video": ({"video_codec": ""}, {}),
    "upload_too_slow": (
        {"video_kbps": 4_100, "missing_percent": 1.1},
        {"video_kbps": 4_300, "missing_percent": 1.1},
    ),
    "bitrate_too_high": ({"video_kbps": 15_100}, {"video_kbps": 14_900}),
    "bitrate_too_low": ({"video_kbps": 2_900}, {"video_kbps": 3_000}),
    "fps_far_below": ({"fps": 47.9}, {"fps": 48.1}),
    "fps_below": ({"fps": 56.0}, {"fps": 57.1}),
    "fps_low": ({"fps": 15.0, "nominal_fps": 15.0}, {"fps": 23.98, "nominal_fps": 23.98}),
    "fps_high": ({"fps": 120.0, "nominal_fps": 120.0}, {}),
    "frames_dropped_often": ({"missing_percent": 5.1}, {"missing_percent": 4.9}),
    "frames_dropped": ({"missing_percent": 1.1}, {"missing_percent": 0.9}),
    "keyframes_far_apart": ({"keyframe_seconds": 4.1}, {"keyframe_seconds": 4.0}),
    "keyframes_irregular": ({"are_keys_regular": False}, {"are_keys_regular": None}),
    "keyframes_sparse": ({"keyframe_seconds": 3.0}, {"keyframe_seconds": 2.5}),
    "keyframes_dense": ({"keyframe_seconds": 0.5}, {"keyframe_seconds": 1.0}),
    "b_frames_many": ({"b_frames": 3}, {"b_frames": 2}),
    "size_odd": ({"width": 1921}, {}),
    "size_large": ({"height": 1440, "width": 2560}, {"height": 1920, "width": 1080}),
    "size_small": ({"height": 240, "width": 426}, {"height": 360, "width": 640}),
    "clock_unsteady": ({"timestamp_jumps": 3}, {"timestamp_jumps": 2}),
    "clock_jumped": ({"timestamp_jumps": 1}, {}),
    "no_audio": ({"audio_codec": "", "audio_kbps": 0, "audio_db": None, "silent_seconds": None}, {}),
    "audio_bitrate_high": ({"audio_kbps": 331}, {"audio_kbps": 320}),
    "audio_bitrate_low": ({"audio_kbps": 48}, {"audio_kbps": 2, "silent_seconds": 5.0}),
    "audio_too_loud": ({"audio_db": 0.0}, {"audio_db": -9.0}),
    "audio_too_quiet": ({"audio_db": -45.0}, {"audio_db": -120.0, "silent_seconds": 5.0}),
    "audio_silent_long": ({"silent_seconds": 60.0}, {"silent_seconds": 59.0}),
    "audio_silent": ({"silent_seconds": 10.0}, {"silent_seconds": 9.0}),
    "transcoder_slow": ({"speed": 0.94}, {"speed": 0.96}),
    "transcoder_behind": ({"speed": 0.97}, {"speed": 0.99}),
}


def test_every_fault_has_a_case() -> None:
    """In the order of the table; no code twice, and the worse before the better."""
    assert [row.code for row in ROWS] == list(CASES)
    assert [row.metric for row in ROWS] == sorted((row.metric for row in ROWS), key=list(GAUGES).index)
    for metric in GAUGES:
        verdicts = [row.verdict for row in ROWS if row.metric == metric]
        assert verdicts == sorted(verdicts)  # "bad" before "warn"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.code)
def test_a_fault_is_told_with_what_to_do(row: Any) -> None:
    """Its figure has its code and verdict; the sentence is finished and names a place, or says there is none."""
    has, has_not = CASES[row.code]
    figure = next(figure for figure in judge(report(**has)) if figure.metric == row.metric)
    assert (figure.code, figure.verdict) == (row.code, row.verdict)
    assert "{" not in figure.advice
    assert figure.advice.endswith(".")
    assert "OBS" in figure.advice
    codes = [figure.code for figure in judge(report(**has_not))]
    assert row.code not in codes


@pytest.mark.parametrize(
    ("width", "height", "fps", "most_kbps"),
    [
        (640, 360, 30.0, 4_000),
        (1280, 720, 60.0, 6_000),
        (720, 1280, 60.0, 6_000),
        (1920, 1080, 30.0, 10_000),
        (3840, 2160, 60.0, 35_000),
        (7680, 4320, 30.0, 30_000),
    ],
)
def test_the_most_that_a_picture_needs(width: int, height: int, fps: float, most_kbps: int) -> None:
    """YouTube's table; an upright picture counts as one that lies."""
    changed = report(width=width, height=height, fps=fps, nominal_fps=0.0)
    assert changed.measured is not None
    assert Reading(changed.source, changed.measured, 1.0).most_kbps == most_kbps


def test_a_reading_of_little() -> None:
    """What is not known counts as nothing."""
    little = report(width=0, height=0, audio_db=None, silent_seconds=None, keyframe_seconds=None)
    assert little.measured is not None
    reading = Reading(little.source, little.measured, 0.0)
    assert (reading.bits_a_pixel, reading.silent_seconds, reading.keyframe_seconds) == (0.0, 0.0, 0.0)
    assert reading.level_db < -200
