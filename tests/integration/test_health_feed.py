"""The feed behind the streamers' sockets: its bounds, its one read, and servers that are away."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat.codes import Close
from media.jobs import encode
from server.broadcasts.health_feed import SOCKETS_MAX, Follower, HealthFeed
from server.broadcasts.history import channel_health_key
from server.db.pool import Pool
from server.health_ws import HealthSocket
from server.lifespan import open_redis
from server.settings import Settings
from tests.services.chat import People
from tests.services.web import NOWHERE
from tests.unit.media.test_faults import report

if TYPE_CHECKING:
    from collections.abc import MutableMapping


class Page:
    """An ear that remembers."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.closed: list[Close] = []

    def tell(self, payload: bytes) -> None:
        self.heard.append(msgspec.json.decode(payload))

    def close(self, code: Close, reason: str) -> None:
        assert reason
        self.closed.append(code)


async def commands(redis: Redis) -> int:
    stats: dict[str, Any] = await redis.info("commandstats")
    return int(stats.get("cmdstat_mget", {}).get("calls", 0))


def follow(feed: HealthFeed, channels: Sequence[int]) -> list[Page]:
    pages = [Page() for _ in channels]
    for place, (page, channel_id) in enumerate(zip(pages, channels, strict=True)):
        feed.opened()
        feed.join(page, Follower(place, f"s{place}", channel_id, is_owner=True))
    return pages


async def test_one_read_serves_all_channels_and_sockets(redis: Redis, db: Pool) -> None:
    """A report that was told already is not told again; who is gone is not told."""
    feed = HealthFeed(redis, db)
    pages = follow(feed, [1, 1, 2])
    await redis.set(channel_health_key(1), encode(report()))
    before = await commands(redis)
    await feed.look()
    await feed.look()
    assert await commands(redis) == before + 2
    assert [[frame["public_id"] for frame in page.heard] for page in pages] == [["a"], ["a"], [None]]
    feed.closed(pages[1])
    await redis.set(channel_health_key(1), encode(msgspec.structs.replace(report(), at_ms=9)))
    await redis.set(channel_health_key(2), b"\xff nothing that we know")
    await feed.look()
    assert [len(page.heard) for page in pages] == [2, 1, 1]
    for page in (pages[0], pages[2]):
        feed.closed(page)
    await feed.look()
    assert await commands(redis) == before + 3, "nobody follows: nothing is read"
    assert feed.sockets == 0


async def test_redis_away_tells_nothing(db: Pool) -> None:
    """Whoever follows waits; the watch goes on by itself."""
    away = open_redis(NOWHERE)
    feed = HealthFeed(away, db)
    async with feed.running():
        (page,) = follow(feed, [1])
        with pytest.raises((RedisError, OSError)):
            await feed.look()
        assert (page.heard, page.closed) == ([], [])
    await away.aclose()


async def test_a_full_process_says_so(redis: Redis, db: Pool, settings: Settings) -> None:
    """503 to the handshake, before anything is opened."""
    feed = HealthFeed(redis, db)
    for _ in range(SOCKETS_MAX):
        feed.opened()
    assert feed.is_full
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> "MutableMapping[str, Any]":
        return {"type": "websocket.connect"}

    async def send(message: "MutableMapping[str, Any]") -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "headers": [],
        "path_params": {"slug": "maria"},
        "state": {"settings": settings, "health": feed},
        "extensions": {"websocket.http.response": {}},
    }
    await HealthSocket()(scope, receive, send)
    assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 503)


async def test_those_whose_session_ended_are_sent_away(redis: Redis, people: People) -> None:
    """All are looked up at once; a draining process sends the others to another."""
    feed = HealthFeed(redis, people.db)
    await feed.send_away_ended()  # nobody: nothing is asked
    stays, goes = await people.join(), await people.join()
    pages = [Page(), Page()]
    for page, who in zip(pages, (stays, goes), strict=True):
        feed.opened()
        feed.join(page, Follower(who.id, who.session_id, int(who.room), is_owner=True))
    async with people.db.acquire() as connection:
        await connection.execute("UPDATE accounts SET disabled_at = now() WHERE id = $1", goes.id)
    await feed.send_away_ended()
    assert [page.closed for page in pages] == [[], [Close.ACCOUNT_GONE]]
    feed.drain()
    assert [page.closed for page in pages] == [[Close.RESTART], [Close.ACCOUNT_GONE]]
