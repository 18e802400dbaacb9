"""Workers that share jobs by their room, on real nginx-rtmp, FFmpeg and Redis: placement, lies, fullness, shedding."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from media import jobs
from media.policy import Wish
from media.window import window
from tests.services.bare_ingest import bare_ingest
from tests.services.encoder import encoder_command, ffmpeg_path, publishing
from tests.services.transcoders import Transcoding, discontinuities, has_segments, listed
from tests.services.waiting import eventually
from transcoder.placement import Capacity
from transcoder.workers import LIFE_MS, WORKERS_KEY, Workers


@pytest.fixture(scope="module")
def pull_url(service_folder: Path) -> Iterator[str]:
    with bare_ingest(service_folder / "pool-ingest") as url:
        yield url


async def workers_say(redis: Redis, count: int) -> list[Capacity]:
    """What all say, once so many do."""
    workers = Workers(redis)

    async def look() -> list[Capacity] | None:
        said = [one for one in await workers.advertise(Capacity("test", 1.0, -1.0, 0)) if one.worker != "test"]
        return said if len(said) >= count else None

    return await eventually(look, f"{count} workers")


async def holder(redis: Redis) -> str:
    """The worker that has claimed the only job."""

    async def look() -> str | None:
        pending = await redis.xpending_range(jobs.JOBS_STREAM, jobs.JOBS_GROUP, "-", "+", 1)
        return bytes(pending[0]["consumer"]).decode() if pending else None  # type: ignore[arg-type]  # never a number

    return await eventually(look, "a claim", 5)


async def test_a_worker_says_what_it_can_carry_and_leaves(redis: Redis) -> None:
    """Read back as it was said; what can't be read is left out; who leaves is gone, others stay."""
    workers = Workers(redis)
    own = Capacity("a", 2.0, 1.5, 1, ("libx265",), 0.01)
    assert await workers.advertise(own) == [own]
    other = Capacity("b", 4.0, -0.5, 64)
    assert sorted(one.worker for one in await workers.advertise(other)) == ["a", "b"]
    await redis.hset(WORKERS_KEY, "c", b"99999999999999:{}")
    await redis.hset(WORKERS_KEY, "d", b"no time")
    end_ms = (await redis.time())[0] * 1000 + LIFE_MS
    await redis.hset(WORKERS_KEY, "e", b"%d:{not json" % end_ms)
    assert sorted(one.worker for one in await workers.advertise(own)) == ["a", "b"]
    await workers.leave("a")
    assert await workers.advertise(other) == [other]
    await workers.leave("b")


async def test_what_was_said_ends_by_redis_own_clock(redis: Redis) -> None:
    """An entry whose time is over is left out and removed, whatever its worker's clock says."""
    workers = Workers(redis)
    await redis.hset(WORKERS_KEY, "old", b'1:{"worker":"old","cores":1,"free":1,"jobs":0}')
    own = Capacity("a", 2.0, 1.5, 1)
    assert await workers.advertise(own) == [own]
    assert not await redis.hexists(WORKERS_KEY, "old")


async def test_the_worker_with_more_room_gets_the_job(transcoding: Transcoding) -> None:
    """Again and again, whichever of the two looks first."""
    with (
        transcoding.worker("small", LEAMS_TRANSCODER_CORES="0.5"),
        transcoding.worker("large", LEAMS_TRANSCODER_CORES="8"),
    ):
        said = await workers_say(transcoding.redis, 2)
        large = max(said, key=lambda one: one.free).worker
        takers: list[str] = []
        for number in range(1, 7):
            await transcoding.enqueue(number)
            takers.append(await holder(transcoding.redis))
            for found in await transcoding.redis.xpending_range(jobs.JOBS_STREAM, jobs.JOBS_GROUP, "-", "+", 9):
                await transcoding.redis.xack(jobs.JOBS_STREAM, jobs.JOBS_GROUP, found["message_id"])
    # the small one may have waited for its first job since before the large one was there
    assert takers[1:] == [large] * 5


@pytest.mark.parametrize(
    "lie",
    [
        Capacity("liar", -4.0, -4.0, -1),
        Capacity("liar", 2.0, math.inf, 0),
        Capacity("liar", 1e9, 1e9, 0),
        Capacity("liar", 1000.0, 1000.0, 0),
    ],
)
async def test_a_worker_that_lies_holds_nobody_up(transcoding: Transcoding, lie: Capacity) -> None:
    """Negative, endless, huge, or only much and then asleep: the job is taken within half a second."""
    with transcoding.worker("honest", LEAMS_TRANSCODER_CORES="0.5"):
        (honest,) = await workers_say(transcoding.redis, 1)
        lies = Workers(transcoding.redis)
        await lies.advertise(lie)
        started = asyncio.get_running_loop().time()
        await transcoding.enqueue()
        assert await holder(transcoding.redis) == honest.worker
        assert asyncio.get_running_loop().time() - started < 0.6
        await lies.leave("liar")


async def test_a_sole_worker_that_is_full_copies(transcoding: Transcoding) -> None:
    """No core is left for a ladder: the encoder's own picture is the only rung, cut at its own key frames."""
    with transcoding.worker("one", LEAMS_TRANSCODER_CORES="0.1"):
        await transcoding.worker_ready()
        await transcoding.enqueue()
        with publishing(encoder_command(transcoding.address, size="1280x720", fps=30, extra=("-bf", "2"))):
            live = await transcoding.live_when(has_segments(3), "three segments")
    assert [(item.name, item.height) for item in live.renditions] == [("v1", 720), ("audio", 0)]
    # B-frames are the encoder's: ours makes none
    assert any(sample.composition for sample in transcoding.samples(live, "v1")[0])


