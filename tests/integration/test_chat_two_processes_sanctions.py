"""Moderation over the wire on two web processes: what one commits holds on the other within a second."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import pytest
from redis.asyncio import Redis

from server.auth.signing_keys import AccessTokens
from server.db.pool import open_pool
from tests.services.chat import MSGPACK, Account, ChatClient, Frame, People, in_room, web_process
from tests.services.waiting import eventually

ACTS_WITHIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Room:
    """A channel with its people, its owner on the first process, `bob` on the second."""

    ports: tuple[int, int]
    id: str
    owner: Account
    bob: Account
    at_one: ChatClient
    at_two: ChatClient

    async def order(self, text: str) -> Frame:
        """The owner commands on the first process; `@bob` stands for the member."""
        return await self.at_one.say(self.id, text.replace("@bob", self.bob.name))


@pytest.fixture(scope="module")
async def shared_url(template_database: str) -> AsyncIterator[str]:
    """One database for the module: two processes start once, each test brings its own people."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(f"{template_database}/postgres")
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE leams_template")
    yield f"{template_database}/{name}"
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture(scope="module")
async def emptied_redis_url(redis_port: int) -> str:
    url = f"redis://127.0.0.1:{redis_port}/0"
    client = Redis.from_url(url)
    await client.flushall()
    await client.aclose()
    return url


@pytest.fixture(scope="module")
def ports(
    shared_url: str, emptied_redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, int]]:
    redis_url, folder = emptied_redis_url, tmp_path_factory.mktemp("pair")
    with web_process(shared_url, redis_url, folder) as one, web_process(shared_url, redis_url, folder) as two:
        yield one.port, two.port


@pytest.fixture(scope="module")
async def people(shared_url: str) -> AsyncIterator[People]:
    async with open_pool(shared_url) as db:
        yield People(db, await AccessTokens.load(db))


@pytest.fixture
async def room(ports: tuple[int, int], people: People) -> AsyncIterator[Room]:
    owner, bob = await people.join(), await people.join()
    async with (
        in_room(ports[0], owner.room, owner) as at_one,
        in_room(ports[1], owner.room, bob, MSGPACK) as at_two,
    ):
        yield Room(ports, owner.room, owner, bob, at_one, at_two)


async def backfill(room: Room, port: int) -> list[str]:
    """What a guest who enters now sees."""
    async with in_room(port, room.id) as guest:
        joined = next(frame for frame in guest.frames if frame["t"] == "joined")
        return [logged["event"]["text"] for logged in joined["events"]]


async def test_a_timeout_holds_on_the_other_process_within_a_second(room: Room) -> None:
    """The member is told until when and why, is refused, and what it said is in no backfill and no recovery."""
    await room.at_two.say(room.id, "something rude")
    before = (await room.at_one.event(text="something rude"))["offset"]
    await room.at_one.say(room.id, "please don't")
    started = time.monotonic()
    ack = await room.order("/timeout @bob 2m mind your words")
    assert ack["t"] == "ack"
    cleared = await room.at_two.event("user_cleared")
    told = await room.at_two.until(lambda frame: frame["t"] == "you")
    refused = await room.at_two.say(room.id, "may I?")
    assert time.monotonic() - started < ACTS_WITHIN_SECONDS
    assert cleared["offset"] == ack["offset"]
    event = cleared["event"]
    assert (event["account_id"], event["seconds"], event["reason"]) == (room.bob.id, 120, "mind your words")
    assert event["by"] == {"id": room.owner.id, "name": room.owner.name, "role": "owner"}
    restriction = told["restriction"]
    assert (restriction["code"], restriction["reason"]) == ("timed_out", "mind your words")
    assert abs(restriction["until_ms"] - event["at_ms"] - 120_000) <= 1
    assert (refused["code"], refused["temporary"]) == ("timed_out", True)
    assert 110_000 < refused["retry_after_ms"] <= 120_000
    for port in room.ports:
        assert await backfill(room, port) == ["please don't"]
    async with in_room(room.ports[1], room.id) as reader:
        missed = await reader.ask("join", room=room.id, epoch=cleared["epoch"], offset=before - 1)
        assert missed["recovered"] is True
        texts = [logged["event"].get("text") for logged in missed["events"] if logged["event"]["t"] == "message"]
        assert texts == ["please don't"]


