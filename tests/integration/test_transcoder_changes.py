"""Encoders that change their minds on one connection, and places to write to that fill up."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from media import jobs
from media.flv import Kind, Tag, TagReader, parse_video
from media.window import Live
from tests.services.bare_ingest import bare_ingest
from tests.services.encoder import encoder_command, publishing
from tests.services.splice import publishing_tags, record, replay_command, splice
from tests.services.transcoders import Transcoding, discontinuities, has_segments, listed, whole
from tests.services.waiting import eventually

DISK_MB = 12


@pytest.fixture(scope="module")
def pull_url(service_folder: Path) -> Iterator[str]:
    with bare_ingest(service_folder / "changes-ingest") as url:
        yield url


@pytest.fixture
def small_disk(transcoding: Transcoding) -> Iterator[Path]:
    """The store's folder is a small disk of its own."""
    transcoding.media.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(transcoding.media)], check=True)
    yield transcoding.media
    subprocess.run(["umount", str(transcoding.media)], check=True)


def runs(transcoding: Transcoding) -> list[list[str]]:
    """The rungs of every FFmpeg run of the worker `one`, `c` for copied."""
    lines = (transcoding.media.parent / "one.log").read_text().splitlines()
    return [json.loads(line)["rungs"] for line in lines if '"run_started"' in line]


def assert_steady_parts(live: Live) -> None:
    """No part is longer than the broadcast's PART-TARGET, none but a segment's last much shorter (8216bis §4.4.4.9)."""
    for item in live.renditions:
        for segment in whole(live, item.name):
            lengths = [part.duration_ticks * 1_000_000 / segment.timescale for part in segment.parts]
            assert all(length <= live.master.part_target_us for length in lengths)
            assert all(length >= 0.85 * live.master.part_target_us for length in lengths[:-1])


async def test_another_frame_rate_and_profile_on_one_connection(transcoding: Transcoding, tmp_path: Path) -> None:
    """From 15 to 30 frames and from Baseline to High: one DISCONTINUITY, the same lists, parts of the same length."""
    high = ("-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-pix_fmt", "yuv420p")
    files = [tmp_path / name for name in ("first.flv", "second.flv", "whole.flv")]
    record(encoder_command(str(files[0]), fps=15, seconds=7.0))
    record(encoder_command(str(files[1]), fps=30, seconds=12.0, video=high))
    splice(files[:2], files[2])
    with transcoding.worker("one"):
        await transcoding.worker_ready()
        await transcoding.enqueue()
        with publishing(replay_command(files[2], transcoding.address)):
            before = await transcoding.live_when(has_segments(2), "segments at 15 frames a second")
            live = await transcoding.live_when(
                lambda live: live.renditions[0].fps > 29 and live.records[-1].run > before.records[-1].run,
                "segments at 30",
            )
            live = await transcoding.live_when(has_segments(live.next_sequence + 1), "another one")
    assert before.renditions[0].fps == pytest.approx(15)
    assert [item.name for item in live.renditions] == [item.name for item in before.renditions]
    assert set(discontinuities(live).values()) == {1}
    assert live.master.part_target_us == before.master.part_target_us
    assert [one.sequence for one in live.records] == list(range(len(live.records)))
    assert_steady_parts(live)


async def test_another_sound_on_one_connection(transcoding: Transcoding, tmp_path: Path) -> None:
    """From 48 kHz stereo to 44.1 kHz mono: the same rendition of sound goes on behind one DISCONTINUITY."""
    files = [tmp_path / name for name in ("first.flv", "second.flv", "whole.flv")]
    record(encoder_command(str(files[0]), seconds=7.0))
    record(encoder_command(str(files[1]), seconds=12.0, extra=("-ar", "44100", "-ac", "1")))
    splice(files[:2], files[2])
    with transcoding.worker("one"):
        await transcoding.worker_ready()
        await transcoding.enqueue()
        with publishing(replay_command(files[2], transcoding.address)):
            before = await transcoding.live_when(has_segments(2), "segments with the first sound")
            live = await transcoding.live_when(
                lambda live: live.records[-1].run > before.records[-1].run and has_segments(6)(live), "with the second"
            )
    assert set(discontinuities(live).values()) == {1}
    assert listed(live, "audio").segments[-1].timescale == listed(before, "audio").segments[-1].timescale


