"""Spine and tails in a real Redis: one writer at a time, nothing lost, nothing going back."""

import asyncio
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis

from media.jobs import spine_key, wake_channel, window_key
from media.live import ENDED_LIFE_MS, LIFE_MS, Claimed, LiveWindows
from media.window import Live, Master, Part, Piece, Record, Rendition, Segment, Tail

VIDEO = Rendition("v1", "video", "avc1.64001f", 3_000_000, 2_500_000, width=1280, height=720, fps=30.0)
MASTER = Master((VIDEO,), 2, 334_334)
ID = "b1"


def records_of(first: int, count: int, *, generation: int = 1, breaks: tuple[int, ...] = ()) -> list[Record]:
    return [
        Record(
            number,
            generation=generation,
            run=1,
            program_date_time_ms=2_000 * number,
            duration_us=2_000_000,
            has_discontinuity=number in breaks,
            is_slate=False,
            pieces={"v1": Piece(180_000, 90_000, 1_000, 90)},
        )
        for number in range(first, first + count)
    ]


def tail_of(sequence: int, parts: int = 1) -> Tail:
    """A tail with one open segment."""
    found = tuple(Part(number, 30_000, 100, number == 0) for number in range(parts))
    segment = Segment(
        sequence=sequence,
        generation=1,
        run=1,
        timescale=90_000,
        duration_ticks=30_000 * parts,
        program_date_time_ms=2_000 * sequence,
        is_open=True,
        parts=found,
    )
    return Tail((segment,), generation=1, next_part=parts)


@pytest.fixture
def windows(redis: Redis) -> LiveWindows:
    return LiveWindows(redis)


async def claim(windows: LiveWindows) -> Claimed:
    claimed = await windows.claim(ID)
    assert claimed is not None
    return claimed


async def read(windows: LiveWindows, known: Live | None = None) -> Live:
    live = await windows.read(ID, known)
    assert live is not None
    return live


def numbers(records: Sequence[Record]) -> list[int]:
    return [record.sequence for record in records]


async def test_what_is_written_is_read(windows: LiveWindows) -> None:
    """Master, tails and records come back as they were written, by a writer that claimed."""
    assert await windows.read(ID) is None
    claimed = await claim(windows)
    assert (claimed.live.records, claimed.live.tails) == ([], {})
    records = records_of(0, 3, breaks=(2,))
    assert await windows.publish(ID, claimed.generation, {"v1": tail_of(3)}, records, MASTER) == "written"
    live = await read(windows)
    assert (live.generation, live.master, live.records) == (claimed.generation, MASTER, records)
    assert live.tails == {"v1": tail_of(3)}
    assert (live.first_sequence, live.first_discontinuity, live.is_ended) == (0, 0, False)


async def test_a_write_of_one_tail_leaves_the_others(windows: LiveWindows) -> None:
    """What is not given stays."""
    generation = (await claim(windows)).generation
    await windows.publish(ID, generation, {"v1": tail_of(0), "audio": tail_of(0)}, (), MASTER)
    assert await windows.publish(ID, generation, {"v1": tail_of(0, 2)}) == "written"
    live = await read(windows)
    assert (live.tails, live.master) == ({"v1": tail_of(0, 2), "audio": tail_of(0)}, MASTER)


async def test_a_write_that_is_repeated_joins_once(windows: LiveWindows) -> None:
    """The answer was lost, not the write: records that stand are not written again, later ones are."""
    generation = (await claim(windows)).generation
    await windows.publish(ID, generation, {}, records_of(0, 3))
    assert await windows.publish(ID, generation, {}, records_of(1, 4)) == "written"
    assert numbers((await read(windows)).records) == [0, 1, 2, 3, 4]


async def test_a_successor_sees_the_window_and_fences_its_predecessor(windows: LiveWindows) -> None:
    """After a second claim the first worker can write and restore nothing; the second goes on from what stood."""
    first = await claim(windows)
    await windows.publish(ID, first.generation, {"v1": tail_of(3)}, records_of(0, 3), MASTER)
    second = await claim(windows)
    assert second.generation > first.generation
    assert (second.live.records, second.live.tails) == (records_of(0, 3), {"v1": tail_of(3)})
    assert await windows.publish(ID, first.generation, {"v1": tail_of(9)}, records_of(3, 1), Master()) == "stale"
    assert await windows.restore(ID, first.generation, records_of(0, 1), 0) == "stale"
    live = await read(windows)
    assert (live.generation, live.records, live.tails, live.master) == (
        second.generation,
        records_of(0, 3),
        {"v1": tail_of(3)},
        MASTER,
    )


