"""What viewers have while an encoder, a worker or Redis' memory is away, and what an early tap saves."""

import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from media import jobs
from media.window import Live, Record, part_name
from tests.services.bare_ingest import bare_ingest
from tests.services.encoder import encoder_command, publishing
from tests.services.transcoders import (
    Transcoding,
    children_named,
    discontinuities,
    has_segments,
    listed,
    signal_all,
    whole,
)
from tests.services.waiting import eventually


@pytest.fixture(scope="module")
def pull_url(service_folder: Path) -> Iterator[str]:
    with bare_ingest(service_folder / "outage-ingest") as url:
        yield url


def sources(live: Live) -> list[tuple[int, int]]:
    """Every run that wrote, in order."""
    found = [(record.generation, record.run) for record in live.records]
    return [run for place, run in enumerate(found) if place == 0 or found[place - 1] != run]


def assert_one_break_a_source(live: Live) -> None:
    """One DISCONTINUITY for each change of source, in every rendition, and dates that go on."""
    assert set(discontinuities(live).values()) == {len(sources(live)) - 1}
    for before, after in pairwise(live.records):
        is_change = (before.generation, before.run) != (after.generation, after.run)
        assert after.has_discontinuity == is_change
        assert after.program_date_time_ms >= before.program_date_time_ms + before.duration_us // 1000 - 50


def slates(live: Live) -> list[Record]:
    return [record for record in live.records if record.is_slate]


async def encoder_that_left(transcoding: Transcoding) -> Live:
    """Two segments of an encoder, and then the slate."""
    with publishing(encoder_command(transcoding.address)):
        await transcoding.live_when(has_segments(2), "two segments")
    return await transcoding.live_when(lambda live: len(slates(live)) >= 2, "a slate")


def has_open_parts(live: Live) -> bool:
    """Every rendition has listed parts of a segment that is not whole."""
    return bool(live.renditions) and all(listed(live, item.name).open_parts >= 2 for item in live.renditions)


async def test_a_killed_workers_parts_become_a_segment(transcoding: Transcoding) -> None:
    """What was listed of the open segment stays: its parts' files are joined by whoever takes over."""
    await transcoding.enqueue()
    with publishing(encoder_command(transcoding.address)):
        with transcoding.worker("one") as worker:
            await transcoding.live_when(lambda live: has_segments(1)(live) and has_open_parts(live), "an open segment")
            worker.kill()
            worker.wait()
        before = await transcoding.live()
        assert before is not None
        with transcoding.worker("two"):
            live = await transcoding.live_when(
                lambda live: any(record.generation > before.generation for record in live.records),
                "a segment of the other worker",
            )
    assert_one_break_a_source(live)
    record = live.records[before.next_sequence]
    assert record.generation == before.generation
    for item in before.renditions:
        found = listed(before, item.name).segments[record.sequence :]
        now = whole(live, item.name)[record.sequence]
        assert now.parts == found[0].parts, "every part that was listed, and none more"
        assert transcoding.file(item.name, now.name) == transcoding.parts(item.name, now)
        assert now.size_bytes == len(transcoding.file(item.name, now.name))


async def test_a_lost_part_makes_a_gap(transcoding: Transcoding) -> None:
    """A part's file that is gone when another worker takes over: that rendition's segment is a GAP, the others stay."""
    await transcoding.enqueue()
    with publishing(encoder_command(transcoding.address)):
        with transcoding.worker("one") as worker:
            await transcoding.live_when(has_open_parts, "an open segment")
            worker.kill()
            worker.wait()
        before = await transcoding.live()
        assert before is not None
        lost = listed(before, "v1").segments[-1]
        file = part_name(lost.generation, lost.parts[0].number)
        (transcoding.media / transcoding.public_id / "v1" / file).unlink()
        with transcoding.worker("two"):
            live = await transcoding.live_when(has_segments(lost.sequence + 2), "segments of the other worker")
    gap, sound = (listed(live, name).segments[lost.sequence] for name in ("v1", "audio"))
    assert (gap.is_gap, gap.parts, sound.is_gap) == (True, (), False)
    assert gap.program_date_time_ms == sound.program_date_time_ms
    assert_one_break_a_source(live)


