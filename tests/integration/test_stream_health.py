"""What a real encoder's stream is judged to be, through nginx-rtmp, the worker and FFmpeg."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from media import jobs
from media.verdicts import GAUGES, judge
from tests.services.bare_ingest import bare_ingest
from tests.services.encoder import encoder_command, publishing
from tests.services.transcoders import Transcoding

B_FRAMES = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-x264-params", "b-adapt=0", "-pix_fmt", "yuv420p")


@pytest.fixture(scope="module")
def pull_url(service_folder: Path) -> Iterator[str]:
    with bare_ingest(service_folder / "health-ingest") as url:
        yield url


def codes(report: jobs.Health) -> set[str]:
    return {figure.code for figure in judge(report) if figure.verdict != "good"}


def is_complete(report: jobs.Health) -> bool:
    """Every figure is known, and a minute's worth of them is not needed."""
    return len(judge(report)) == len(GAUGES)


async def test_a_sound_stream_is_found_sound(transcoding: Transcoding) -> None:
    """Of a picture that suits, with a tone; the size is as measured, the level that of FFmpeg's sine."""
    await transcoding.enqueue()
    command = encoder_command(transcoding.address, size="640x360", fps=30)
    with transcoding.worker("one"), publishing(command):
        report = await transcoding.report(jobs.Health, where=is_complete, seconds=30)
    figures = {figure.metric: figure.value for figure in judge(report)}
    assert codes(report) <= {"transcoder_slow", "transcoder_behind"}  # the machine's, not the stream's
    assert figures["fps"] == pytest.approx(30, abs=1)
    assert figures["keyframe_seconds"] == pytest.approx(2, abs=0.1)
    assert figures["audio_db"] == pytest.approx(-24, abs=1)
    # FFmpeg's sine has an eighth of full scale: -18 dB, 3 less as RMS, and 3 less when one channel becomes two
    assert (figures["height"], figures["b_frames"], figures["dropped_percent"]) == (360, 0, 0)
    assert figures["silent_seconds"] == pytest.approx(0, abs=0.5)


async def test_silence_and_far_key_frames_are_told(transcoding: Transcoding) -> None:
    """Ten seconds of each."""
    await transcoding.enqueue()
    command = encoder_command(transcoding.address, size="640x360", gop_seconds=10, extra=("-af", "volume=0"))
    wanted = {"audio_silent", "keyframes_far_apart"}
    with transcoding.worker("one"), publishing(command):
        report = await transcoding.report(jobs.Health, where=lambda found: wanted <= codes(found), seconds=40)
    figures = {figure.metric: figure for figure in judge(report)}
    assert figures["audio_db"].value == -120
    assert "Keyframe Interval" in figures["keyframe_seconds"].advice


async def test_b_frames_and_dropped_frames_are_told(transcoding: Transcoding) -> None:
    """Three B-frames in a row, and one in ten pictures that never came."""
    await transcoding.enqueue()
    holes = ("-vf", "select='gt(mod(n,10),0)'", "-fps_mode", "passthrough")
    command = encoder_command(transcoding.address, size="640x360", fps=30, video=B_FRAMES, extra=holes)
    wanted = {"b_frames_many", "frames_dropped_often"}
    with transcoding.worker("one"), publishing(command):
        report = await transcoding.report(jobs.Health, where=lambda found: wanted <= codes(found), seconds=30)
    figures = {figure.metric: figure.value for figure in judge(report)}
    assert figures["b_frames"] == 3
    assert figures["dropped_percent"] == pytest.approx(10, abs=1.5)


async def test_no_sound_is_no_silence(transcoding: Transcoding) -> None:
    """The silence that viewers get in its place has no level."""
    await transcoding.enqueue()
    with transcoding.worker("one"), publishing(encoder_command(transcoding.address, sound=False)):
        report = await transcoding.report(
            jobs.Health, where=lambda found: bool(found.measured and found.measured.steady_seconds > 4), seconds=30
        )
    assert "no_audio" in codes(report)
    assert {figure.metric for figure in judge(report)}.isdisjoint({"audio_db", "silent_seconds"})
