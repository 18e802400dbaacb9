"""Windows in a real Redis: one writer at a time, nothing lost, nothing going back."""

import asyncio

import pytest
from redis.asyncio import Redis

from media.jobs import wake_channel, window_key
from media.live import LiveWindows
from media.window import MediaWindow, Rendition, Segment, append

VIDEO = Rendition("v1", "video", "avc1.64001f", 3_000_000, 2_500_000, width=1280, height=720, fps=30.0)


def window_of(count: int) -> MediaWindow:
    window = MediaWindow(2)
    for number in range(count):
        window = append(window, Segment(number, 1, f"1-{number}.m4s", "1.mp4", 60_000, 30_000, 0, 1000))
    return window


@pytest.fixture
def windows(redis: Redis) -> LiveWindows:
    return LiveWindows(redis)


async def test_what_is_written_is_read(windows: LiveWindows) -> None:
    """A window and the renditions come back as they were written, by a writer that claimed."""
    assert await windows.read("b1") is None
    claimed = await windows.claim("b1")
    assert claimed is not None
    assert claimed.live.windows == {}
    assert await windows.publish("b1", claimed.generation, {"v1": window_of(3)}, [VIDEO]) == "written"
    live = await windows.read("b1")
    assert live is not None
    assert (live.generation, live.renditions, live.windows) == (claimed.generation, (VIDEO,), {"v1": window_of(3)})
    assert not live.is_ended


async def test_a_successor_sees_the_window_and_fences_its_predecessor(windows: LiveWindows) -> None:
    """After a second claim the first worker can write nothing, and the second goes on from its window."""
    first = await windows.claim("b1")
    assert first is not None
    await windows.publish("b1", first.generation, {"v1": window_of(3)}, [VIDEO])
    second = await windows.claim("b1")
    assert second is not None
    assert second.generation > first.generation
    assert second.live.windows == {"v1": window_of(3)}
    assert await windows.publish("b1", first.generation, {"v1": window_of(9)}, []) == "stale"
    live = await windows.read("b1")
    assert live is not None
    assert live.windows == {"v1": window_of(3)}
    assert live.renditions == (VIDEO,)


async def test_claims_at_once_get_different_generations(windows: LiveWindows) -> None:
    """Ten workers that claim together: one is the newest, none shares its number."""
    claims = await asyncio.gather(*(windows.claim("b1") for _ in range(10)))
    assert len({claim.generation for claim in claims if claim}) == 10


async def test_nothing_comes_after_the_end(windows: LiveWindows) -> None:
    """An ended broadcast shows ENDLIST everywhere, and takes neither a claim nor a write; ending twice is harmless."""
    claimed = await windows.claim("b1")
    assert claimed is not None
    await windows.publish("b1", claimed.generation, {"v1": window_of(3)}, [VIDEO])
    await windows.end("b1")
    await windows.end("b1")
    assert await windows.claim("b1") is None
    assert await windows.publish("b1", claimed.generation, {"v1": window_of(4)}) == "ended"
    live = await windows.read("b1")
    assert live is not None
    assert live.is_ended
    assert live.windows["v1"].is_ended
    assert live.windows["v1"].segments == window_of(3).segments


async def test_a_broadcast_that_never_played_can_end(windows: LiveWindows) -> None:
    """Ending before any worker claimed leaves a mark, so that a late job claims nothing."""
    await windows.end("b1")
    assert await windows.claim("b1") is None


async def test_generations_grow_over_a_redis_that_forgot(windows: LiveWindows, redis: Redis) -> None:
    """After FLUSHALL the writer's next write stands again, and a new claim gets a number never used before."""
    first = await windows.claim("b1")
    assert first is not None
    await redis.flushall()
    assert await windows.publish("b1", first.generation, {"v1": window_of(3)}, [VIDEO]) == "written"
    live = await windows.read("b1")
    assert live is not None
    assert live.generation == first.generation
    await redis.flushall()
    second = await windows.claim("b1")
    assert second is not None
    assert second.generation >= first.generation  # within one second the same number may come again


async def test_windows_do_not_live_for_ever(windows: LiveWindows, redis: Redis) -> None:
    """Every write renews the expiry; an ended window keeps a shorter one."""
    claimed = await windows.claim("b1")
    assert claimed is not None
    assert 0 < await redis.pttl(window_key("b1")) <= 24 * 3600 * 1000
    await windows.end("b1")
    assert 0 < await redis.pttl(window_key("b1")) <= 3600 * 1000


async def test_every_change_wakes_who_waits(windows: LiveWindows, redis: Redis) -> None:
    """The shard channel speaks at a write and at the end, not at a refused write."""
    async with redis.pubsub() as pubsub:
        await pubsub.ssubscribe(wake_channel("b1"))
        claimed = await windows.claim("b1")
        assert claimed is not None
        await windows.publish("b1", claimed.generation, {"v1": window_of(1)})
        await windows.publish("b1", claimed.generation - 1, {"v1": window_of(1)})
        await windows.end("b1")
        heard: list[bytes] = []
        async with asyncio.timeout(5):
            while len(heard) < 2:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1)
                if message:
                    heard.append(message["data"])
        assert heard == [str(claimed.generation).encode(), b"ended"]
