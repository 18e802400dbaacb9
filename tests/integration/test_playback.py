"""Playlists as the web process serves them, from a real Redis."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from media.jobs import spine_key, window_key
from media.live import LiveWindows
from media.multivariant import MultivariantPlaylist
from media.playlist import MediaPlaylist
from media.playlist_reader import parse_media, parse_multivariant, reassemble
from media.spine_text import Listing
from media.window import Live, Master
from server.app import create_app
from server.playback.answers import CROWDED, NO_SEGMENT, Answer
from server.playback.broadcasts import (
    BROADCASTS_MAX,
    FRESH_SECONDS,
    IDLE_SECONDS,
    PARKED,
    READS,
    Broadcasts,
    open_broadcasts,
)
from server.playback.lists import RENDERS, Lists
from server.settings import Settings
from tests.services.lives import GENERATION, changed_tail, live_of, with_tail
from tests.services.processes import listens, running
from tests.services.waiting import eventually
from tests.services.web import lifespan_context, without_redis
from workbench.machine import free_port, give_to_user
from workbench.redis import redis_command

PRIVATE = "p0123456789abcdef01"


class Writer:
    """A worker as the lists see it."""

    def __init__(self, redis: Redis, public_id: str = "b1") -> None:
        self.windows = LiveWindows(redis)
        self._public_id = public_id
        self._generation = 0

    async def claim(self) -> None:
        claimed = await self.windows.claim(self._public_id)
        assert claimed is not None
        self._generation = claimed.generation

    async def show(self, live: Live) -> None:
        """Let the lists say what this says."""
        if not self._generation:
            await self.claim()
        outcome = await self.windows.publish(
            self._public_id, self._generation, live.tails or {}, live.records, live.master
        )
        assert outcome == "written"

    async def restore(self, live: Live) -> None:
        """Put back what Redis lost."""
        outcome = await self.windows.restore(self._public_id, self._generation, live.records, live.first_discontinuity)
        assert outcome == "written"
        await self.show(live)


@pytest.fixture
async def web(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with lifespan_context(create_app(settings)) as client:
        yield client


@pytest.fixture
def writer(redis: Redis) -> Writer:
    return Writer(redis)


async def media(web: httpx.AsyncClient, path: str, **directives: int | str) -> MediaPlaylist:
    reply = await web.get(path, params={f"_HLS_{name}": value for name, value in directives.items()})
    assert reply.status_code == 200, reply.text
    return parse_media(reply.text)


async def multivariant(web: httpx.AsyncClient, path: str) -> MultivariantPlaylist:
    return parse_multivariant((await web.get(path)).text)


async def waits(task: "asyncio.Task[Any]", broadcasts: Callable[[], float], count: float = 1) -> None:
    """Until so many requests are parked and this one is not done."""

    async def is_parked() -> bool:
        return broadcasts() >= count

    await eventually(is_parked, "the request to be parked")
    assert not task.done()


def parked() -> float:
    (family,) = PARKED.collect()
    return float(family.samples[0].value)


async def test_a_live_broadcast_has_its_lists(web: httpx.AsyncClient, writer: Writer) -> None:
    """All kinds of list, in the right type, compressed, kept for a second, readable from everywhere."""
    await writer.show(live_of(20, 2))
    for path in ("index", "dvr", "v1/index", "v1/dvr", "v1/iframes", "audio/index"):
        reply = await web.get(f"/live/b1/{path}.m3u8")
        assert reply.status_code == 200
        assert reply.headers["Content-Type"] == "application/vnd.apple.mpegurl"
        assert reply.headers["Cache-Control"] == "public, max-age=1"
        assert reply.headers["Content-Encoding"] == "gzip"
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        plain = await web.get(f"/live/b1/{path}.m3u8", headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        assert plain.text == reply.text
    variants = (await multivariant(web, "/live/b1/index.m3u8")).variants
    assert [variant.uri for variant in variants] == ["v2/index.m3u8", "v1/index.m3u8", "audio/index.m3u8"]
    rewind = await multivariant(web, "/live/b1/dvr.m3u8")
    assert [frames.uri for frames in rewind.key_frames] == ["v1/dvr-iframes.m3u8", "v2/dvr-iframes.m3u8"]
    playlist = await media(web, "/live/b1/v1/index.m3u8")
    assert (playlist.media_sequence, len(playlist.entries)) == (5, 15)
    assert playlist.entries[0].uri == f"../../../media/b1/v1/{GENERATION}-5.m4s"
    assert len((await media(web, "/live/b1/v1/dvr.m3u8")).entries) == 20
    assert (await media(web, "/live/b1/v1/dvr-iframes.m3u8")).is_iframes_only


async def test_an_ended_broadcast_says_so(web: httpx.AsyncClient, writer: Writer) -> None:
    """ENDLIST in every media list, whatever is asked, and a longer life in caches: nothing changes any more."""
    await writer.show(live_of(20))
    await writer.windows.end("b1")
    for query in ("", "?_HLS_msn=99", "?_HLS_msn=-1", "?_HLS_part=1", "?_HLS_skip=YES", "?_HLS_msn=1&_HLS_msn=1"):
        reply = await web.get(f"/live/b1/v1/index.m3u8{query}")
        assert reply.text.endswith("#EXT-X-ENDLIST\n")
        assert "#EXT-X-SKIP" not in reply.text
        assert reply.headers["Cache-Control"] == "public, max-age=10"
    assert (await web.get("/live/b1/index.m3u8")).headers["Cache-Control"] == "public, max-age=10"


@pytest.mark.parametrize(
    "path",
    [
        "/live/nobody/index.m3u8",
        "/live/nobody/v1/index.m3u8",
        f"/live/{PRIVATE}/index.m3u8",
        f"/live/{PRIVATE}/v1/index.m3u8?_HLS_msn=3",
        "/live/b1/v9/index.m3u8",
        "/live/b1/v9/index.m3u8?_HLS_msn=3",
        "/live/b1/iframes.m3u8",
        "/live/b1/v1/index.m3u8.m3u8",
        "/live/b1/v1/index",
        "/live/b1/v1/other.m3u8",
        "/live/b1/v1/x/index.m3u8",
        "/live/b1/v1/1-0.m4s",
        "/live/..%2Fb1/index.m3u8",
        "/live/%2e%2e/index.m3u8",
        "/live/%252e%252e/index.m3u8",
        "/live/" + "a" * 4096 + "/index.m3u8",
        "/live/b1/" + "a" * 4096 + "/index.m3u8",
        "/live/b1%00/index.m3u8",
        "/live/b1%0a/index.m3u8",
        "/live/{b1}/index.m3u8",
        "/live/%D0%B1/index.m3u8",
        "/live/",
        "/live//index.m3u8",
        "/media/b1/v1/1-0.m4s",
        f"/media/b1/v1/{GENERATION}-p0.m4s",  # long gone from the lists
        f"/media/b1/v1/{GENERATION}-p123.m4s",  # the one after the hinted
        f"/media/b1/v9/{GENERATION}-p122.m4s",
        f"/media/nobody/v1/{GENERATION}-p122.m4s",
        f"/media/b1/v1/{GENERATION}-p-1.m4s",
        f"/media/b1/v1/{GENERATION}-p99999999999999999999.m4s",
        f"/media/b1/v1/v1/{GENERATION}-p122.m4s",
        "/media/..%2F..%2Fetc%2Fpasswd",
        "/media/%252e%252e%252fetc%252fpasswd",
        "/media/" + "a" * 4096,
    ],
)
async def test_what_is_not_there_is_a_typed_404(web: httpx.AsyncClient, writer: Writer, path: str) -> None:
    """Unknown broadcasts, renditions and files, and every attempt at traversal: a typed 404 that no cache keeps."""
    await writer.show(live_of(20, 2))
    reply = await web.get(path)
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "not_found"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "query",
    [
        "_HLS_msn=-1",
        "_HLS_msn=99999999999999999999",
        "_HLS_msn=23",
        "_HLS_msn=seven",
        "_HLS_msn=",
        "_HLS_msn=7&_HLS_msn=8",
        "_HLS_msn=20&_HLS_part=-1",
        "_HLS_msn=20&_HLS_part=99",
        "_HLS_part=0",
        "_HLS_msn=1.5",
        "_HLS_msn=%31",
        "_HLS_skip=maybe",
    ],
)
async def test_directives_that_no_list_would_satisfy_are_a_400(
    web: httpx.AsyncClient, writer: Writer, query: str
) -> None:
    """Negative, huge, repeated, no numbers, too far ahead: a typed 400 that no cache keeps."""
    await writer.show(live_of(20, 2))
    reply = await web.get(f"/live/b1/v1/index.m3u8?{query}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_directives")
    assert reply.headers["Cache-Control"] == "no-store"


async def test_lists_are_read_alone(web: httpx.AsyncClient) -> None:
    """Nothing can be written here."""
    assert (await web.post("/live/b1/index.m3u8")).status_code == 405


async def test_a_list_is_delivered_when_it_holds_what_was_asked_for(web: httpx.AsyncClient, writer: Writer) -> None:
    """A part, a whole segment, and a delta: each request waits for its own."""
    await writer.show(live_of(20, 2))
    path = "/live/b1/v1/index.m3u8"
    whole = await media(web, path)
    part = asyncio.create_task(media(web, path, msn=20, part=2))
    segment = asyncio.create_task(media(web, path, msn=20))
    delta = asyncio.create_task(web.get(path, params={"_HLS_msn": 20, "_HLS_part": 3, "_HLS_skip": "YES"}))
    await waits(delta, parked, 3)
    await writer.show(live_of(20, 3))
    playlist = await part
    assert playlist.open_entry is not None
    assert len(playlist.open_entry.parts) == 3
    assert playlist.hint_uri == f"../../../media/b1/v1/{GENERATION}-p123.m4s"
    assert not segment.done()
    assert not delta.done()
    await writer.show(live_of(20, 4))
    reply = await delta
    assert reply.headers["Cache-Control"] == "public, max-age=12"
    known = reassemble(whole, parse_media(reply.text))
    assert known == await media(web, path)
    assert not segment.done()
    await writer.show(live_of(21))
    assert (await segment).entries[-1].uri.endswith("-20.m4s")


async def test_what_was_asked_for_and_is_there_comes_at_once(web: httpx.AsyncClient, writer: Writer) -> None:
    """Old segments and parts: the list as it is, which the next who asks may get another of."""
    await writer.show(live_of(20, 2))
    for directives in ({"msn": 0}, {"msn": 19}, {"msn": 19, "part": 2}, {"msn": 19, "part": 6}, {"msn": 3, "part": 77}):
        reply = await web.get("/live/b1/v1/index.m3u8", params={f"_HLS_{k}": v for k, v in directives.items()})
        assert (reply.status_code, reply.headers["X-Accel-Expires"]) == (200, "0")
        assert parse_media(reply.text).media_sequence == 5
    newest = await web.get("/live/b1/v1/index.m3u8?_HLS_msn=20&_HLS_part=1")
    assert newest.headers["X-Accel-Expires"] == "12"


async def test_a_request_that_waited_too_long_is_a_503(web: httpx.AsyncClient, writer: Writer) -> None:
    """Three target durations without what was asked for: come back."""
    live = live_of(20, 2)
    await writer.show(replace(live, master=Master(live.renditions, 1, live.master.part_target_us)))
    started = asyncio.get_running_loop().time()
    reply = await web.get("/live/b1/v1/index.m3u8?_HLS_msn=20&_HLS_part=2")
    assert reply.status_code == 503
    assert reply.headers["Retry-After"] == "1"
    assert 2.9 < asyncio.get_running_loop().time() - started < 4


async def test_the_end_answers_all_who_wait(web: httpx.AsyncClient, writer: Writer) -> None:
    """ENDLIST comes to a parked request at once."""
    await writer.show(live_of(20, 2))
    waiting = asyncio.create_task(media(web, "/live/b1/v1/index.m3u8", msn=21))
    await waits(waiting, parked)
    await writer.windows.end("b1")
    assert (await waiting).is_ended


async def test_the_hinted_part_is_waited_for(web: httpx.AsyncClient, writer: Writer) -> None:
    """A hinted part's address blocks until the part is there, then the edge sends it; one that is there is sent."""
    await writer.show(live_of(20, 2))
    hinted = asyncio.create_task(web.get(f"/media/b1/v1/{GENERATION}-p122.m4s"))
    await waits(hinted, parked)
    await writer.show(live_of(20, 3))
    reply = await hinted
    assert (reply.status_code, reply.headers["X-Accel-Redirect"]) == (200, f"/stored/b1/v1/{GENERATION}-p122.m4s")
    again = await web.get(f"/media/b1/v1/{GENERATION}-p122.m4s")
    assert again.headers["X-Accel-Redirect"] == f"/stored/b1/v1/{GENERATION}-p122.m4s"