async def test_a_slate_bridges_an_outage(transcoding: Transcoding) -> None:
    """Same renditions, the pace of real time, a DISCONTINUITY at either end; it is over when an encoder is back."""
    await transcoding.enqueue(slate_seconds=60.0)
    with transcoding.worker("one") as worker:
        with publishing(encoder_command(transcoding.address, size="640x360")):
            before = await transcoding.live_when(has_segments(3), "three segments")
        await transcoding.report(jobs.Gone)
        away = await transcoding.live_when(lambda live: len(slates(live)) >= 3, "a slate of three segments")
        assert [item.name for item in away.renditions] == [item.name for item in before.renditions]
        assert [(item.width, item.height) for item in away.renditions] == [
            (item.width, item.height) for item in before.renditions
        ]
        last = away.records[-1]
        assert last.program_date_time_ms + last.duration_us // 1000 <= time.time() * 1000 + 1000
        for record in slates(away)[:-1]:
            assert set(record.pieces) == {item.name for item in away.renditions}
            assert record.duration_us == pytest.approx(2_000_000, abs=70_000)
        target = away.master.part_target_us
        for item in away.renditions:
            for segment in whole(away, item.name)[-1:]:
                lengths = [part.duration_ticks * 1_000_000 / segment.timescale for part in segment.parts]
                assert all(length <= target for length in lengths)
                assert all(length >= 0.85 * target for length in lengths[:-1])
        await transcoding.enqueue(2, slate_seconds=60.0)
        with publishing(encoder_command(transcoding.address, size="640x360")):
            live = await transcoding.live_when(
                lambda live: has_segments(away.next_sequence + 2)(live) and not live.records[-1].is_slate,
                "segments of the encoder that is back",
            )
            assert len(children_named(worker.pid, "ffmpeg")) == 1, "the slate's own has ended"
    assert [
        sum(one.is_slate for one in live.records if (one.generation, one.run) == run) > 0 for run in sources(live)
    ] == [
        False,
        True,
        False,
    ]
    assert_one_break_a_source(live)


async def test_a_slate_outlives_its_ffmpeg(transcoding: Transcoding) -> None:
    """Kill -9 of the slate's own: another one goes on, as long as nobody is back."""
    await transcoding.enqueue(slate_seconds=60.0)
    with transcoding.worker("one") as worker:
        before = await encoder_that_left(transcoding)
        signal_all(children_named(worker.pid, "ffmpeg"), signal.SIGKILL)
        live = await transcoding.live_when(has_segments(before.next_sequence + 3), "the next one's", 10)
    assert len(slates(live)) >= 4
    assert_one_break_a_source(live)


async def test_a_worker_that_dies_while_the_encoder_is_away_is_replaced(transcoding: Transcoding) -> None:
    """Whoever takes over shows the slate again before a player gives up; the encoder then finds the same lists."""
    await transcoding.enqueue(slate_seconds=60.0)
    with transcoding.worker("one") as first:
        before = await encoder_that_left(transcoding)
        with transcoding.worker("two"):
            first.kill()
            away = await transcoding.live_when(has_segments(before.next_sequence + 2), "the other's slate", 12)
            assert away.records[-1].is_slate
            assert away.generation > before.generation
            with publishing(encoder_command(transcoding.address)):
                live = await transcoding.live_when(
                    lambda live: has_segments(away.next_sequence + 2)(live) and not live.records[-1].is_slate,
                    "the encoder's segments",
                )
    assert_one_break_a_source(live)


async def test_a_broadcast_that_redis_forgot_while_nobody_wrote_goes_on_with_its_numbers(
    transcoding: Transcoding,
) -> None:
    """Its next session's job says how far it had come."""
    await transcoding.enqueue()
    with transcoding.worker("one"):
        with publishing(encoder_command(transcoding.address)):
            before = await transcoding.live_when(has_segments(2), "two segments")
        await transcoding.report(jobs.Gone)
        await transcoding.redis.flushall()
        await transcoding.worker_ready()
        await transcoding.enqueue(2, next_sequence=before.next_sequence)
        with publishing(encoder_command(transcoding.address)):
            live = await transcoding.live_when(has_segments(before.next_sequence + 2), "segments of the next session")
    assert live.first_sequence >= before.next_sequence
    assert [one.sequence for one in live.records] == list(range(live.first_sequence, live.next_sequence))


