"""The transcoder on a real nginx-rtmp, FFmpeg and Redis: what an encoder sends becomes aligned segments and reports."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from media import jobs
from media.window import Live
from tests.services.bare_ingest import bare_ingest
from tests.services.encoder import encoder_command, publishing
from tests.services.transcoders import Transcoding, discontinuities, has_segments, whole
from workbench.machine import free_port


@pytest.fixture(scope="module")
def pull_url(service_folder: Path) -> Iterator[str]:
    with bare_ingest(service_folder / "tap-ingest") as url:
        yield url


def assert_aligned(transcoding: Transcoding, live: Live) -> None:
    """Equal boundaries in all video renditions, sync first, no gap in time, parts that cover their segment."""
    starts: list[list[int]] = []
    for item in live.renditions:
        segments = transcoding.samples(live, item.name)
        window = whole(live, item.name)
        for entry, samples in zip(window, segments, strict=True):
            assert samples[0].is_sync
            assert sum(sample.duration for sample in samples) == entry.duration_ticks
            if entry.parts:
                assert sum(part.duration_ticks for part in entry.parts) == entry.duration_ticks
                assert sum(part.size_bytes for part in entry.parts) == entry.size_bytes
                longest = live.master.part_target_us * entry.timescale / 1_000_000
                assert all(part.duration_ticks <= longest for part in entry.parts)
                assert all(part.duration_ticks >= 0.85 * longest for part in entry.parts[:-1])
                assert transcoding.parts(item.name, entry) == transcoding.file(item.name, entry.name)
        for before, after, entry in zip(segments, segments[1:], window[1:], strict=False):
            if not entry.has_discontinuity:
                assert after[0].time == before[-1].time + before[-1].duration
        if item.kind == "video":
            starts.append([samples[0].time + samples[0].composition for samples in segments])
            for entry in window:
                (key,) = transcoding.key_frame(item.name, entry)
                assert key.is_sync
        assert transcoding.init(live, item.name).codec == item.codecs
        if not any(segment.has_discontinuity for segment in window):
            assert transcoding.decoder_complaints(live, item.name) == ""
    assert all(times == starts[0] for times in starts)


async def test_an_encoder_becomes_an_aligned_ladder_within_six_seconds(transcoding: Transcoding) -> None:
    """Publish → first segment ≤ 6 s; boundaries equal to the tick; figures true to the bytes; a thumbnail."""
    metrics_port = free_port()
    with transcoding.worker("one", LEAMS_METRICS_PORT=str(metrics_port)):
        await transcoding.worker_ready()
        with publishing(encoder_command(transcoding.address, size="640x360", fps=30)):
            await transcoding.enqueue()
            first = await transcoding.report(jobs.FirstSegment)
            health = await transcoding.report(
                jobs.Health, where=lambda report: bool(report.renditions and report.speed)
            )
            live = await transcoding.live_when(has_segments(4), "four segments")
        await transcoding.report(jobs.Gone)
        async with httpx.AsyncClient(trust_env=False) as client:
            metrics = (await client.get(f"http://127.0.0.1:{metrics_port}/metrics")).text
        assert re.search(r"^leams_transcoder_ffmpeg_speed_ratio_count [1-9]", metrics, re.MULTILINE)
        assert first.seconds <= 6
        assert (health.source.width, health.source.height) == (640, 360)
        assert health.source.video_codec == "h264"
        assert health.source.audio_codec == "aac"
        assert health.source.fps == pytest.approx(30, abs=1)
        assert health.source.keyframe_seconds == pytest.approx(2, abs=0.1)
        assert health.warnings == ()
    names = [item.name for item in live.renditions]
    assert names == ["v1", "v2", "v3", "audio"]
    assert [(item.width, item.height) for item in live.renditions[:3]] == [(640, 360), (426, 240), (284, 160)]
    assert_aligned(transcoding, live)
    for item in live.renditions:
        segments, tail = whole(live, item.name), live.tail(item.name)
        assert tail is not None
        assert tail.measured_peak_bps <= item.peak_bps * 1.25  # Apple's authoring specification, 1.29
        assert all(abs(float(segment.duration) - 2) < 0.03 for segment in segments)
        times = [segment.program_date_time_ms for segment in segments]
        assert all(abs(later - earlier - 2000) < 30 for earlier, later in pairwise(times))
        assert not any(segment.has_discontinuity for segment in segments)
    assert (transcoding.media / transcoding.public_id / "thumbnail.jpg").read_bytes().startswith(b"\xff\xd8")


async def test_a_proven_keyframe_distance_lets_the_top_be_copied(transcoding: Transcoding) -> None:
    """With `known_gop_seconds` the encoder's own bytes are the top rung, and the encoded ones follow its key frames."""
    await transcoding.enqueue(known_gop_seconds=1.0)
    with (
        transcoding.worker("one"),
        publishing(
            encoder_command(transcoding.address, size="480x270", gop_seconds=1.0, extra=("-bf", "2", "-tune", "film"))
        ),
    ):
        live = await transcoding.live_when(has_segments(3), "three segments")
    assert [item.name for item in live.renditions] == ["v1", "v2", "audio"]
    assert_aligned(transcoding, live)
    # B-frames are the encoder's: ours makes none
    assert any(sample.composition for sample in transcoding.samples(live, "v1")[0])