async def test_a_hint_that_is_withdrawn_is_a_404(web: httpx.AsyncClient, writer: Writer) -> None:
    """Another worker took over: the part that was hinted at will never come."""
    live = live_of(20, 2)
    await writer.show(live)
    hinted = asyncio.create_task(web.get(f"/media/b1/v1/{GENERATION}-p122.m4s"))
    await waits(hinted, parked)
    tail = live.tail("v1")
    assert tail is not None
    await writer.show(with_tail(live, "v1", changed_tail(tail, generation=GENERATION + 9, next_part=0)))
    assert (await hinted).status_code == 404


async def test_the_first_list_is_waited_for(web: httpx.AsyncClient, writer: Writer) -> None:
    """A broadcast that begins: the multivariant playlist comes when its first parts are there."""
    await writer.show(live_of(0))
    waiting = asyncio.create_task(multivariant(web, "/live/b1/index.m3u8"))
    await waits(waiting, parked)
    assert (await web.get("/live/b1/v1/index.m3u8")).status_code == 404
    await writer.show(live_of(0, 1))
    assert len((await waiting).variants) == 3


async def test_a_thousand_viewers_cost_one_read_and_one_render(web: httpx.AsyncClient, writer: Writer) -> None:
    """A part that a thousand wait for is read once and rendered once."""
    await writer.show(live_of(20, 2))
    await media(web, "/live/b1/v1/index.m3u8")
    await media(web, "/live/b1/v1/index.m3u8", msn=3)
    reads, renders = READS._value.get(), RENDERS._value.get()
    tasks = [
        asyncio.create_task(web.get("/live/b1/v1/index.m3u8?_HLS_msn=20&_HLS_part=2&_HLS_skip=YES"))
        for _ in range(1000)
    ]
    await waits(tasks[-1], parked, 1000)
    await writer.show(live_of(20, 3))
    bodies = {(await task).content for task in tasks}
    assert len(bodies) == 1
    assert RENDERS._value.get() - renders == 1
    assert READS._value.get() - reads <= 3  # the acknowledged subscription costs one more
    assert parked() == 0