async def test_a_lifted_timeout_is_lifted_everywhere(room: Room) -> None:
    """The member speaks again within a second of the end of its timeout; what was removed stays so."""
    await room.at_two.say(room.id, "before")
    await room.order("/timeout @bob")
    await room.at_two.until(lambda frame: frame["t"] == "you")
    started = time.monotonic()
    await room.order("/untimeout @bob")
    free = await room.at_two.until(lambda frame: frame["t"] == "you")
    assert free.get("restriction") is None
    assert (await room.at_two.say(room.id, "after"))["t"] == "ack"
    assert time.monotonic() - started < ACTS_WITHIN_SECONDS
    assert await backfill(room, room.ports[0]) == ["after"]


async def test_deleted_and_cleared_lines_are_in_no_backfill(room: Room) -> None:
    """One line goes by its id, all lines by `/clear`, on both processes."""
    for text in ("one", "two", "three"):
        await room.at_two.say(room.id, text)
    two = (await room.at_one.event(text="two"))["event"]
    await room.at_one.event(text="three")
    await room.order(f"/delete {two['id']}")
    assert (await room.at_two.event("deleted"))["event"]["message_id"] == two["id"]
    for port in room.ports:
        assert await backfill(room, port) == ["one", "three"]
    await room.order("/clear")
    await room.at_two.event("room_cleared")
    await room.at_two.say(room.id, "anew")
    await room.at_one.event(text="anew")
    for port in room.ports:
        assert await backfill(room, port) == ["anew"]


async def test_modes_hold_everywhere_and_not_for_vips(room: Room, people: People) -> None:
    """Slow and followers-only mode refuse a member on the other process, with the wait; a VIP is above them."""
    await room.order("/slow 1m")
    modes = (await room.at_two.event("modes"))["event"]
    assert (modes["slow_seconds"], modes.get("followers_only_seconds")) == (60, None)
    assert (await room.at_two.say(room.id, "first"))["t"] == "ack"
    refused = await room.at_two.say(room.id, "second")
    assert refused["code"] == "slow_mode"
    assert 55_000 < refused["retry_after_ms"] <= 60_000
    await room.order("/slowoff")
    await room.order("/followers 10m")
    await room.at_two.event("modes", followers_only_seconds=600)
    assert (await room.at_two.say(room.id, "third"))["code"] == "followers_only"
    started = time.monotonic()
    await room.order("/vip @bob")
    assert (await room.at_two.until(lambda frame: frame["t"] == "you"))["role"] == "vip"
    assert (await room.at_two.say(room.id, "fourth"))["t"] == "ack"
    assert time.monotonic() - started < ACTS_WITHIN_SECONDS


async def test_a_new_moderator_moderates_and_a_dismissed_one_does_not(room: Room, people: People) -> None:
    """A role is worth its commands on the other process as soon as it is told, and no longer than it lasts."""
    ann = (await people.join()).name
    assert (await room.at_two.say(room.id, f"/ban {ann}"))["code"] == "forbidden"
    await room.order("/mod @bob")
    assert (await room.at_two.until(lambda frame: frame["t"] == "you"))["role"] == "moderator"
    assert (await room.at_two.say(room.id, f"/ban {ann}"))["t"] == "ack"
    for line, code in {
        f"/timeout {room.owner.name}": "forbidden",
        f"/timeout {room.bob.name}": "self",
        f"/mod {ann}": "forbidden",
    }.items():
        assert (await room.at_two.say(room.id, line))["code"] == code
    await room.order("/unmod @bob")
    await room.at_two.until(lambda frame: frame["t"] == "you")
    assert (await room.at_two.say(room.id, f"/unban {ann}"))["code"] == "forbidden"


