"""What is asked of FFmpeg while the encoder is away."""

import itertools
from fractions import Fraction

import pytest

from media.command import part_frames
from media.ladder import AUDIO
from media.parts import part_target_us
from media.slate import CORES, FPS, LEAST_KBPS, slate_command, slate_plan
from media.window import Rendition

RENDITIONS = (
    Rendition("v1", "video", "avc1.64001f", 3_000_000, 2_500_000, width=1281, height=720, fps=30.0),
    Rendition("v3", "video", "avc1.640015", 200_000, 150_000, width=427, height=241, fps=30.0),
    Rendition("audio", "audio", "mp4a.40.2", 150_000, 140_000),
)
FDS = {"v1": 3, "v3": 4, "audio": 5, "progress": 6, "thumbnail": 7}


def after(argv: list[str], flag: str) -> list[str]:
    return [value for name, value in itertools.pairwise(argv) if name == flag]


def test_the_places_of_the_ladder_are_kept() -> None:
    """Names and sizes (even ones, as x264 wants), a seventh of the bits, but never too few."""
    plan = slate_plan(RENDITIONS)
    assert [(rung.name, rung.width, rung.height, rung.fps) for rung in plan.video] == [
        ("v1", 1280, 720, FPS),
        ("v3", 426, 240, FPS),
    ]
    assert [rung.kbps for rung in plan.video] == [375, LEAST_KBPS]
    assert not any(rung.is_copied for rung in plan.video)
    assert CORES < plan.cores < 0.3


def test_the_last_picture_is_dimmed_once_and_paced_in_real_time() -> None:
    """One picture in, one filter graph, one output for each place, and silence."""
    argv = slate_command("ffmpeg", slate_plan(RENDITIONS), FDS, 334_334, "/tmp/last.jpg")  # never opened
    assert after(argv, "-i") == ["/tmp/last.jpg", "anullsrc=r=48000:cl=stereo"]
    assert [value for value in argv if value.startswith("pipe:")] == ["pipe:6", "pipe:3", "pipe:4", "pipe:5"]
    (graph,) = after(argv, "-filter_complex")
    assert graph.count("gblur") == graph.count("realtime") == 1
    assert "scale=1280:720" in graph
    assert "scale=426:240" in graph
    assert after(argv, "-map") == ["[v1]", "[v3]", "1:a:0"]
    assert after(argv, "-force_key_frames") == ["expr:gte(t,n_forced*2)"] * 2


def test_without_a_picture_the_slate_is_grey() -> None:
    """A broadcast whose first thumbnail never came."""
    argv = slate_command("ffmpeg", slate_plan(RENDITIONS), FDS, 334_334, None)
    assert after(argv, "-i")[0].startswith("color=")


def test_a_broadcast_of_sound_alone_gets_silence() -> None:
    """No picture, no filter graph: the sound is the first input."""
    plan = slate_plan(RENDITIONS[2:])
    assert plan.video == ()
    argv = slate_command("ffmpeg", plan, FDS, 333_334, None)
    assert after(argv, "-map") == ["0:a:0"]
    assert "-filter_complex" not in argv
    assert argv[-1] == f"pipe:{FDS[AUDIO]}"


@pytest.mark.parametrize("fps", [*range(10, 61), 23.976, 29.97, 59.94])
def test_its_parts_are_lawful_under_every_target(fps: float) -> None:
    """Whole frames of the slate fill at least 85 % of the PART-TARGET that the first source chose."""
    target_us = part_target_us(fps)
    seconds = Fraction(part_frames(target_us, FPS), FPS)
    assert Fraction(85, 100) * target_us <= seconds * 1_000_000 <= target_us


def test_a_list_stays_in_its_codec() -> None:
    """HEVC and AV1 rungs are shown the slate in HEVC and AV1."""
    lists = [
        Rendition(name, "video", codecs, 1_000_000, 800_000, 640, 360, 30.0)
        for name, codecs in (("v1", "avc1.64001f"), ("hevc_1", "hvc1.1.6.L90.90"), ("av1_1", "av01.0.04M.08"))
    ]
    ladder = slate_plan(lists)
    assert [rung.codec for rung in ladder.video] == ["h264", "hevc", "av1"]
    descriptors = {"v1": 3, "hevc_1": 4, "av1_1": 5, "audio": 6, "progress": 7}
    argv = slate_command("ffmpeg", ladder, descriptors, 333_334, None)
    assert [value for flag, value in itertools.pairwise(argv) if flag == "-c:v"] == ["libx264", "libx265", "libsvtav1"]
    assert argv.count("expr:gte(t,n_forced*2)") == 3