async def test_a_source_without_sound_gets_silence_and_a_warning(transcoding: Transcoding) -> None:
    """No audio: the audio rendition is there all the same, and the streamer is told."""
    await transcoding.enqueue()
    with transcoding.worker("one"), publishing(encoder_command(transcoding.address, sound=False)):
        live = await transcoding.live_when(has_segments(2), "two segments")
        health = await transcoding.report(jobs.Health, where=lambda report: bool(report.renditions))
    assert [warning.code for warning in health.warnings] == ["no_audio"]
    assert live.renditions[-1].name == "audio"
    assert_aligned(transcoding, live)


async def test_sound_alone_is_an_audio_only_broadcast(transcoding: Transcoding) -> None:
    """No video: one audio rendition with segments of two seconds, and a warning."""
    await transcoding.enqueue()
    with transcoding.worker("one"), publishing(encoder_command(transcoding.address, picture=False)):
        live = await transcoding.live_when(has_segments(3), "three segments")
        health = await transcoding.report(jobs.Health, where=lambda report: bool(report.renditions))
    assert [item.name for item in live.renditions] == ["audio"]
    assert "no_video" in [warning.code for warning in health.warnings]
    assert all(abs(float(segment.duration) - 2) < 0.03 for segment in whole(live, "audio"))


async def test_another_codec_ends_in_a_clear_report(transcoding: Transcoding) -> None:
    """H.265 in FLV, whatever nginx makes of it: `unsupported_codec`, and the job is settled."""
    await transcoding.enqueue()
    hevc = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p")
    with transcoding.worker("one"), publishing(encoder_command(transcoding.address, video=hevc)):
        failed = await transcoding.report(jobs.Failed)
    assert failed.code == "unsupported_codec"
    assert "H.264" in failed.message
    assert (await transcoding.redis.xpending(jobs.JOBS_STREAM, jobs.JOBS_GROUP))["pending"] == 0


async def test_key_frames_ten_seconds_apart_are_warned_of_and_do_no_harm(transcoding: Transcoding) -> None:
    """Encoded rungs have key frames of their own: two-second segments from a ten-second GOP."""
    with transcoding.worker("one"):
        await transcoding.worker_ready()
        await transcoding.enqueue()  # before the encoder: its first key frame is not missed
        with publishing(encoder_command(transcoding.address, gop_seconds=10.0)):
            live = await transcoding.live_when(has_segments(2), "two segments")
            await transcoding.report(
                jobs.Health, where=lambda report: "keyframes_far_apart" in [warning.code for warning in report.warnings]
            )
    assert_aligned(transcoding, live)


