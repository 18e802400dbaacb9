"""The WebSocket door on a real web process: hello, rooms, talk, limits, standing."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from websockets.exceptions import InvalidStatus

from chat.keys import ACCOUNTS_CHANNEL, room_key
from chat.presence import publish_info, room_counts
from chat.shards import Shards
from chat.wire import Info
from server.db.pool import Pool
from tests.services.chat import JSON, MSGPACK, People, WebProcess, chat_client, in_room, web_process


@pytest.fixture
async def web(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[WebProcess]:
    with web_process(database_url, redis_url, tmp_path) as web:
        yield web


@pytest.mark.parametrize("encoding", [JSON, MSGPACK])
async def test_what_one_says_everybody_reads(web: WebProcess, people: People, encoding: str) -> None:
    """A message reaches the sender, a member and a guest, in either encoding, at the place its ack names."""
    owner, fan = await people.join(), await people.join()
    async with (
        in_room(web.port, owner.room, owner, encoding) as speaker,
        in_room(web.port, owner.room, fan, JSON) as reader,
        in_room(web.port, owner.room, None, MSGPACK) as guest,
    ):
        ack = await speaker.say(owner.room, "  hello\u202e   world ", "n1")
        assert ack["t"] == "ack"
        for client in (reader, guest):
            push = await client.event()
            assert (push["epoch"], push["offset"]) == (ack["epoch"], ack["offset"])
            assert push["event"]["text"] == "hello world"
            assert push["event"]["author"] == {"id": owner.id, "name": owner.name, "role": "owner"}
        if not any(frame["t"] == "event" for frame in speaker.frames):  # it may come before its ack or after
            await speaker.event(nonce="n1")


async def test_guests_read_and_are_asked_to_sign_in(web: WebProcess, people: People) -> None:
    """A guest's message is refused with `sign_in`."""
    owner = await people.join()
    async with in_room(web.port, owner.room) as guest:
        assert (await guest.say(owner.room, "hi"))["code"] == "sign_in"


async def test_a_joiner_gets_the_last_visible_messages(web: WebProcess, people: People) -> None:
    """Backfill leaves out what was deleted and what a timed-out account said."""
    owner, fan = await people.join("owner_a"), await people.join("fan_a")
    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room, fan) as member:
        await speaker.say(owner.room, "stays")
        await speaker.say(owner.room, "goes")
        gone = await member.event(text="goes")
        await member.say(owner.room, "rude")
        await speaker.event(text="rude")
        assert (await speaker.say(owner.room, f"/delete {gone['event']['id']}"))["t"] == "ack"
        assert (await speaker.say(owner.room, "/timeout fan_a 60 be kind"))["t"] == "ack"
        refused = await member.say(owner.room, "but")
        assert (refused["code"], refused["temporary"]) == ("timed_out", True)
        assert 55_000 < refused["retry_after_ms"] <= 60_000
        assert any(frame["t"] == "you" for frame in member.frames)
        async with chat_client(web.port) as late:
            await late.hello()
            joined = await late.ask("join", room=owner.room)
    assert [logged["event"]["text"] for logged in joined["events"]] == ["stays"]


async def test_a_nonce_says_a_thing_once(web: WebProcess, people: People) -> None:
    """A repeated send gets the first place again and nobody reads it twice."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
        first = await speaker.say(owner.room, "once", "same")
        again = await speaker.say(owner.room, "once", "same")
        assert (first["epoch"], first["offset"]) == (again["epoch"], again["offset"])
        await speaker.say(owner.room, "after")
        await reader.event(text="after")
        assert [frame["event"]["text"] for frame in reader.frames if frame["t"] == "event"] == ["once", "after"]


async def test_members_have_a_rate(web: WebProcess, people: People) -> None:
    """The sixth message at once is refused and says when to try again."""
    owner, fan = await people.join(), await people.join()
    async with in_room(web.port, owner.room, fan) as member:
        answers = [await member.say(owner.room, f"line {number}") for number in range(6)]
    assert [answer["t"] for answer in answers] == ["ack"] * 5 + ["error"]
    assert answers[5]["code"] == "rate_limited"
    assert 0 < answers[5]["retry_after_ms"] <= 1000


async def test_slow_mode_and_followers_only(web: WebProcess, people: People, db: Pool) -> None:
    """Modes hold for members, not for moderators, and a follow counts at once."""
    owner, fan = await people.join(), await people.join()
    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room, fan) as member:
        await speaker.say(owner.room, "/slow 30")
        await member.event("modes", slow_seconds=30)
        assert (await member.say(owner.room, "one"))["t"] == "ack"
        refused = await member.say(owner.room, "two")
        assert refused["code"] == "slow_mode"
        assert 25_000 < refused["retry_after_ms"] <= 30_000
        for _ in range(2):
            assert (await speaker.say(owner.room, "owners don't wait"))["t"] == "ack"
        await speaker.say(owner.room, "/slowoff")
        await speaker.say(owner.room, "/followers")
        await member.event("modes", followers_only_seconds=0)
        assert (await member.say(owner.room, "three"))["code"] == "followers_only"
        await db.execute("INSERT INTO follows (account_id, channel_id) VALUES ($1, $2)", fan.id, int(owner.room))
        assert (await member.say(owner.room, "four"))["t"] == "ack"


async def test_older_pages_go_on_without_a_seam(web: WebProcess, people: People, redis: Redis, db: Pool) -> None:
    """From the backfill backwards through the log every message comes once; `test_chat_pages` goes on from there."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker:
        for number in range(60):
            answer = await speaker.say(owner.room, f"m{number}")
            while answer["t"] == "error":
                await asyncio.sleep(answer["retry_after_ms"] / 1000)
                answer = await speaker.say(owner.room, f"m{number}")
        async with chat_client(web.port) as late:
            await late.hello()
            joined = await late.ask("join", room=owner.room)
            texts = [logged["event"]["text"] for logged in joined["events"]]
            assert len(texts) == 50
            page = await late.ask(
                "older", room=owner.room, epoch=joined["epoch"], offset=joined["events"][0]["offset"], limit=10
            )
            assert [logged["event"]["text"] for logged in page["events"]] + texts == [f"m{n}" for n in range(60)]