@asynccontextmanager
async def process(redis: Redis, redis_url: str) -> AsyncIterator[Broadcasts]:
    async with open_broadcasts(LiveWindows(redis), redis_url) as broadcasts:
        yield broadcasts


async def test_unknown_broadcasts_are_asked_for_once(redis: Redis) -> None:
    """Whoever hammers an unknown address costs one read in a quarter of a second, and memory is bounded."""
    now = 0.0
    broadcasts = Broadcasts(LiveWindows(redis), lambda: now)
    reads = READS._value.get()
    await asyncio.gather(*(broadcasts.find("unknown") for _ in range(200)))
    assert READS._value.get() - reads == 1
    now = FRESH_SECONDS
    await broadcasts.find("unknown")
    assert READS._value.get() - reads == 2
    for number in range(BROADCASTS_MAX + 50):
        await broadcasts.find(f"b{number}")
    assert len(broadcasts) == BROADCASTS_MAX


async def test_made_up_renditions_leave_nothing_behind(redis: Redis, writer: Writer) -> None:
    """Whoever asks for thousands of names of one broadcast costs no memory."""
    await writer.show(live_of(20, 2))
    broadcasts = Broadcasts(LiveWindows(redis))
    lists = (await broadcasts.find("b1")).lists
    assert lists.window("v1") is not None
    for number in range(1000):
        assert lists.window(f"v{number + 1000}") is None
        assert lists.media(f"v{number + 1000}", Listing(), may_skip=False) is None
    assert len(lists._windows) == 1
    assert not lists._made