async def test_without_a_slate_the_lists_hold(transcoding: Transcoding) -> None:
    """The job is settled, nothing is written until somebody is back."""
    await transcoding.enqueue()
    with transcoding.worker("one") as worker:
        with publishing(encoder_command(transcoding.address)):
            await transcoding.live_when(has_segments(1), "a segment")
        await transcoding.report(jobs.Gone)

        async def settled() -> bool:
            return bool(await transcoding.redis.xlen(jobs.JOBS_STREAM) == 0)

        await eventually(settled, "the job to be settled")
        assert children_named(worker.pid, "ffmpeg") == []
        live = await transcoding.live()
        assert live is not None
        assert slates(live) == []
        assert not any(listed(live, item.name).open_parts for item in live.renditions)


async def test_an_encoder_that_takes_over_ends_the_slate(transcoding: Transcoding) -> None:
    """A second session begins while the first one's end is still being written: the numbers go on in order."""
    await transcoding.enqueue(slate_seconds=60.0)
    with transcoding.worker("one"), transcoding.worker("two"):
        with publishing(encoder_command(transcoding.address)):
            before = await transcoding.live_when(has_segments(2), "two segments")
            await transcoding.enqueue(2, slate_seconds=60.0)
        with publishing(encoder_command(transcoding.address, size="320x240")):
            live = await transcoding.live_when(
                lambda live: live.renditions[0].height == 240 and has_segments(5)(live),
                "segments of the second encoder",
            )
    assert live.generation > before.generation
    assert_one_break_a_source(live)
    assert not live.records[-1].is_slate


async def test_a_redis_that_forgot_everything_gets_the_spine_back(transcoding: Transcoding) -> None:
    """FLUSHALL while live: the same records, numbers that go on, no DISCONTINUITY; and old parts' files leave."""
    await transcoding.enqueue()
    with transcoding.worker("one"), publishing(encoder_command(transcoding.address)):
        before = await transcoding.live_when(has_segments(3), "three segments")
        first = listed(before, "v1").segments[0]
        part = transcoding.media / transcoding.public_id / "v1" / part_name(before.generation, 0)
        assert part.exists()
        await transcoding.redis.flushall()
        live = await transcoding.live_when(has_segments(before.next_sequence + 1), "the spine and a new segment")
        assert (live.generation, live.first_sequence) == (before.generation, 0)
        assert list(live.records[: len(before.records)]) == list(before.records)
        assert live.master == before.master
        assert set(discontinuities(live).values()) == {0}

        async def is_gone() -> bool:
            return not part.exists()

        await eventually(is_gone, "the first part's file to leave", 40)
        live = await transcoding.live_when(has_segments(live.next_sequence), "the lists")
        for item in live.renditions:
            for segment in listed(live, item.name).segments:
                assert segment.sequence != first.sequence or segment.parts == ()
                for one in segment.parts:
                    assert transcoding.file(item.name, part_name(segment.generation, one.number))
    assert set(discontinuities(live).values()) == {0}


async def test_an_encoder_that_waited_for_the_tap_loses_no_frame(transcoding: Transcoding) -> None:
    """The worker says that it plays the stream before anybody publishes: every frame sent is in a segment."""
    with transcoding.worker("one"):
        await transcoding.worker_ready()
        await transcoding.enqueue(3)
        said = await transcoding.redis.blpop([jobs.tap_key(transcoding.public_id, 3)], 10)
        assert said is not None
        with publishing(encoder_command(transcoding.address, fps=15, seconds=5.0)) as encoder:

            async def is_over() -> bool:
                return encoder.poll() is not None

            await eventually(is_over, "the encoder to end")
        await transcoding.report(jobs.Gone)
        live = await transcoding.live()
        assert live is not None
    frames = [sample for samples in transcoding.samples(live, "v1") for sample in samples]
    assert len(frames) == 75
    assert set(discontinuities(live).values()) == {0}