async def test_a_picture_without_its_header_ends_in_a_clear_report(transcoding: Transcoding, tmp_path: Path) -> None:
    """Key frames that nothing describes: the worker waits for the header, then says what is wrong, once."""
    file = tmp_path / "whole.flv"
    record(encoder_command(str(file), seconds=25.0))
    tags = TagReader().feed(file.read_bytes())
    headless = [tag for tag in tags if tag.kind is not Kind.VIDEO or parse_video(tag.data).packet == "frame"]
    with transcoding.worker("one"):
        await transcoding.worker_ready()
        await transcoding.enqueue()
        with publishing_tags(headless, transcoding.address):
            failed = await transcoding.report(jobs.Failed, 25)
        assert (await transcoding.redis.xpending(jobs.JOBS_STREAM, jobs.JOBS_GROUP))["pending"] == 0
    assert (failed.code, "header" in failed.message) == ("no_media", True)
    assert [type(report) for report in transcoding.reports] == [jobs.Failed]
    assert runs(transcoding) == []


async def test_a_header_that_comes_late_is_waited_for(transcoding: Transcoding, tmp_path: Path) -> None:
    """Three seconds after the first key frame: the broadcast begins then, with the newest key frame."""
    file = tmp_path / "whole.flv"
    record(encoder_command(str(file), seconds=20.0))
    tags = TagReader().feed(file.read_bytes())
    header = next(tag for tag in tags if tag.kind is Kind.VIDEO and parse_video(tag.data).packet == "config")
    early = [tag for tag in tags if tag is not header and tag.time_ms < 3_000]
    late = [tag for tag in tags if tag.time_ms >= 3_000]
    with transcoding.worker("one"):
        await transcoding.worker_ready()
        await transcoding.enqueue()
        moved = Tag(header.kind, late[0].time_ms, header.data)
        with publishing_tags([*early, moved, *late], transcoding.address):
            live = await transcoding.live_when(has_segments(2), "two segments")
    assert set(discontinuities(live).values()) == {0}


async def test_a_copied_top_whose_key_frames_drift_apart_is_encoded(transcoding: Transcoding, tmp_path: Path) -> None:
    """Proven at two seconds, then five: the top is re-encoded behind one DISCONTINUITY, and the streamer is told."""
    file = tmp_path / "drifting.flv"
    keys = (
        "-g",
        "9999",
        "-keyint_min",
        "1",
        "-force_key_frames",
        "expr:if(lt(t,9),gte(t,n_forced*2),gte(t,prev_forced_t+5))",
    )
    record(encoder_command(str(file), seconds=30.0, extra=keys))
    with transcoding.worker("one"):
        await transcoding.worker_ready()
        await transcoding.enqueue(known_gop_seconds=2.0)
        with publishing(replay_command(file, transcoding.address)):
            before = await transcoding.live_when(has_segments(2), "segments of the copied top")
            await transcoding.report(
                jobs.Health, 30, lambda report: "keyframes_irregular" in [warning.code for warning in report.warnings]
            )
            live = await transcoding.live_when(
                lambda live: live.records[-1].run > before.records[-1].run and has_segments(8)(live), "an encoded top"
            )
    assert [rungs[0][-1] == "c" for rungs in runs(transcoding)] == [True, False]
    assert set(discontinuities(live).values()) == {1}
    assert [one.sequence for one in live.records] == list(range(len(live.records)))
    assert_steady_parts(live)
    for samples in transcoding.samples(live, "v1"):
        assert samples[0].is_sync


async def test_a_disk_without_room_ends_nothing(transcoding: Transcoding, small_disk: Path) -> None:
    """ENOSPC for every write: the encoder is kept, nothing is written; with room again the same lists go on."""
    ballast = small_disk / "ballast"
    await transcoding.enqueue()
    with transcoding.worker("one"), publishing(encoder_command(transcoding.address)):
        before = await transcoding.live_when(has_segments(2), "two segments")
        with ballast.open("wb") as file:
            try:
                while True:
                    file.write(bytes(65_536))
                    file.flush()
            except OSError:
                pass
        log = transcoding.media.parent / "one.log"

        async def has_given_up() -> bool:
            return log.read_text().count('"run_ended"') >= 2

        await eventually(has_given_up, "two runs that found no room", 40)
        assert shutil.disk_usage(small_disk).free == 0
        ballast.unlink()
        live = await transcoding.live_when(has_segments(before.next_sequence + 3), "segments with room again", 20)
    await transcoding.read_reports()
    assert not any(isinstance(report, jobs.Failed) for report in transcoding.reports)
    assert live.generation == before.generation
    assert [one.sequence for one in live.records] == list(range(len(live.records)))
    assert len(set(discontinuities(live).values())) == 1