async def test_who_is_read_is_not_forgotten_for_another(redis: Redis, writer: Writer) -> None:
    """Two thousand unknown ones come while a broadcast is read: it is still known afterwards, and listened to."""
    await writer.show(live_of(20, 2))
    broadcasts = Broadcasts(LiveWindows(redis))
    asked = asyncio.create_task(broadcasts.find("b1"))
    await asyncio.sleep(0)
    others = [asyncio.create_task(broadcasts.find(f"u{number}")) for number in range(BROADCASTS_MAX + 10)]
    known = await asked
    assert await broadcasts.find("b1") is known
    await asyncio.gather(*others)


async def test_parked_requests_are_bounded(redis: Redis, writer: Writer) -> None:
    """Beyond the bound: come back, at once.  What is over leaves room."""
    await writer.show(live_of(20, 2))
    broadcasts = Broadcasts(LiveWindows(redis), parked_max=2)
    known = await broadcasts.find("b1")
    waiting = [asyncio.create_task(broadcasts.park(known, 1, never, 0.2, NO_SEGMENT)) for _ in range(2)]
    await waits(waiting[-1], parked, 2)
    assert await broadcasts.park(known, 1, never, 9, NO_SEGMENT) is CROWDED
    assert [await task for task in waiting] == [NO_SEGMENT, NO_SEGMENT]
    assert await broadcasts.park(known, 1, never, 0, NO_SEGMENT) is NO_SEGMENT
    assert not known.waiting


