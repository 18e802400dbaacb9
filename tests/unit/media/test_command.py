import itertools
from dataclasses import replace

import pytest

from media.command import LEVELS, command
from media.ladder import Means, plan
from media.policy import Policy
from media.source import Source

HD = Source("h264", 1280, 720, 30.0, is_copyable=True, audio_codec="aac", rate_hz=48_000, channels=2, video_kbps=3000.0)
FDS = {"v1": 3, "v2": 4, "v3": 5, "v4": 6, "audio": 7, "progress": 8, "thumbnail": 9}


def built(source: Source = HD, gop_seconds: float | None = None, rungs: int | None = None) -> list[str]:
    return command("ffmpeg", plan(source, Policy(), Means(9.0), gop_seconds=gop_seconds, rungs=rungs), FDS, 334_334)


def after(argv: list[str], flag: str) -> list[str]:
    return [value for name, value in itertools.pairwise(argv) if name == flag]


def test_every_rendition_leaves_on_its_own_descriptor() -> None:
    """One input, one output for each rung, sound, thumbnails and progress."""
    argv = built()
    assert after(argv, "-i") == ["pipe:0"]
    assert [value for value in argv if value.startswith("pipe:")] == [
        "pipe:8", "pipe:0", "pipe:3", "pipe:4", "pipe:5", "pipe:6", "pipe:7", "pipe:9",
    ]  # fmt: skip
    assert after(argv, "-progress") == ["pipe:8"]


def test_there_is_one_decode_and_one_split() -> None:
    """Thumbnails take the source's frames, each rung those of one steady pace."""
    (graph,) = after(built(), "-filter_complex")
    assert graph.startswith("[0:v:0]split=2[all][still];[all]fps=30,split=4[s0][s1][s2][s3];")
    assert "[s1]scale=854:480:flags=bilinear,setsar=1,format=yuv420p[v2]" in graph


def test_key_frames_are_forced_every_two_seconds_in_all_rungs() -> None:
    """The same expression everywhere, closed GOPs, no scene cuts."""
    argv = built()
    assert after(argv, "-force_key_frames") == ["expr:gte(t,n_forced*2)"] * 4
    assert all("scenecut=0:open-gop=0" in value for value in after(argv, "-x264-params"))


def test_rungs_of_half_the_rate_have_key_frames_at_the_same_frames() -> None:
    """Every other frame of the same pace; the others force theirs on frames that these have, too."""
    argv = built(replace(HD, fps=60.0))
    (graph,) = after(argv, "-filter_complex")
    assert "[all]fps=60,split=4" in graph
    assert "[s0]scale=1280" in graph
    assert after(argv, "-enc_time_base") == ["filter"] * 4
    assert "[s1]framestep=2,scale=854" in graph
    assert (
        after(argv, "-force_key_frames") == ["expr:gte(t,n_forced*2)*eq(mod(n,2),0)"] + ["expr:gte(t,n_forced*2)"] * 3
    )


def test_encoded_rungs_follow_a_copied_top() -> None:
    """The copy has no encoder options; the others take the source's key frames."""
    argv = built(gop_seconds=2.0)
    assert after(argv, "-c:v") == ["copy", "libx264", "libx264", "libx264", "mjpeg"]
    assert after(argv, "-force_key_frames") == ["source"] * 3


def test_beside_a_copy_the_sources_own_times_are_kept() -> None:
    """No new rate; where it is to be halved every other frame goes, but never a key frame."""
    (graph,) = after(built(gop_seconds=2.0), "-filter_complex")
    assert "[s0]scale=854:480" in graph
    assert after(built(gop_seconds=2.0), "-enc_time_base") == ["1:1000"] * 3
    (graph,) = after(built(replace(HD, fps=60.0), gop_seconds=2.0), "-filter_complex")
    assert "[s0]select='isnan(prev_selected_t)+key+gte(t-prev_selected_t,0.0250)',scale=854:480" in graph


def test_a_copy_alone_decodes_key_frames_only() -> None:
    """The decoder then serves the thumbnails."""
    argv = built(gop_seconds=2.0, rungs=1)
    assert after(argv, "-skip_frame") == ["nokey"]
    assert "libx264" not in argv
    assert not after(built(), "-skip_frame")


