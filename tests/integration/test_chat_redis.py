"""Redis killed, emptied, or deaf: readers stay, senders learn within a second, all recovers by itself."""

import asyncio
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from chat.keys import room_key
from tests.services.chat import ChatClient, Frame, People, WebProcess, chat_client, in_room, web_process
from tests.services.processes import listens, running
from tests.services.redis_proxy import RedisProxy
from workbench.machine import free_port, give_to_user
from workbench.redis import redis_command


@contextmanager
def _durable_redis(folder: Path, port: int) -> "Iterator[subprocess.Popen[bytes]]":
    command = redis_command(folder, port)
    with running(command, folder / "redis.log", lambda: listens(port), drop_root=True) as process:
        yield process


@pytest.fixture
def redis_home(service_folder: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="own-", dir=service_folder))
    give_to_user(folder)
    return folder


@pytest.fixture
async def web(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[WebProcess]:
    with web_process(database_url, redis_url, tmp_path) as web:
        yield web


async def _say_until_taken(client: ChatClient, room: str, text: str, nonce: str) -> Frame:
    """Repeat one send until it stands, as a page does."""
    deadline = time.monotonic() + 15
    while True:
        answer = await client.say(room, text, nonce)
        if answer["t"] == "ack" or time.monotonic() > deadline:
            return answer
        assert answer["code"] in {"unavailable", "rate_limited"}, answer
        await asyncio.sleep(answer["retry_after_ms"] / 1000)


async def test_redis_killed_and_restarted(database_url: str, redis_home: Path, tmp_path: Path, people: People) -> None:
    """Readers stay connected, senders get `unavailable` within a second, nothing acknowledged is lost afterwards."""
    port, owner = free_port(), await people.join()
    url = f"redis://127.0.0.1:{port}/0"
    with _durable_redis(redis_home, port) as process, web_process(database_url, url, tmp_path) as web:
        async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
            first = await speaker.say(owner.room, "before")
            await reader.event(text="before")
            process.send_signal(signal.SIGKILL)
            process.wait()
            started = time.monotonic()
            refused = await speaker.say(owner.room, "during", "d")
            assert time.monotonic() - started < 1.2
            assert (refused["code"], refused["temporary"]) == ("unavailable", True)
            async with chat_client(web.port) as late:
                await late.hello()
                joined = await late.ask("join", room=owner.room)  # its room is open: no Redis needed
                assert joined["t"] == "joined"
            with _durable_redis(redis_home, port):
                ack = await _say_until_taken(speaker, owner.room, "after", "d")
                assert (ack["epoch"], ack["offset"]) == (first["epoch"], first["offset"] + 1)
                assert (await reader.event())["event"]["text"] == "after"
                async with chat_client(web.port) as late:
                    await late.hello()
                    joined = await late.ask("join", room=owner.room, epoch=first["epoch"], offset=first["offset"] - 1)
                    assert [logged["event"]["text"] for logged in joined["events"]] == ["before", "after"]


async def test_an_emptied_redis_begins_anew(web: WebProcess, people: People, redis: Redis) -> None:
    """FLUSHALL: members are told to reload, the log has a new epoch, and talk goes on."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
        first = await speaker.say(owner.room, "lost")
        await redis.flushall()
        reload = await reader.until(lambda frame: frame["t"] == "reload")
        assert reload["epoch"] > first["epoch"]
        again = await speaker.say(owner.room, "anew")
        assert (again["epoch"], again["offset"]) == (reload["epoch"], 1)
        assert (await reader.event(text="anew"))["epoch"] == reload["epoch"]
        joined = await reader.ask("join", room=owner.room, epoch=first["epoch"], offset=first["offset"])
        assert joined.get("recovered", False) is False


async def test_a_log_that_went_back_begins_anew(web: WebProcess, people: People, redis: Redis) -> None:
    """Redis came back behind what was delivered: the next message starts a new epoch instead of a second offset 2."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
        for text in ("one", "two", "three"):
            last = await speaker.say(owner.room, text)
        await redis.hset(room_key(int(owner.room), "head"), "offset", "1")
        await redis.xtrim(room_key(int(owner.room), "log"), maxlen=1, approximate=False)
        again = await speaker.say(owner.room, "four")
        assert again["epoch"] > last["epoch"]
        await reader.until(lambda frame: frame["t"] == "reload")


async def test_another_past_under_the_same_epoch_is_found(web: WebProcess, people: People, redis: Redis) -> None:
    """A replica that lagged took over and went on: who saw the lost end is told to reload, at a later epoch."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
        for text in ("one", "two"):
            last = await speaker.say(owner.room, text)
        await reader.event(text="two")
        await redis.delete(room_key(int(owner.room), "log"))
        await redis.hset(room_key(int(owner.room), "head"), "offset", 0)
        for number in range(1, 4):
            await _append_silently(redis, int(owner.room), number, f"other {number}")
        await redis.client_kill_filter(_type="pubsub")
        reload = await reader.until(lambda frame: frame["t"] == "reload")
        assert reload["epoch"] > last["epoch"]
        assert (await speaker.say(owner.room, "anew"))["epoch"] == reload["epoch"]


async def test_a_dropped_subscription_fills_its_gap(web: WebProcess, people: People, redis: Redis) -> None:
    """The subscriber's connection is cut: what was said by another process meanwhile arrives, in order, once."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
        await speaker.say(owner.room, "one")
        await reader.event(text="one")
        await redis.client_kill_filter(_type="pubsub")
        await _append_silently(redis, int(owner.room), 2, "two")
        assert (await reader.event(text="two"))["offset"] == 2
        await speaker.say(owner.room, "three")
        assert (await reader.event(text="three"))["offset"] == 3
        offsets = [frame["offset"] for frame in reader.frames if frame["t"] == "event"]
        assert offsets == [1, 2, 3]


async def test_a_hole_is_filled_from_the_log(web: WebProcess, people: People, redis: Redis) -> None:
    """A message that no channel brought is read from the log before the next one is shown."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
        await speaker.say(owner.room, "one")
        await _append_silently(redis, int(owner.room), 2, "two")
        await speaker.say(owner.room, "three")
        texts = [(await reader.event())["event"]["text"] for _ in range(3)]
        assert texts == ["one", "two", "three"]


async def test_an_event_of_a_newer_version_is_passed_over(web: WebProcess, people: People, redis: Redis) -> None:
    """While processes are replaced one by one, an event that this one can't read costs nothing but itself."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
        await speaker.say(owner.room, "one")
        room_id = int(owner.room)
        await redis.hincrby(room_key(room_id, "head"), "offset", 1)
        await redis.xadd(room_key(room_id, "log"), {"e": '{"t":"hologram"}'}, id="2-0")
        await speaker.say(owner.room, "three")
        assert [(await reader.event())["offset"] for _ in range(2)] == [1, 3]
        async with in_room(web.port, owner.room) as late:
            assert (await speaker.say(owner.room, "four"))["offset"] == 4
            assert (await late.event())["offset"] == 4


async def _told_in_time(client: ChatClient, room: str, nonce: str) -> None:
    """The sender learns within a second that nothing can be said now."""
    started = time.monotonic()
    refused = await client.say(room, "during", nonce)
    assert time.monotonic() - started < 1.2
    assert (refused["code"], refused["temporary"]) == ("unavailable", True)


def _heard(client: ChatClient) -> list[tuple[int, str]]:
    return [
        (frame["offset"], frame["event"]["text"])
        for frame in client.frames
        if frame["t"] == "event" and frame["event"]["t"] == "message"
    ]


async def test_a_redis_that_stands_still(database_url: str, redis_home: Path, tmp_path: Path, people: People) -> None:
    """SIGSTOP for several seconds: senders are told each time, and what was tried again and again is said once."""
    port, owner = free_port(), await people.join()
    with (
        _durable_redis(redis_home, port) as process,
        web_process(database_url, f"redis://127.0.0.1:{port}/0", tmp_path) as web,
    ):
        async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
            await speaker.say(owner.room, "before")
            process.send_signal(signal.SIGSTOP)
            try:
                for _ in range(6):
                    await _told_in_time(speaker, owner.room, "d")
            finally:
                process.send_signal(signal.SIGCONT)
            assert (await _say_until_taken(speaker, owner.room, "during", "d"))["offset"] == 2
            await speaker.say(owner.room, "after")
            await reader.event(text="after")
            assert _heard(reader) == [(1, "before"), (2, "during"), (3, "after")]


async def test_a_network_that_drops_everything(
    database_url: str, redis_url: str, redis_port: int, tmp_path: Path, people: People
) -> None:
    """Packets of one process vanish both ways: its senders are told in time, its readers get all that others said."""
    owner, member = await people.join(), await people.join()
    async with RedisProxy(redis_port) as proxy:
        with (
            web_process(database_url, f"redis://127.0.0.1:{proxy.port}/0", tmp_path) as cut,
            web_process(database_url, redis_url, tmp_path) as whole,
        ):
            async with (
                in_room(cut.port, owner.room, owner) as here,
                in_room(whole.port, owner.room, member) as there,
                in_room(cut.port, owner.room) as reader,
            ):
                await here.say(owner.room, "before")
                proxy.drop()
                for number in range(3):
                    assert (await there.say(owner.room, f"beside {number}"))["t"] == "ack"
                    await _told_in_time(here, owner.room, "d")
                proxy.restore()
                assert (await _say_until_taken(here, owner.room, "during", "d"))["offset"] == 5
                await reader.event(text="during", seconds=20)
                expected = [(1, "before"), *((number + 2, f"beside {number}") for number in range(3)), (5, "during")]
                assert _heard(reader) == expected
                await there.event(text="during")
                assert _heard(there) == expected


async def test_a_reply_lost_after_the_script_ran(
    database_url: str, redis_url: str, redis_port: int, tmp_path: Path, people: People
) -> None:
    """It was said although the sender was told it wasn't: the repeat gets its place, everybody sees it once."""
    owner = await people.join()
    async with RedisProxy(redis_port) as proxy:
        with web_process(database_url, f"redis://127.0.0.1:{proxy.port}/0", tmp_path) as web:
            async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
                await speaker.say(owner.room, "before")
                proxy.drop_replies()
                await _told_in_time(speaker, owner.room, "d")
                proxy.restore()
                ack = await _say_until_taken(speaker, owner.room, "during", "d")
                assert ack["offset"] == 2
                await speaker.say(owner.room, "after")
                await reader.event(text="after", seconds=20)
                assert _heard(reader) == [(1, "before"), (2, "during"), (3, "after")]


async def test_every_connection_cut_again_and_again(
    web: WebProcess, people: People, redis: Redis, redis_url: str
) -> None:
    """CLIENT KILL while people talk: what was acknowledged is heard once, in order."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
        acks = []
        for number in range(20):
            if number % 4 == 0:
                await redis.client_kill_filter(_type="pubsub")
                await redis.client_kill_filter(_type="normal", skipme=True)
            acks.append(await _say_until_taken(speaker, owner.room, f"{number}", f"n{number}"))
        await reader.event(text="19", seconds=20)
        assert [ack["offset"] for ack in acks] == list(range(1, 21))
        assert _heard(reader) == [(number + 1, f"{number}") for number in range(20)]


async def test_a_deaf_subscriber_is_found(
    database_url: str, redis: Redis, redis_port: int, tmp_path: Path, people: People
) -> None:
    """Redis answers commands but the subscriber's socket hears nothing: noticed within 5 s, and replaced."""
    owner = await people.join()
    async with RedisProxy(redis_port) as muffler:
        with web_process(database_url, f"redis://127.0.0.1:{muffler.port}/0", tmp_path) as web:
            async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
                await speaker.say(owner.room, "one")
                await reader.event(text="one")
                muffler.mute()
                started = time.monotonic()
                await _append_silently(redis, int(owner.room), 2, "two")
                await asyncio.wait_for(muffler.replaced.wait(), 10)
                assert time.monotonic() - started < 5
                assert (await reader.event(text="two"))["offset"] == 2


async def test_what_is_said_here_waits_for_no_echo(
    database_url: str, redis_url: str, redis_port: int, tmp_path: Path, people: People
) -> None:
    """The subscription is deaf, the script answers: this process's readers have the line at once, and once."""
    owner = await people.join()
    async with RedisProxy(redis_port) as muffler:
        with web_process(database_url, f"redis://127.0.0.1:{muffler.port}/0", tmp_path) as web:
            async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
                await speaker.say(owner.room, "one")
                await reader.event(text="one")
                muffler.mute()
                await speaker.say(owner.room, "two")
                await reader.event(text="two", seconds=1)  # a deaf connection is found after 2.4 s at the earliest
                await asyncio.wait_for(muffler.replaced.wait(), 10)
                await speaker.say(owner.room, "three")
                await reader.event(text="three")
                assert _heard(reader) == [(1, "one"), (2, "two"), (3, "three")]


async def _append_silently(redis: Redis, room_id: int, offset: int, text: str) -> None:
    """Append to the log as the script does, but tell nobody."""
    now_ms = int(time.time() * 1000)
    event = f'{{"t":"message","id":"silent{offset}","at_ms":{now_ms},"author":{{"id":1,"name":"x"}},"text":"{text}"}}'
    await redis.hincrby(room_key(room_id, "head"), "offset", 1)
    await redis.xadd(room_key(room_id, "log"), {"e": event}, id=f"{offset}-0")