async def test_claims_at_once_get_different_generations(windows: LiveWindows) -> None:
    """Ten workers that claim together: one is the newest, none shares its number."""
    claims = await asyncio.gather(*(windows.claim(ID) for _ in range(10)))
    assert len({claim.generation for claim in claims if claim}) == 10


async def test_writers_at_once_leave_one_spine(windows: LiveWindows) -> None:
    """Two generations write each number while readers look: contiguous at any time, and one writer's from its claim."""
    old = await claim(windows)
    new = await claim(windows)

    async def write(generation: int) -> list[str]:
        return [
            await windows.publish(
                ID, generation, {"v1": tail_of(number + 1)}, records_of(number, 1, generation=generation)
            )
            for number in range(40)
        ]

    async def look() -> None:
        known: Live | None = None
        while known is None or known.next_sequence < 40:
            known = await read(windows, known)
            assert numbers(known.records) == list(range(known.next_sequence))
            assert all(record.generation == new.generation for record in known.records)

    stale, written, *_ = await asyncio.gather(write(old.generation), write(new.generation), look(), look())
    assert (set(stale), set(written)) == ({"stale"}, {"written"})


async def test_nothing_comes_after_the_end(windows: LiveWindows) -> None:
    """An ended broadcast takes no claim, no write and no restoring; ending twice is harmless."""
    generation = (await claim(windows)).generation
    await windows.publish(ID, generation, {"v1": tail_of(3)}, records_of(0, 3), MASTER)
    await windows.end(ID)
    await windows.end(ID)
    assert await windows.claim(ID) is None
    assert await windows.publish(ID, generation, {"v1": tail_of(4)}, records_of(3, 1)) == "ended"
    assert await windows.restore(ID, generation, records_of(0, 9), 0) == "ended"
    live = await read(windows)
    assert (live.is_ended, live.records, live.tails) == (True, records_of(0, 3), {"v1": tail_of(3)})


async def test_a_broadcast_that_never_played_can_end(windows: LiveWindows) -> None:
    """Ending before any worker claimed leaves a mark, so that a late job claims nothing."""
    await windows.end(ID)
    assert await windows.claim(ID) is None


async def test_the_front_of_the_spine_leaves(windows: LiveWindows) -> None:
    """Only so many records are kept; numbers and breaks of those that went are remembered."""
    generation = (await claim(windows)).generation
    records = records_of(0, 12, breaks=(2, 5, 9))
    for place in range(0, 12, 3):
        await windows.publish(ID, generation, {}, records[place : place + 3], keep_records=4)
    live = await read(windows)
    assert (live.records, live.first_sequence, live.first_discontinuity) == (records[8:], 8, 2)


@pytest.mark.parametrize("first", [1, 4])
async def test_a_hole_is_told_and_restored(windows: LiveWindows, redis: Redis, first: int) -> None:
    """Records that don't follow change nothing; the writer's whole memory then stands, tails and master with it."""
    generation = (await claim(windows)).generation
    await windows.publish(ID, generation, {}, records_of(0, first - 1))
    if first == 4:
        await redis.delete(spine_key(ID))
    outcome = await windows.publish(ID, generation, {"v1": tail_of(9)}, records_of(first, 2), MASTER)
    assert outcome == "hole"
    assert (await read(windows)).tails == {}
    memory = records_of(2, 5, breaks=(4,))
    assert await windows.restore(ID, generation, memory, 3, {"v1": tail_of(7)}, MASTER) == "written"
    live = await read(windows)
    assert (live.records, live.first_sequence, live.first_discontinuity) == (memory, 2, 3)
    assert (live.tails, live.master) == ({"v1": tail_of(7)}, MASTER)
    assert await windows.publish(ID, generation, {}, records_of(7, 1)) == "written"


async def test_a_tail_never_stands_alone(windows: LiveWindows, redis: Redis) -> None:
    """After FLUSHALL the next part says how far the spine must reach: its list would begin at 0 without it."""
    generation = (await claim(windows)).generation
    await windows.publish(ID, generation, {"v1": tail_of(3)}, records_of(0, 3), MASTER, next_sequence=3)
    assert await windows.publish(ID, generation, {"v1": tail_of(3, 2)}, next_sequence=3) == "written"
    await redis.flushall()
    assert await windows.publish(ID, generation, {"v1": tail_of(3, 3)}, next_sequence=3) == "hole"
    assert await windows.read(ID) is None


