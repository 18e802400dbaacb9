from itertools import pairwise

import pytest

from media.encoders import ENCODERS, FALLBACK, VAAPI_DEVICE, Rates, arguments, devices, uploads

RATES = Rates(fps=30.0, megapixels=27.6, kbps=2000, crf=None, preset="superfast", longest_gop_frames=120)
CAPPED = Rates(fps=30.0, megapixels=6.9, kbps=2000, crf=23, preset="veryfast", longest_gop_frames=120)


def after(argv: list[str], flag: str) -> list[str]:
    return [value for name, value in pairwise(argv) if name == flag]


@pytest.mark.parametrize("name", ENCODERS)
def test_no_encoder_places_key_frames_of_its_own(name: str) -> None:
    """No B-frames, a GOP bound that is never reached, a cap on the rate, parameter sets where Apple wants them."""
    for rates in (RATES, CAPPED):
        argv = arguments(name, rates)
        assert after(argv, "-c:v") == [name]
        assert after(argv, "-bf") == ["0"]
        assert after(argv, "-g") == ["120"]
        assert after(argv, "-maxrate")[0] in {"2200k", "2000k"}
        assert after(argv, "-bufsize") == ["3000k"]
        assert after(argv, "-tag:v") == (["hvc1"] if ENCODERS[name].codec == "hevc" else [])


@pytest.mark.parametrize(
    ("name", "flag", "told"),
    [
        ("libx264", "-x264-params", "scenecut=0:open-gop=0"),
        ("libx265", "-x265-params", "scenecut=0:open-gop=0"),
        ("libsvtav1", "-svtav1-params", "scd=0"),
        ("h264_nvenc", "-no-scenecut", "1"),
        ("hevc_qsv", "-adaptive_i", "0"),
    ],
)
def test_scene_cuts_are_off(name: str, flag: str, told: str) -> None:
    """Each encoder by its own word; VAAPI's make none."""
    (value,) = after(arguments(name, RATES), flag)
    assert value.startswith(told)


@pytest.mark.parametrize(
    ("name", "flag"),
    [("libx264", "-crf"), ("libx265", "-crf"), ("h264_nvenc", "-cq"), ("av1_qsv", "-global_quality"),
     ("h264_vaapi", "-global_quality")],
)  # fmt: skip
def test_a_capped_quality_keeps_the_cap(name: str, flag: str) -> None:
    """The quality's own option in place of the rate."""
    assert after(arguments(name, CAPPED), flag) == ["23"]
    assert not after(arguments(name, RATES), flag)


@pytest.mark.parametrize(
    ("name", "megapixels", "preset", "threads"),
    [
        ("libx264", 27.648, "superfast", "1"),
        ("libx264", 55.3, "veryfast", "2"),
        ("libx264", 27.648, "medium", "2"),
        ("libx264", 6.9, "medium", "1"),
    ],
)
def test_one_thread_where_one_is_far_fast_enough(name: str, megapixels: float, preset: str, threads: str) -> None:
    """A second one costs more, and holds each frame back."""
    assert after(arguments(name, Rates(30.0, megapixels, 2000, None, preset, 120)), "-threads") == [threads]


def test_x265_follows_x264s_preset() -> None:
    """Its fastest is as fast as the fastest."""
    assert after(arguments("libx265", RATES), "-preset") == ["superfast"]
    assert after(arguments("libx265", Rates(30.0, 0.5, 100, None, "ultrafast", 120)), "-preset") == ["ultrafast"]


def test_svt_av1_has_a_constant_rate_alone() -> None:
    """Its low-delay mode caps no quality: the cap is what a playlist declares."""
    assert after(arguments("libsvtav1", CAPPED), "-b:v") == ["2000k"]
    assert "-crf" not in arguments("libsvtav1", CAPPED)


def test_vaapi_takes_frames_on_its_device() -> None:
    """One device for the whole process, and an upload at the chain's end; QVBR takes a rate, too."""
    assert devices([FALLBACK, "h264_nvenc"]) == []
    assert devices([FALLBACK, "hevc_vaapi"]) == ["-vaapi_device", VAAPI_DEVICE]
    assert uploads("h264_vaapi") == "format=nv12,hwupload"
    assert uploads("h264_qsv") == "format=nv12"
    assert uploads("libx264") == uploads("av1_nvenc") == "format=yuv420p"
    assert after(arguments("h264_vaapi", CAPPED), "-rc_mode") == ["QVBR"]
    assert after(arguments("h264_vaapi", CAPPED), "-b:v") == ["2000k"]
    assert after(arguments("h264_vaapi", RATES), "-rc_mode") == ["VBR"]
    assert after(arguments("h264_nvenc", CAPPED), "-b:v") == ["0"]


def test_only_h264_is_held_to_a_profile() -> None:
    """High is what every player takes."""
    assert after(arguments("h264_nvenc", RATES), "-profile:v") == ["high"]
    assert after(arguments("hevc_nvenc", RATES), "-profile:v") == []