def never(_lists: Lists) -> Answer | None:
    return None


async def test_a_process_that_ends_sends_everybody_away(redis: Redis, writer: Writer) -> None:
    """The parked get a 503 with Retry-After at once, and so does whoever comes then."""
    await writer.show(live_of(20, 2))
    broadcasts = Broadcasts(LiveWindows(redis))
    known = await broadcasts.find("b1")
    waiting = asyncio.create_task(broadcasts.park(known, 1, never, 60, NO_SEGMENT))
    await waits(waiting, parked)
    broadcasts.close()
    assert (await waiting).status == 503
    assert (await broadcasts.park(known, 1, never, 60, NO_SEGMENT)).status == 503


async def test_without_redis_the_answer_is_come_back(settings: Settings) -> None:
    """Redis away from the beginning: 503 with Retry-After for all who ask; the process stays up."""
    async with AsyncExitStack() as stack:
        app = create_app(without_redis(settings))
        client = await stack.enter_async_context(lifespan_context(app))
        replies = await asyncio.gather(*(client.get("/live/b1/v1/index.m3u8") for _ in range(50)))
        assert {reply.status_code for reply in replies} == {503}
        assert {reply.headers["Retry-After"] for reply in replies} == {"1"}
        assert (await client.get("/live/b1/index.m3u8")).status_code == 503
        assert (await client.get(f"/media/b1/v1/{GENERATION}-p1.m4s")).status_code == 503


async def test_a_redis_that_lost_everything_takes_nothing_back(
    web: httpx.AsyncClient, writer: Writer, redis: Redis
) -> None:
    """FLUSHALL mid-live: the list stays as it was shown, until the worker restored it and it goes on."""
    await writer.show(live_of(20, 2))
    before = await media(web, "/live/b1/v1/index.m3u8")
    await redis.delete(window_key("b1"), spine_key("b1"))
    assert await media(web, "/live/b1/v1/index.m3u8", msn=3) == before
    waiting = asyncio.create_task(media(web, "/live/b1/v1/index.m3u8", msn=20, part=2))
    await waits(waiting, parked)
    await writer.restore(live_of(20, 4))
    assert (await waiting).media_sequence == before.media_sequence
    assert (await media(web, "/live/b1/v1/index.m3u8", msn=20, part=3)).media_sequence == before.media_sequence
    assert len((await media(web, "/live/b1/v1/dvr.m3u8")).entries) == 20


