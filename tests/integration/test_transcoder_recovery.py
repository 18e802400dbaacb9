"""The transcoder's deaths: FFmpeg killed or hanging, a worker killed, a worker told to stop, a stream that returns."""

import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis

from media import jobs
from media.window import Live
from tests.services.bare_ingest import bare_ingest
from tests.services.encoder import encoder_command, publishing
from tests.services.processes import listens, running
from tests.services.redis_proxy import RedisProxy
from tests.services.transcoders import Transcoding, children_named, discontinuities, has_segments, signal_all, whole
from tests.services.waiting import eventually
from transcoder.intake import MAX_DELIVERIES
from workbench.machine import free_port, give_to_user
from workbench.redis import redis_command


@pytest.fixture(scope="module")
def pull_url(service_folder: Path) -> Iterator[str]:
    with bare_ingest(service_folder / "recovery-ingest") as url:
        yield url


def next_sequence(live: Live) -> int:
    """The number that the next segment will have; equal in all renditions."""
    return live.next_sequence


def assert_one_break(transcoding: Transcoding, live: Live, before: Live) -> None:
    """The numbers went on where they were, names are new, one DISCONTINUITY in every rendition."""
    assert set(discontinuities(live).values()) == {1}
    for item in live.renditions:
        old, new = whole(before, item.name), whole(live, item.name)
        assert [segment.name for segment in new[: len(old)]] == [segment.name for segment in old]
        assert [segment.sequence for segment in new] == list(range(len(new)))
        assert len({segment.name for segment in new}) == len(new)
        times = [segment.program_date_time_ms for segment in new]
        assert times == sorted(times)
        assert transcoding.samples(live, item.name)[-1][0].is_sync


async def test_a_killed_ffmpeg_is_replaced_and_the_numbers_go_on(transcoding: Transcoding) -> None:
    """Kill -9 of FFmpeg: the next run appends with a DISCONTINUITY."""
    await transcoding.enqueue()
    with transcoding.worker("one") as worker, publishing(encoder_command(transcoding.address)):
        before = await transcoding.live_when(has_segments(2), "two segments")
        signal_all(children_named(worker.pid, "ffmpeg"), signal.SIGKILL)
        count = next_sequence(before)
        live = await transcoding.live_when(has_segments(count + 2), "segments of the new run", 10)
    assert_one_break(transcoding, live, before)


async def test_a_hanging_ffmpeg_is_ended_and_replaced(transcoding: Transcoding) -> None:
    """SIGSTOP of FFmpeg: after five seconds without progress its group is killed, and a new run appends."""
    await transcoding.enqueue()
    with transcoding.worker("one") as worker, publishing(encoder_command(transcoding.address)):
        before = await transcoding.live_when(has_segments(2), "two segments")
        hanging = children_named(worker.pid, "ffmpeg")
        signal_all(hanging, signal.SIGSTOP)
        live = await transcoding.live_when(
            lambda live: has_segments(4)(live) and 1 in discontinuities(live).values(), "segments of the new run", 20
        )
        assert not set(hanging) & set(children_named(worker.pid, "ffmpeg"))
    assert_one_break(transcoding, live, before)


async def test_a_killed_worker_is_replaced_within_ten_seconds(transcoding: Transcoding) -> None:
    """Kill -9 of a worker: the other takes the job, its children are dead, the playlist goes on with one break."""
    await transcoding.enqueue()
    with (
        transcoding.worker("one") as worker,
        publishing(encoder_command(transcoding.address)),
    ):
        before = await transcoding.live_when(has_segments(2), "two segments")
        orphans = children_named(worker.pid, "ffmpeg")
        with transcoding.worker("two"):
            worker.kill()
            worker.wait()
            killed = time.monotonic()
            live = await transcoding.live_when(
                lambda live: live.generation > before.generation and next_sequence(live) > next_sequence(before),
                "a segment of the other worker",
                15,
            )
            assert time.monotonic() - killed < 10
            assert not any(_is_running(pid) for pid in orphans)
    assert_one_break(transcoding, live, before)


def _is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


