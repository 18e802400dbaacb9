"""The streamer's socket on a real web process: who may, what is told when, and how it ends."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from media.jobs import encode
from server.broadcasts.health_feed import ACCOUNT_SOCKETS_MAX
from server.broadcasts.history import channel_health_key
from tests.services.chat import Account, People, WebProcess, web_process
from tests.unit.media.test_faults import report


@pytest.fixture(params=["auto", "asgi"])
async def web(
    database_url: str, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[WebProcess]:
    with web_process(database_url, redis_url, tmp_path, LEAMS_CHAT_TRANSPORT=request.param) as web:
        yield web


class Follower:
    """One socket of a page."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def hello(self, token: str) -> None:
        await self._connection.send(json.dumps({"t": "hello", "token": token}))

    async def say(self, data: str | bytes) -> None:
        await self._connection.send(data)

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            frame: dict[str, Any] = json.loads(await self._connection.recv())
        return frame

    async def closed(self) -> int:
        """The close code; what comes before is passed over."""
        async with asyncio.timeout(15):
            await self._connection.wait_closed()
        assert self._connection.close_code is not None
        return self._connection.close_code


@asynccontextmanager
async def follower(web: WebProcess, slug: str) -> AsyncIterator[Follower]:
    async with connect(f"ws://127.0.0.1:{web.port}/ws/health/{slug.lower()}", proxy=None) as connection:
        yield Follower(connection)


@asynccontextmanager
async def following(web: WebProcess, who: Account, slug: str | None = None) -> AsyncIterator[Follower]:
    """Who has said hello and is told that all is well."""
    async with follower(web, slug or who.name) as socket:
        await socket.hello(who.token)
        assert await socket.read() == {"t": "ready"}
        yield socket


async def tell(redis: Redis, owner: Account, at_ms: int, **changed: Any) -> None:
    """What the jobs process does with a report."""
    told = msgspec.structs.replace(report(**changed), at_ms=at_ms, public_id="b1")
    await redis.set(channel_health_key(int(owner.room)), encode(told), ex=15)


async def test_figures_come_as_they_are_reported(web: WebProcess, people: People, redis: Redis) -> None:
    """Nothing on the air; then figures, a warning at once, its end after two calm reports, and the end of all."""
    owner = await people.join()
    async with following(web, owner) as page:
        empty = await page.read()
        assert (empty["t"], empty["public_id"], empty["health"]) == ("health", None, [])
        await tell(redis, owner, 2_000)
        told = await page.read()
        assert (told["t"], told["at_ms"], told["public_id"]) == ("health", 2_000, "b1")
        assert told["health"][0] == {
            "metric": "video_kbps",
            "value": 6_000,
            "unit": "kbps",
            "verdict": "good",
            "code": "ok",
            "advice": "The bitrate suits the picture.",
        }
        await tell(redis, owner, 4_000, silent_seconds=20.0)
        began = time.monotonic()
        assert (await page.read())["at_ms"] == 4_000
        warning = await page.read()
        assert time.monotonic() - began < 2
        assert (warning["t"], warning["code"], warning["is_over"]) == ("warning", "audio_silent", False)
        assert (warning["severity"], warning["metric"], warning["at_ms"]) == ("warning", "silent_seconds", 4_000)
        async with following(web, owner) as late:
            assert (await late.read())["at_ms"] == 4_000
            again = await late.read()
            assert (again["code"], again["is_over"]) == ("audio_silent", False)
        for at_ms in (6_000, 8_000):
            await tell(redis, owner, at_ms)
            assert (await page.read())["at_ms"] == at_ms
        over = await page.read()
        assert (over["code"], over["is_over"]) == ("audio_silent", True)
        await tell(redis, owner, 10_000, missing_percent=9.0)
        assert [(await page.read())["t"] for _ in range(2)] == ["health", "warning"]
        await redis.delete(channel_health_key(int(owner.room)))
        assert (await page.read())["public_id"] is None
        over = await page.read()
        assert (over["code"], over["is_over"]) == ("frames_dropped_often", True)