def started_redis(folder: Path, port: int) -> ExitStack:
    folder.mkdir(exist_ok=True)
    give_to_user(folder)
    stack = ExitStack()
    stack.enter_context(running(redis_command(folder, port), folder / "log", lambda: listens(port), drop_root=True))
    return stack


async def test_a_redis_that_restarts_is_read_again(service_folder: Path) -> None:
    """While it is away lists stay as they were shown and requests wait; when it is back they go on by themselves."""
    folder, port = service_folder / "playback-redis", free_port()
    url = f"redis://127.0.0.1:{port}/0"
    running_redis = await asyncio.to_thread(started_redis, folder, port)
    client = Redis.from_url(url, protocol=3, socket_timeout=1.0)
    writer = Writer(client)
    await writer.show(live_of(20, 2))
    async with process(client, url) as broadcasts:
        known = await broadcasts.find("b1")
        wakes = broadcasts.wakes
        assert wakes is not None
        await eventually(lambda: said(wakes.hears(known.channel)), "the subscription")
        await asyncio.to_thread(running_redis.close)
        await eventually(lambda: said(not wakes.hears(known.channel)), "the loss to be noticed")
        known = await broadcasts.find("b1")
        assert known.lists.live is not None
        assert known.lists.live.next_sequence == 20

        def look(lists: Lists) -> Answer | None:
            return NO_SEGMENT if lists.live is not None and lists.live.next_sequence == 21 else None

        waiting = asyncio.create_task(broadcasts.park(known, 1, look, 60, CROWDED))
        await waits(waiting, parked)
        running_redis = await asyncio.to_thread(started_redis, folder, port)
        await eventually(lambda: said(wakes.hears(known.channel)), "the subscription again")
        await writer.show(live_of(21))
        assert await waiting is NO_SEGMENT
    await client.aclose()
    await asyncio.to_thread(running_redis.close)


def said(answer: bool) -> "Coroutine[Any, Any, bool]":  # noqa: FBT001  # a condition to wait for
    async def tell() -> bool:
        return answer

    return tell()


async def test_what_is_waited_for_is_looked_for_without_a_subscription(redis: Redis, writer: Writer) -> None:
    """No wakes at all: whoever waits is answered within about a second of the news."""
    await writer.show(live_of(20, 2))
    broadcasts = Broadcasts(LiveWindows(redis))
    known = await broadcasts.find("b1")
    task = asyncio.create_task(broadcasts.look_after())

    def look(lists: Lists) -> Answer | None:
        return NO_SEGMENT if lists.live is not None and lists.live.next_sequence == 21 else None

    waiting = asyncio.create_task(broadcasts.park(known, 1, look, 60, CROWDED))
    await waits(waiting, parked)
    await writer.show(live_of(21))
    assert await waiting is NO_SEGMENT
    task.cancel()


async def test_what_nobody_asks_for_is_forgotten(redis: Redis, writer: Writer) -> None:
    """A broadcast without viewers costs neither memory nor reads; who waits keeps it."""
    await writer.show(live_of(20, 2))
    now = 0.0
    broadcasts = Broadcasts(LiveWindows(redis), lambda: now)
    known = await broadcasts.find("b1")
    await broadcasts.find("b2")
    waiting = asyncio.create_task(broadcasts.park(known, 1, never, 60, NO_SEGMENT))
    await waits(waiting, parked)
    task = asyncio.create_task(broadcasts.look_after())
    now = IDLE_SECONDS + 1
    await eventually(lambda: said(len(broadcasts) == 1), "the unknown one to be forgotten")
    broadcasts.close()
    await waiting
    await eventually(lambda: said(not len(broadcasts)), "the other one too")
    task.cancel()


async def test_what_is_called_gzip_is_gzip(web: httpx.AsyncClient, writer: Writer) -> None:
    """Smaller, and the same."""
    await writer.show(live_of(20, 2))
    async with web.stream("GET", "/live/b1/v1/dvr.m3u8") as reply:
        raw = b"".join([chunk async for chunk in reply.aiter_raw()])
    plain = await web.get("/live/b1/v1/dvr.m3u8", headers={"Accept-Encoding": "identity"})
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 3