async def test_a_spine_without_records_is_restored(windows: LiveWindows) -> None:
    """A broadcast that lost everything before its first segment was whole."""
    generation = (await claim(windows)).generation
    assert await windows.restore(ID, generation, [], 0, {"v1": tail_of(0)}, MASTER) == "written"
    assert await windows.publish(ID, generation, {}, records_of(0, 1)) == "written"
    assert (await read(windows)).records == records_of(0, 1)


async def test_a_reader_asks_for_what_is_new(windows: LiveWindows) -> None:
    """What it knows and what came make one spine, whatever left at the front."""
    generation = (await claim(windows)).generation
    known = await read(windows)
    assert (await read(windows, known)).records == []
    for count in range(1, 12):
        await windows.publish(ID, generation, {"v1": tail_of(count)}, records_of(count - 1, 1), keep_records=6)
        known = await read(windows, known)
        assert known == await read(windows)
    assert (known.first_sequence, known.next_sequence) == (5, 11)
    assert await read(windows, known) == known


async def test_a_reader_that_slept_learns_everything(windows: LiveWindows) -> None:
    """All that it knows has left the spine."""
    generation = (await claim(windows)).generation
    await windows.publish(ID, generation, {}, records_of(0, 3))
    known = await read(windows)
    await windows.publish(ID, generation, {}, records_of(3, 20), keep_records=6)
    assert numbers((await read(windows, known)).records) == list(range(17, 23))


async def test_a_reader_forgets_what_no_longer_stands(windows: LiveWindows, redis: Redis) -> None:
    """Redis and the worker lost everything: a shorter spine, and one with as many numbers, are read anew."""
    generation = (await claim(windows)).generation
    await windows.publish(ID, generation, {}, records_of(0, 10))
    known = await read(windows)
    await redis.flushall()
    for count in (3, 10, 12):
        await windows.restore(ID, generation, records_of(0, count, generation=2), 0)
        assert (await read(windows, known)).records == records_of(0, count, generation=2)
    await redis.flushall()
    assert await windows.read(ID, known) is None


async def test_a_reader_learns_of_an_older_beginning(windows: LiveWindows) -> None:
    """Somebody remembered more than what stood: the same last record does not hide it."""
    generation = (await claim(windows)).generation
    await windows.restore(ID, generation, records_of(5, 5), 0)
    known = await read(windows)
    await windows.restore(ID, generation, records_of(2, 8), 0)
    assert numbers((await read(windows, known)).records) == list(range(2, 10))


async def test_generations_grow_over_a_redis_that_forgot(windows: LiveWindows, redis: Redis) -> None:
    """After FLUSHALL the writer's generation stands again with its next write; a new claim's number isn't older."""
    first = await claim(windows)
    await redis.flushall()
    assert await windows.publish(ID, first.generation, {"v1": tail_of(0)}, (), MASTER) == "written"
    assert (await read(windows)).generation == first.generation
    await redis.flushall()
    assert (await claim(windows)).generation >= first.generation  # within one second the same number may come again


async def test_windows_do_not_live_for_ever(windows: LiveWindows, redis: Redis) -> None:
    """Every write renews the expiry of both keys; an ended window keeps a shorter one."""
    generation = (await claim(windows)).generation
    assert 0 < await redis.pttl(window_key(ID)) <= LIFE_MS
    await windows.publish(ID, generation, {}, records_of(0, 1))
    for key in (window_key(ID), spine_key(ID)):
        await redis.pexpire(key, 60_000)
    await windows.publish(ID, generation, {"v1": tail_of(1)})
    for key in (window_key(ID), spine_key(ID)):
        assert LIFE_MS - 60_000 < await redis.pttl(key) <= LIFE_MS
    await windows.end(ID)
    for key in (window_key(ID), spine_key(ID)):
        assert 0 < await redis.pttl(key) <= ENDED_LIFE_MS


async def test_every_change_wakes_who_waits(windows: LiveWindows, redis: Redis) -> None:
    """The shard channel speaks at a write, at a restoring and at the end, not at a refused write."""
    async with redis.pubsub() as pubsub:
        await pubsub.ssubscribe(wake_channel(ID))
        generation = (await claim(windows)).generation
        await windows.publish(ID, generation, {"v1": tail_of(0)})
        await windows.publish(ID, generation - 1, {"v1": tail_of(0)})
        await windows.publish(ID, generation, {}, records_of(5, 1))
        await windows.restore(ID, generation, records_of(0, 1), 0)
        await windows.end(ID)
        heard: list[bytes] = []
        async with asyncio.timeout(5):
            while len(heard) < 3:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1)
                if message:
                    heard.append(message["data"])
        assert heard == [str(generation).encode()] * 2 + [b"ended"]