async def test_staff_moderates_everywhere(room: Room, people: People) -> None:
    """The site's staff needs no role of the room, and out of reach of its moderators it is."""
    staff = await people.join(site_role="staff")
    async with in_room(room.ports[1], room.id, staff) as stan:
        ack = await stan.say(room.id, f"/timeout {room.bob.name} 30s")
        assert ack["t"] == "ack"
        assert (await room.at_one.event("user_cleared"))["event"]["by"]["role"] == "moderator"
        await room.order("/mod @bob")
        await room.order("/untimeout @bob")
        await room.at_two.event("user_restored")
        await room.at_two.until(lambda frame: frame["t"] == "you" and frame.get("restriction") is None)
        assert (await room.at_two.say(room.id, f"/ban {staff.name}"))["code"] == "forbidden"


async def test_what_a_command_says_to_its_sender(room: Room) -> None:
    """Help and usage errors are for the sender alone; `/me` is a message."""
    told = await room.at_two.say(room.id, "/help")
    assert "/me TEXT" in told["text"]
    assert "/ban" not in told["text"]
    assert (await room.at_two.say(room.id, "/dance"))["code"] == "unknown_command"
    refused = await room.order("/timeout @bob -1 s")
    assert (refused["code"], refused["field"]) == ("usage", "duration")
    assert "10m" in refused["message"]
    assert (await room.at_two.say(room.id, "/me waves"))["t"] == "ack"
    event = (await room.at_one.event())["event"]
    assert (event["text"], event["me"]) == ("waves", True)


async def test_a_repeated_command_is_carried_out_once(room: Room) -> None:
    """A page that lost the answer sends the same nonce again, to another process: one event, one answer."""
    first = await room.at_one.say(room.id, "/slow 5", "same-nonce")
    async with in_room(room.ports[1], room.id, room.owner) as again:
        second = await again.say(room.id, "/slow 5", "same-nonce")
    assert (first["epoch"], first["offset"]) == (second["epoch"], second["offset"])


async def test_a_change_that_no_event_told_is_found(room: Room, people: People) -> None:
    """Rules that changed without an announcement are read anew within seconds on every process."""
    await people.db.execute(
        "INSERT INTO sanctions (channel_id, account_id, kind) VALUES ($1, $2, 'ban')", int(room.id), room.bob.id
    )
    await people.db.execute("INSERT INTO room_rules (channel_id, version) VALUES ($1, 1)", int(room.id))

    async def is_banned() -> bool:
        answer = await room.at_two.say(room.id, "still here")
        return bool(answer["t"] == "error" and answer["code"] == "banned")

    await eventually(is_banned, "the rules to be read anew", 8)


async def test_messages_in_flight_do_not_outlive_a_ban(room: Room) -> None:
    """A member who writes as fast as it can: nothing it says stands after the ban in the log."""
    room.at_two.frames.clear()

    async def chatter() -> list[Frame]:
        answers = []
        for number in range(30):
            answers.append(await room.at_two.say(room.id, f"spam {number}"))
            if answers[-1].get("code") == "banned":
                break
            await asyncio.sleep(0.02)
        return answers

    talking = asyncio.create_task(chatter())
    await room.at_one.event()
    ban = await room.order("/ban @bob")
    answers = await talking
    assert answers[-1]["code"] == "banned"
    assert all(answer["offset"] < ban["offset"] for answer in answers if answer["t"] == "ack")
    assert await backfill(room, room.ports[1]) == []


async def test_newcomers_of_every_process_see_what_is_pinned(room: Room) -> None:
    """With the position that they join at; and no more from the moment on that its line is deleted."""
    await room.at_two.say(room.id, "read the rules")
    said = (await room.at_one.event(text="read the rules"))["event"]
    await room.order(f"/pin {said['id']}")
    told = (await room.at_two.event("pinned"))["event"]
    assert told["message"]["text"] == "read the rules"
    for port in room.ports:
        async with in_room(port, room.id) as reader:
            assert (await reader.ask("join", room=room.id))["pinned"] == told
    await room.order(f"/delete {said['id']}")
    await room.at_two.event("deleted")
    for port in room.ports:
        async with in_room(port, room.id) as reader:
            joined = await reader.ask("join", room=room.id, epoch="none", offset=0)
            assert "pinned" not in joined
            assert "read the rules" not in str(joined)
