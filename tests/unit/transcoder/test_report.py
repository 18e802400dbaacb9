from dataclasses import replace

import pytest

from media.source import Health, Source
from tests.unit.transcoder.test_levels import lines
from transcoder.levels import LevelReader
from transcoder.report import Heard, heard_of, measured, shown, warned

SOURCE = Source(
    "h264", 1280, 720, 30.0, is_copyable=True, audio_codec="aac", rate_hz=48_000, channels=2, video_kbps=0.0
)
WELL = Health(fps=29.97, video_kbps=2500.4, audio_kbps=127.6, keyframe_seconds=2.0)


def test_a_healthy_stream_has_no_warnings() -> None:
    """Two-second key frames, sound, full speed."""
    assert warned(SOURCE, WELL, 1.0) == []
    assert warned(SOURCE, WELL, 0.0) == []


@pytest.mark.parametrize(
    ("source", "health", "speed", "code"),
    [
        (SOURCE, replace(WELL, keyframe_seconds=9.9), 1.0, "keyframes_far_apart"),
        (replace(SOURCE, audio_codec=None), WELL, 1.0, "no_audio"),
        (replace(SOURCE, video_codec=None), WELL, 1.0, "no_video"),
        (SOURCE, WELL, 0.8, "transcoder_slow"),
    ],
)
def test_each_fault_has_a_code_and_a_sentence(source: Source, health: Health, speed: float, code: str) -> None:
    """What the streamer can mend is said so that they can."""
    (warning,) = warned(source, health, speed)
    assert warning.code == code
    assert warning.message.endswith(".")


def test_figures_are_rounded_for_people() -> None:
    """Measured rates; without a picture there is no distance of key frames."""
    figures = shown(SOURCE, WELL)
    assert (figures.fps, figures.video_kbps, figures.audio_kbps, figures.keyframe_seconds) == (29.97, 2500, 128, 2.0)
    assert shown(replace(SOURCE, video_codec=None), WELL).keyframe_seconds is None
    assert shown(SOURCE, replace(WELL, fps=0.0)).fps == 30.0


def levels(*found: tuple[float, str]) -> LevelReader:
    reader = LevelReader()
    reader.feed(lines(*found))
    return reader


@pytest.mark.parametrize(
    ("away_seconds", "heard"),
    [(0.4, Heard(-20.0, 0.0)), (7.0, Heard(-20.0, 7.0))],
)
def test_sound_that_stays_away_is_silence(away_seconds: float, heard: Heard) -> None:
    """Encoders send it a little later than the picture, as it is."""
    assert heard_of(SOURCE, levels((1.0, "-20")), away_seconds) == heard


def test_what_cannot_be_heard_is_not_known() -> None:
    """No sound at all, or none measured yet: the silence that is put in its place says nothing."""
    assert heard_of(replace(SOURCE, audio_codec=None), levels((1.0, "-inf")), 0.0) == Heard()
    assert heard_of(SOURCE, LevelReader(), 0.4) == Heard()
    assert heard_of(SOURCE, LevelReader(), 9.0) == Heard(None, 9.0)


def test_measured_figures_are_rounded_for_people() -> None:
    """Those that are not known stay so."""
    health = replace(WELL, nominal_fps=29.970029, missing_percent=1.23456, steady_seconds=7.77, are_keys_regular=True)
    found = measured(replace(SOURCE, video_kbps=2500.4), health, Heard(-20.123, 1.06))
    assert (found.nominal_fps, found.missing_percent, found.steady_seconds) == (29.97, 1.23, 7.8)
    assert (found.claimed_kbps, found.are_keys_regular) == (2500, True)
    assert (found.audio_db, found.silent_seconds) == (-20.1, 1.1)
    quiet = measured(SOURCE, WELL, Heard())
    assert (quiet.audio_db, quiet.silent_seconds) == (None, None)
