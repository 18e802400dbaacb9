"""Playlists as the web process serves them, from a real Redis."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from media.live import LiveWindows
from media.playlist import parse_media, parse_multivariant
from media.window import Live, MediaWindow, Rendition, Segment, append
from server.app import create_app
from server.playback import BROADCASTS_MAX, FRESH_SECONDS, Playlists
from server.refusal import AppError
from server.settings import Settings
from tests.services.web import lifespan_context

VIDEO = Rendition("v1", "video", "avc1.64001f", 3_000_000, 2_500_000, width=1280, height=720, fps=30.0, group="a")
AUDIO = Rendition("audio", "audio", "mp4a.40.2", 140_000, 128_000, group="a")


def window_of(count: int) -> MediaWindow:
    window = MediaWindow(2)
    for number in range(count):
        window = append(window, Segment(number, 1, f"1-{number}.m4s", "1.mp4", 60_000, 30_000, 0, 1000))
    return window


class CountedWindows(LiveWindows):
    """Windows that count how often Redis was asked."""

    reads = 0

    async def read(self, public_id: str) -> Live | None:
        self.reads += 1
        return await super().read(public_id)


@pytest.fixture
async def web(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with lifespan_context(create_app(settings)) as client:
        yield client


async def publish(redis: Redis, count: int, public_id: str = "b1") -> LiveWindows:
    windows = LiveWindows(redis)
    claimed = await windows.claim(public_id)
    assert claimed is not None
    both = {"v1": window_of(count), "audio": window_of(count)}
    assert await windows.publish(public_id, claimed.generation, both, [VIDEO, AUDIO]) == "written"
    return windows


async def test_a_live_broadcast_has_its_lists(web: httpx.AsyncClient, redis: Redis) -> None:
    """Both kinds of list, in the right type, kept for a second, readable from everywhere."""
    await publish(redis, 4)
    for path in ("/live/b1/index.m3u8", "/live/b1/v1/index.m3u8"):
        reply = await web.get(path)
        assert reply.status_code == 200
        assert reply.headers["Content-Type"] == "application/vnd.apple.mpegurl"
        assert reply.headers["Cache-Control"] == "public, max-age=1"
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    variants = parse_multivariant((await web.get("/live/b1/index.m3u8")).text).variants
    assert [variant.uri for variant in variants] == ["v1/index.m3u8", "audio/index.m3u8"]
    entries = parse_media((await web.get("/live/b1/v1/index.m3u8")).text).entries
    assert [entry.uri for entry in entries] == [f"/media/b1/v1/1-{number}.m4s" for number in range(4)]


async def test_an_ended_broadcast_says_so(web: httpx.AsyncClient, redis: Redis) -> None:
    """ENDLIST in every media list, and a longer life in caches: nothing changes any more."""
    windows = await publish(redis, 4)
    await windows.end("b1")
    reply = await web.get("/live/b1/v1/index.m3u8")
    assert reply.text.endswith("#EXT-X-ENDLIST\n")
    assert reply.headers["Cache-Control"] == "public, max-age=10"


@pytest.mark.parametrize(
    "path",
    [
        "/live/nobody/index.m3u8",
        "/live/nobody/v1/index.m3u8",
        "/live/b1/v9/index.m3u8",
        "/live/b1/empty/index.m3u8",
        "/live/b1/v1/1-0.m4s",
        "/live/..%2Fb1/index.m3u8",
        "/live/%2e%2e/index.m3u8",
        "/live/%252e%252e/index.m3u8",
        "/live/" + "a" * 4096 + "/index.m3u8",
        "/live/b1%00/index.m3u8",
        "/live/b1%0a/index.m3u8",
        "/live/{b1}/index.m3u8",
        "/live/%D0%B1/index.m3u8",
        "/media/b1/v1/1-0.m4s",
        "/media/..%2F..%2Fetc%2Fpasswd",
        "/media/%252e%252e%252fetc%252fpasswd",
        "/media/" + "a" * 4096,
    ],
)
async def test_what_is_not_there_is_a_typed_404(web: httpx.AsyncClient, redis: Redis, path: str) -> None:
    """Unknown broadcasts, renditions and files, and every attempt at traversal: a typed 404 that no cache keeps."""
    await publish(redis, 4)
    reply = await web.get(path)
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "not_found"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_before_the_first_segment_there_is_nothing(web: httpx.AsyncClient, redis: Redis) -> None:
    """A claimed broadcast without segments is a 404, not an empty list on which players choke."""
    await publish(redis, 0)
    assert (await web.get("/live/b1/index.m3u8")).status_code == 404
    assert (await web.get("/live/b1/v1/index.m3u8")).status_code == 404


async def test_many_viewers_cost_one_read(redis: Redis) -> None:
    """A thousand requests within the fresh time, for all lists of a broadcast, are one read of Redis."""
    await publish(redis, 4)
    windows = CountedWindows(redis)
    now = 0.0
    playlists = Playlists(windows, lambda: now)
    await asyncio.gather(
        *(playlists.media("b1", "v1") for _ in range(500)), *(playlists.multivariant("b1") for _ in range(500))
    )
    assert windows.reads == 1
    now = FRESH_SECONDS
    await playlists.media("b1", "v1")
    assert windows.reads == 2


async def test_unknown_broadcasts_are_asked_for_once(redis: Redis) -> None:
    """Whoever hammers an unknown address costs no more than a viewer, and names that can't be are never asked for."""
    windows = CountedWindows(redis)
    playlists = Playlists(windows, lambda: 0.0)
    for public_id in ("unknown", "unknown", "../../x", "{b}", "a" * 65):
        with pytest.raises(AppError, match="no such"):
            await playlists.multivariant(public_id)
    assert windows.reads == 1


async def test_memory_is_bounded(redis: Redis) -> None:
    """However many addresses are invented, only so many are remembered."""
    playlists = Playlists(LiveWindows(redis), lambda: 0.0)
    for number in range(BROADCASTS_MAX + 50):
        with pytest.raises(AppError):
            await playlists.multivariant(f"b{number}")
    assert len(playlists._known) == BROADCASTS_MAX


async def test_without_redis_the_answer_is_come_back() -> None:
    """Redis away: 503 with Retry-After within a second or so, for all who ask; the process stays up."""
    away = Redis.from_url("redis://127.0.0.1:1/0", socket_timeout=1.0, socket_connect_timeout=1.0)
    playlists = Playlists(CountedWindows(away), lambda: 0.0)
    answers = await asyncio.gather(*(playlists.media("b1", "v1") for _ in range(50)), return_exceptions=True)
    assert {answer.status for answer in answers if isinstance(answer, AppError)} == {503}
    assert all(isinstance(answer, AppError) and answer.retry_after_seconds == 1 for answer in answers)
    await away.aclose()