async def test_a_worker_that_wakes_after_its_lease_writes_nothing(transcoding: Transcoding) -> None:
    """SIGSTOP, takeover, SIGCONT: the sleeper is fenced, and the entry stays the other worker's."""
    await transcoding.enqueue()
    with transcoding.worker("one") as worker, publishing(encoder_command(transcoding.address)):
        before = await transcoding.live_when(has_segments(1), "a segment")
        with transcoding.worker("two"):
            worker.send_signal(signal.SIGSTOP)
            taken = await transcoding.live_when(
                lambda live: live.generation > before.generation and next_sequence(live) > next_sequence(before),
                "a segment of the other worker",
            )
            worker.send_signal(signal.SIGCONT)

            async def is_free() -> bool:
                return not children_named(worker.pid, "ffmpeg")

            await eventually(is_free, "the sleeper to let go")
            live = await transcoding.live_when(has_segments(next_sequence(taken) + 1), "another segment")
            assert live.generation == taken.generation
            assert await transcoding.redis.xlen(jobs.JOBS_STREAM) == 1
    assert set(discontinuities(live).values()) == {1}


async def test_a_worker_that_is_told_to_stop_gives_its_job_back_at_once(transcoding: Transcoding) -> None:
    """SIGTERM: another worker claims within two seconds, not after the lease ran out."""
    await transcoding.enqueue()
    with transcoding.worker("one") as worker, publishing(encoder_command(transcoding.address)):
        before = await transcoding.live_when(has_segments(1), "a segment")
        with transcoding.worker("two"):
            await transcoding.redis.ping()
            worker.terminate()
            worker.wait(10)
            stopped = time.monotonic()
            await transcoding.live_when(lambda live: live.generation > before.generation, "another claim", 10)
            assert time.monotonic() - stopped < 4
            live = await transcoding.live_when(
                lambda live: next_sequence(live) > next_sequence(before) + 1, "segments of the other worker"
            )
    assert set(discontinuities(live).values()) == {1}


async def test_a_returning_encoder_continues_the_same_lists(transcoding: Transcoding) -> None:
    """Encoder gone, `Gone` reported, a new session: the media sequence goes on with one DISCONTINUITY."""
    await transcoding.enqueue()
    with transcoding.worker("one"):
        with publishing(encoder_command(transcoding.address)):
            await transcoding.live_when(has_segments(2), "two segments")
        await transcoding.report(jobs.Gone)
        before = await transcoding.live()
        assert before is not None
        await transcoding.enqueue(2)
        with publishing(encoder_command(transcoding.address)):
            count = next_sequence(before)
            live = await transcoding.live_when(has_segments(count + 2), "segments of the new session")
    assert_one_break(transcoding, live, before)


async def test_a_job_sent_twice_is_served_once(transcoding: Transcoding) -> None:
    """The reconciler may repeat a job: the second entry is settled without a claim of its own."""
    await transcoding.enqueue()
    await transcoding.enqueue()
    with (
        transcoding.worker("one"),
        transcoding.worker("two"),
        publishing(encoder_command(transcoding.address)),
    ):
        live = await transcoding.live_when(has_segments(3), "three segments")
        assert await transcoding.redis.xlen(jobs.JOBS_STREAM) == 1
    assert set(discontinuities(live).values()) == {0}


async def test_an_ended_broadcast_is_left_alone(transcoding: Transcoding) -> None:
    """A late job of a broadcast whose windows are ended is settled at once."""
    with transcoding.worker("one"):
        await transcoding.redis.hset(jobs.window_key(transcoding.public_id), "ended", "1")
        await transcoding.enqueue()

        async def settled() -> bool:
            return bool(await transcoding.redis.xlen(jobs.JOBS_STREAM) == 0)

        await eventually(settled, "the job to be settled")