async def test_a_channel_gets_the_ladder_that_it_wants(transcoding: Transcoding) -> None:
    """Its rows, within the site's number of them; a site may be told by a file."""
    site = transcoding.media.parent / "ladder.json"
    site.write_text('{"max_rungs": 2, "audio_kbps": 64}')
    with transcoding.worker("one", LEAMS_LADDER=str(site)):
        await transcoding.worker_ready()
        wish = Wish.read('{"rungs":[{"height":240,"kbps":300},{"height":128,"kbps":100},{"height":64,"kbps":64}]}')
        await transcoding.enqueue(ladder=wish)
        with publishing(encoder_command(transcoding.address, size="640x360", fps=30)):
            live = await transcoding.live_when(has_segments(2), "two segments")
    assert [item.height for item in live.renditions] == [240, 128, 0]


def slow_ffmpeg(folder: Path) -> Path:
    """An FFmpeg that reads its live input at nine tenths of real time, as on a machine that is too small."""
    return script(folder, 'case "$*" in *"pipe:0"*) exec "$REAL" -readrate 0.9 "$@";; *) exec "$REAL" "$@";; esac')


def script(folder: Path, body: str) -> Path:
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\nREAL={ffmpeg_path()}\n{body}\n")
    path.chmod(0o755)
    return path


async def test_a_run_that_is_too_slow_sheds_a_rung(transcoding: Transcoding, tmp_path: Path) -> None:
    """The top is copied first; then a rung leaves the multivariant playlist, its list goes on with gaps."""
    with transcoding.worker("one", FFMPEG=str(slow_ffmpeg(tmp_path))):
        await transcoding.worker_ready()
        await transcoding.enqueue()
        with publishing(encoder_command(transcoding.address, size="640x360", fps=15)):
            full = await transcoding.live_when(has_segments(2), "two segments")
            health = await transcoding.report(
                jobs.Health, 45, where=lambda report: "rung_shed" in [warning.code for warning in report.warnings]
            )
            live = await transcoding.live_when(
                lambda live: sum("v2" not in record.pieces for record in live.records) >= 2, "segments without v2", 45
            )
    assert [item.name for item in full.renditions] == ["v1", "v2", "v3", "audio"]
    assert [item.name for item in live.renditions] == ["v1", "v3", "audio"]
    assert "busy" in next(warning.message for warning in health.warnings if warning.code == "rung_shed")
    shed = window(live, "v2", live.first_sequence)
    assert shed is not None
    assert shed.segments[-1].is_gap
    assert len(shed.segments) >= live.next_sequence - live.first_sequence - 1


async def test_a_ladder_grows_when_another_broadcast_has_ended(transcoding: Transcoding) -> None:
    """What began as one copy gets its other rungs at a key frame; their lists have gaps before it."""
    late = replace(transcoding, public_id="stream2", reports=[])
    with transcoding.worker("one", LEAMS_TRANSCODER_CORES="0.55"):
        await transcoding.worker_ready()
        with ExitStack() as encoders:
            await transcoding.enqueue(known_gop_seconds=2.0)
            with publishing(encoder_command(transcoding.address, size="1280x720", fps=30)):
                await transcoding.live_when(has_segments(1), "a segment")
                await late.enqueue(known_gop_seconds=2.0)
                encoders.enter_context(publishing(encoder_command(late.address, size="640x360", seconds=120.0)))
                few = await late.live_when(has_segments(2), "two segments")
            live = await late.live_when(lambda live: "v3" in live.records[-1].pieces, "a segment with all rungs", 90)
    assert [item.name for item in few.renditions] == ["v1", "audio"]
    assert [item.name for item in live.renditions] == ["v1", "v2", "v3", "audio"]
    assert [record.sequence for record in live.records] == list(range(live.next_sequence))
    assert all("v1" in record.pieces for record in live.records)
    assert listed(live, "v2").segments[0].is_gap
    assert discontinuities(live) == dict.fromkeys(("v1", "v2", "v3", "audio"), 1)
    assert late.decoder_complaints(live, "v2") == ""


async def test_an_encoder_that_fails_in_a_run_is_replaced(transcoding: Transcoding, tmp_path: Path) -> None:
    """A device that passed its trial and then fails: x264 takes over within the same broadcast."""
    broken = script(
        tmp_path,
        'case "$*" in *pipe:0*h264_nvenc*) exit 1;; *h264_nvenc*) exit 0;; '
        "*vaapi*|*qsv*|*nvenc*|*x265*|*svtav1*) exit 1;; esac\n"
        'exec "$REAL" "$@"',
    )
    log = tmp_path / "one.log"
    with transcoding.worker("one", FFMPEG=str(broken), LEAMS_CALIBRATION=str(tmp_path / "calibration")):

        async def is_calibrated() -> bool:
            return "calibrated" in await asyncio.to_thread(log.read_text)

        await eventually(is_calibrated, "the calibration", 60)

        async def is_equipped() -> bool:
            return [one.encoders for one in await workers_say(transcoding.redis, 1)] == [("h264_nvenc",)]

        await eventually(is_equipped, "an encoder to be told of", 5)
        await transcoding.enqueue()
        with publishing(encoder_command(transcoding.address)):
            live = await transcoding.live_when(has_segments(2), "two segments")
    assert live.renditions[0].name == "v1"
    assert '"run_ended"' in log.read_text()