async def test_only_the_owner_and_staff(web: WebProcess, people: People) -> None:
    """Another account is sent away as from a channel that is not there; a token that is none is none."""
    owner, fan, staff = await people.join(), await people.join(), await people.join(site_role="staff")
    async with following(web, staff, owner.name):
        pass
    for slug in (owner.name, "nobody"):
        async with follower(web, slug) as socket:
            await socket.hello(fan.token)
            assert await socket.closed() == 4505
    async with follower(web, owner.name) as socket:
        await socket.hello("nonsense")
        assert await socket.closed() == 4501


async def test_what_is_no_hello_ends_it(web: WebProcess, people: People) -> None:
    """Whatever it is; after a good hello nothing that is said matters."""
    owner = await people.join()
    for garbage in (
        "",
        "[]",
        '{"t":"hello"}',
        '{"t":"join","id":1}',
        '{"t":"hello","token":5}',
        b"\xff\x00",
        "{" * 500,
    ):
        async with follower(web, owner.name) as socket:
            await socket.say(garbage)
            assert await socket.closed() == 4500
    async with following(web, owner) as socket:
        await socket.say("anything")
        await socket.hello("again")
        assert (await socket.read())["t"] == "health"
    async with follower(web, owner.name) as socket:
        await socket.say("x" * 20_000)
        assert await socket.closed() == 1009


async def test_silence_ends_it(web: WebProcess, people: People) -> None:
    """No hello within five seconds."""
    owner = await people.join()
    began = time.monotonic()
    async with follower(web, owner.name) as socket:
        assert await socket.closed() == 4002
    assert 4 < time.monotonic() - began < 9


async def test_an_expired_token_may_be_renewed_on_the_same_socket(web: WebProcess, people: People) -> None:
    """And once in, the token's end is not the socket's."""
    owner = await people.join(lasts_seconds=-5)
    async with follower(web, owner.name) as socket:
        await socket.hello(owner.token)
        assert await socket.read() == {"t": "error", "code": "token_expired"}
        for _ in range(5):
            await socket.hello(owner.token)
        assert await socket.closed() == 4502


async def test_it_ends_with_its_session(web: WebProcess, people: People) -> None:
    """Signed out, or no longer of the staff."""
    owner, staff = await people.join(), await people.join(site_role="staff")
    async with following(web, owner) as mine, following(web, staff, owner.name) as theirs:
        async with people.db.acquire() as connection:
            await connection.execute("UPDATE sessions SET revoked_at = now() WHERE id = $1::uuid", owner.session_id)
            await connection.execute("UPDATE accounts SET site_role = 'user' WHERE id = $1", staff.id)
        assert await mine.closed() == 4504
        assert await theirs.closed() == 4505


async def test_an_accounts_oldest_socket_makes_room(web: WebProcess, people: People) -> None:
    """The others stay."""
    owner = await people.join()
    sockets = [following(web, owner) for _ in range(ACCOUNT_SOCKETS_MAX + 1)]
    opened = [await socket.__aenter__() for socket in sockets]
    try:
        assert await opened[0].closed() == 4004
        assert (await opened[1].read())["t"] == "health"
    finally:
        for socket in sockets:
            await socket.__aexit__(None, None, None)


async def test_a_page_of_another_site_is_refused(web: WebProcess, people: People) -> None:
    """Before anything is opened."""
    owner = await people.join()
    with pytest.raises(InvalidStatus) as refused:
        await connect(
            f"ws://127.0.0.1:{web.port}/ws/health/{owner.name}",
            proxy=None,
            origin="http://evil.test",  # type: ignore[arg-type]
        )
    assert refused.value.response.status_code == 403


async def test_a_process_that_goes_sends_everybody_to_another(web: WebProcess, people: People) -> None:
    """SIGTERM: come back."""
    owner = await people.join()
    async with following(web, owner) as page:
        web.process.terminate()
        assert await page.closed() == 4000