async def test_a_job_that_no_worker_can_serve_is_given_up(transcoding: Transcoding) -> None:
    """An unreadable job is settled at once; one that was delivered over and over is settled instead of tried again."""
    redis = transcoding.redis
    await redis.xgroup_create(jobs.JOBS_STREAM, jobs.JOBS_GROUP, id="0", mkstream=True)
    await transcoding.enqueue()
    await redis.xreadgroup(jobs.JOBS_GROUP, "dead", {jobs.JOBS_STREAM: ">"})
    (pending,) = await redis.xpending_range(jobs.JOBS_STREAM, jobs.JOBS_GROUP, "-", "+", 1)
    entry_id = pending["message_id"]
    for _ in range(MAX_DELIVERIES):
        await redis.xclaim(jobs.JOBS_STREAM, jobs.JOBS_GROUP, "dead", 0, [entry_id], idle=60_000)
    await redis.xadd(jobs.JOBS_STREAM, {jobs.FIELD: b"{}"})
    with transcoding.worker("one"):

        async def settled() -> bool:
            return bool(await redis.xlen(jobs.JOBS_STREAM) == 0)

        await eventually(settled, "both jobs to be settled", 8)
    assert await redis.xlen(jobs.REPORTS_STREAM) == 0


async def test_a_redis_that_comes_back_learns_what_it_missed(
    pull_url: str, service_folder: Path, tmp_path: Path
) -> None:
    """Redis killed and started again: FFmpeg never stops, no segment is lost, no DISCONTINUITY."""
    folder, port = service_folder / "own-redis", free_port()
    folder.mkdir()
    give_to_user(folder)
    url = f"redis://127.0.0.1:{port}/0"
    own_redis = partial(
        running, redis_command(folder, port), folder / "redis.log", lambda: listens(port), drop_root=True
    )
    async with Redis.from_url(url, protocol=3) as client:
        transcoding = Transcoding(client, url, pull_url, tmp_path / "media", public_id="redisaway")
        with transcoding.worker("one"):  # noqa: SIM117  # the worker outlives the first Redis
            with own_redis() as server, publishing(encoder_command(transcoding.address)) as encoder:
                await transcoding.enqueue()
                before = await transcoding.live_when(has_segments(2), "two segments")
                server.kill()
                server.wait()
                count = len(list((transcoding.media / "redisaway/v1").glob("*-[0-9]*.m4s")))

                async def has_written_on() -> bool:
                    return len(list((transcoding.media / "redisaway/v1").glob("*-[0-9]*.m4s"))) >= count + 2

                await eventually(has_written_on, "segments without Redis")
                with own_redis():
                    live = await transcoding.live_when(has_segments(next_sequence(before) + 3), "all segments", 10)
                    assert encoder.poll() is None
    assert set(discontinuities(live).values()) == {0}
    assert live.generation == before.generation


@pytest.mark.parametrize("is_hung", [True, False])
async def test_a_stream_of_many_bits_goes_on_without_redis(
    pull_url: str,
    redis: Redis,
    redis_port: int,
    tmp_path: Path,
    is_hung: bool,  # noqa: FBT001  # a table
) -> None:
    """Redis out of reach for twelve seconds, silent or refusing: no run ends, and pictures come as before."""
    public_id = f"manybits{is_hung:d}"
    video = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "0", "-minrate", "4000k"]
    rate = ["-maxrate", "4000k", "-bufsize", "4000k", "-x264-params", "nal-hrd=cbr", "-b:v", "4000k"]
    async with RedisProxy(redis_port) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        transcoding = Transcoding(redis, url, pull_url, tmp_path / "media", public_id=public_id)
        await transcoding.enqueue(known_gop_seconds=2.0)
        with (
            transcoding.worker("one"),
            publishing(encoder_command(transcoding.address, size="640x360", fps=30, video=video, extra=rate)),
        ):
            before = await transcoding.live_when(has_segments(3), "three segments")
            if is_hung:
                proxy.drop()
            else:
                await proxy.refuse()
            folder = transcoding.media / public_id / "v1"
            count = len(list(folder.glob("*-[0-9]*.m4s")))

            async def has_written_on() -> bool:
                return len(list(folder.glob("*-[0-9]*.m4s"))) >= count + 6

            await eventually(has_written_on, "twelve seconds of segments without Redis", 18)
            if is_hung:
                proxy.restore()
            else:
                await proxy.accept()
            live = await transcoding.live_when(has_segments(next_sequence(before) + 8), "all segments", 15)
        log = (tmp_path / "one.log").read_text()
    assert '"window_not_written"' in log
    assert '"run_ended"' not in log
    assert set(discontinuities(live).values()) == {0}
    assert [one.sequence for one in whole(live, "v1")] == list(range(live.next_sequence))