async def test_a_stream_that_never_comes_is_gone(transcoding: Transcoding) -> None:
    """A job without a stream is reported and settled, not tried for ever."""
    await transcoding.enqueue()
    with transcoding.worker("one"):
        await transcoding.report(jobs.Gone)
    assert await transcoding.redis.xlen(jobs.JOBS_STREAM) == 0


async def test_a_change_of_picture_size_keeps_the_lists_and_marks_one_break(transcoding: Transcoding) -> None:
    """A second encoder with another size on the same broadcast: same renditions, next numbers, one DISCONTINUITY."""
    await transcoding.enqueue()
    with transcoding.worker("one"):
        with publishing(encoder_command(transcoding.address, size="320x240")):
            before = await transcoding.live_when(has_segments(2), "two segments")
        with publishing(encoder_command(transcoding.address, size="320x180")):
            await transcoding.enqueue(2)
            live = await transcoding.live_when(
                lambda live: live.renditions[0].height == 180 and has_segments(5)(live), "segments of the new size"
            )
    assert [item.name for item in before.renditions] == [item.name for item in live.renditions]
    assert set(discontinuities(live).values()) == {1}
    assert_aligned(transcoding, live)
    assert live.master.target_duration_seconds == before.master.target_duration_seconds


async def test_a_jump_of_the_encoders_clock_becomes_one_break(transcoding: Transcoding) -> None:
    """Twenty seconds forward in both streams: EXTINF and PROGRAM-DATE-TIME stay sane, one DISCONTINUITY."""
    jump = (
        *("-bsf:v", "setts=pts=PTS+gte(N\\,135)*20/TB:dts=DTS+gte(N\\,135)*20/TB"),
        *("-bsf:a", "setts=pts=PTS+gte(N\\,422)*20/TB:dts=DTS+gte(N\\,422)*20/TB"),
    )
    await transcoding.enqueue()
    with transcoding.worker("one"), publishing(encoder_command(transcoding.address, extra=jump)):
        await transcoding.report(
            jobs.Health, where=lambda report: "timestamp_jump" in [warning.code for warning in report.warnings]
        )
        live = await transcoding.live_when(has_segments(5), "segments after the jump")
    assert set(discontinuities(live).values()) == {1}
    assert_aligned(transcoding, live)
    times = [segment.program_date_time_ms for segment in whole(live, "v1")]
    assert times == sorted(times)
    assert times[-1] - times[0] < 15_000


async def test_a_clock_that_wraps_does_no_harm(transcoding: Transcoding) -> None:
    """FLV's clock of 31 bits comes round after six seconds: one break at most, dates that grow."""
    late = "setts=pts=PTS+2147477/TB:dts=DTS+2147477/TB"
    await transcoding.enqueue()
    with (
        transcoding.worker("one"),
        publishing(encoder_command(transcoding.address, extra=("-bsf:v", late, "-bsf:a", late))),
    ):
        live = await transcoding.live_when(has_segments(6), "segments after the wrap")
    assert_aligned(transcoding, live)
    assert max(discontinuities(live).values()) <= 1
    times = [segment.program_date_time_ms for segment in whole(live, "v1")]
    assert times == sorted(times)
    assert times[-1] - times[0] < 20_000


async def test_an_ingest_that_holds_sound_back_ends_in_a_report(
    service_folder: Path, redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    """With `wait_video on` sound alone never arrives: the streamer learns that there is no picture."""
    with bare_ingest(service_folder / "deaf-ingest", wait_video=True) as url:
        transcoding = Transcoding(redis, redis_url, url, tmp_path / "media", public_id="deaf")
        await transcoding.enqueue()
        with transcoding.worker("one"), publishing(encoder_command(transcoding.address, picture=False)):
            failed = await transcoding.report(jobs.Failed, 30)
    assert failed.code == "no_media"