async def test_a_renewed_token_and_an_ended_account(web: WebProcess, people: People, redis: Redis) -> None:
    """Hello may be repeated; an account that ends is gone within a second."""
    fan = await people.join()
    async with in_room(web.port, fan.room, fan) as member, chat_client(web.port) as guest:
        welcome = await member.hello(fan)
        assert welcome["account"]["id"] == fan.id
        await guest.hello()
        notice = json.dumps({"account_id": fan.id, "session_id": None})
        await redis.publish(ACCOUNTS_CHANNEL, notice)
        assert await member.closed(1) == 4504
        assert (await guest.ask("ping"))["t"] == "pong"


async def test_a_signed_out_session_leaves_the_others(web: WebProcess, people: People, redis: Redis) -> None:
    """A notice with a session ends that session's sockets alone."""
    fan = await people.join()
    async with in_room(web.port, fan.room, fan) as member:
        await redis.publish(ACCOUNTS_CHANNEL, json.dumps({"account_id": fan.id, "session_id": "another"}))
        assert (await member.say(fan.room, "still here"))["t"] == "ack"


async def test_an_expired_token_may_be_renewed(web: WebProcess, people: People) -> None:
    """An expired token is refused by a frame; the socket stays and takes a good one."""
    late, fan = await people.join(lasts_seconds=-1), await people.join()
    async with chat_client(web.port) as client:
        assert (await client.hello(late))["code"] == "token_expired"
        assert (await client.hello(fan))["account"]["id"] == fan.id


async def test_a_database_that_counts_less_than_redis_is_believed(
    web: WebProcess, people: People, redis: Redis
) -> None:
    """A restored database has older rules than the room's log heard of: its rules, read anew, are the truth."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker:
        await redis.hset(room_key(int(owner.room), "head"), "version", "99")
        assert (await speaker.say(owner.room, "hello"))["t"] == "ack"


async def test_info_and_counts_reach_the_room(web: WebProcess, people: People, shards: Shards) -> None:
    """What broadcasts publish arrives with this room's counts, now and for those who come later."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as member, in_room(web.port, owner.room) as guest:
        counted = await member.until(lambda frame: frame["t"] == "info" and frame.get("viewers") == 2)
        assert counted["chatters"] == 1
        assert (await guest.until(lambda frame: frame["t"] == "info"))["viewers"] == 2
        counts = await room_counts(shards, [int(owner.room)])
        assert (counts[int(owner.room)].viewers, counts[int(owner.room)].chatters) == (2, 1)
        await publish_info(shards, Info(room=owner.room, live="live", broadcast="b1", title="Hi"))
        told = await member.until(lambda frame: frame["t"] == "info" and frame.get("live") == "live")
        assert (told["title"], told["viewers"]) == ("Hi", 2)
        async with in_room(web.port, owner.room) as late:
            told = await late.until(lambda frame: frame["t"] == "info")
            assert told["broadcast"] == "b1"


async def test_only_our_subprotocols_and_origin(web: WebProcess) -> None:
    """No common subprotocol or a foreign page's origin: the handshake is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with chat_client(web.port, "chat.v9"):
            pass
    assert refused.value.response.status_code == 400
    with pytest.raises(InvalidStatus) as refused:
        async with chat_client(web.port, origin="http://evil.test"):
            pass
    assert refused.value.response.status_code == 403
    async with chat_client(web.port, origin="http://leams.test") as client:
        assert (await client.hello())["t"] == "welcome"


async def test_metrics_tell_of_the_chat(web: WebProcess, people: People) -> None:
    """Delivery seconds, overflows and connected members are on the internal port."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as speaker:
        await speaker.say(owner.room, "count me")
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{web.metrics_port}/metrics")).text
    assert "leams_chat_deliver_seconds_count 1.0" in text
    assert "leams_chat_outbox_overflow_total 0.0" in text
    assert "leams_chat_members 1.0" in text