def test_sound_alone_needs_no_graph() -> None:
    """One output, no thumbnails."""
    argv = built(replace(HD, video_codec=None))
    assert "-filter_complex" not in argv
    assert [value for value in argv if value.startswith("pipe:")] == ["pipe:8", "pipe:0", "pipe:7"]


@pytest.mark.parametrize(
    ("fps", "text"),
    [(30.0, "30"), (29.97, "30000/1001"), (23.976, "24000/1001"), (59.94, "60000/1001"), (12.5, "12.500")],
)
def test_rates_are_exact(fps: float, text: str) -> None:
    """29.97 is a fraction, not a decimal."""
    (graph,) = after(built(replace(HD, fps=fps)), "-filter_complex")
    assert f"[all]fps={text},split" in graph


def test_the_clock_is_common_to_all_outputs() -> None:
    """Every MP4 output has the same offset and no shifting of its own."""
    argv = built()
    assert after(argv, "-output_ts_offset") == ["10"] * 5
    assert after(argv, "-avoid_negative_ts") == ["disabled"] * 5
    assert "-copyts" in argv


def test_a_policys_sound_and_quality_reach_ffmpeg() -> None:
    """Bits of sound, and a capped quality for every encoded rung."""
    ladder = plan(HD, Policy(audio_kbps=96, crf=24), Means(9.0))
    argv = command("ffmpeg", ladder, FDS, 334_334)
    assert after(argv, "-b:a") == ["96k"]
    assert after(argv, "-crf") == ["24"] * 4
    assert after(argv, "-maxrate")[0] == "2750k"


def test_rungs_of_other_encoders_are_uploaded_and_forced_alike() -> None:
    """The device comes before the input, the upload at the chain's end; key frames are where x264's are."""
    ladder = plan(HD, Policy(codecs=("h264", "hevc")), Means(9.0, sessions={"h264_vaapi": 1, "libx265": 1}))
    argv = command("ffmpeg", ladder, {**FDS, "hevc_1": 10}, 334_334)
    assert argv.index("-vaapi_device") < argv.index("-i")
    assert after(argv, "-c:v") == ["h264_vaapi", "libx264", "libx264", "libx264", "libx265", "mjpeg"]
    (graph,) = after(argv, "-filter_complex")
    assert "setsar=1,format=nv12,hwupload[v1]" in graph
    assert after(argv, "-force_key_frames") == ["expr:gte(t,n_forced*2)"] * 5


def test_levels_are_printed_only_for_a_reader() -> None:
    """Calibration and slates have none; the path of the descriptor is quoted as filters want it."""
    assert after(built(), "-af") == ["aresample=async=1000:first_pts=0"]
    ladder = plan(HD, Policy(), Means(9.0), gop_seconds=None)
    (chain,) = after(command("ffmpeg", ladder, {**FDS, LEVELS: 10}, 334_334), "-af")
    assert chain.startswith("aresample=async=1000:first_pts=0,asplit[sound][heard];[heard]aselect=")
    assert chain.endswith(",anullsink;[sound]anull")
    assert "file='pipe\\:10'" in chain


@pytest.mark.parametrize(("height", "fps", "threads"), [(720, 30.0, "1"), (1080, 60.0, "1"), (2160, 30.0, "2")])
def test_large_sources_are_decoded_and_scaled_by_two_threads(height: int, fps: float, threads: str) -> None:
    """One does 1080p60 in half of a core's time."""
    argv = built(replace(HD, width=height * 16 // 9, height=height, fps=fps))
    assert after(argv, "-threads")[0] == threads
    assert after(argv, "-filter_complex_threads") == [threads]


def test_sound_waits_for_no_copied_picture() -> None:
    """Its fragments are short beside a copy; beside encoders, which are behind it, half as many are enough."""
    assert after(built(), "-frag_duration")[-1] == "160000"
    assert after(built(gop_seconds=2.0), "-frag_duration")[-1] == "74667"
