from dataclasses import replace

import pytest

from media.source import Health, Source
from transcoder.report import shown, warned

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
