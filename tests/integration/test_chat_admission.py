"""What no client should ask for, on a real web process: each is refused cheaply, and nobody else notices."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from chat.codes import Close
from chat.presence import Counts, room_counts
from chat.ratelimit import HELLOS, JOINS
from chat.shards import Shards
from server.db.pool import Pool
from tests.services.chat import ChatClient, People, WebProcess, chat_client, in_room, web_process
from tests.services.waiting import eventually


@pytest.fixture
async def web(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[WebProcess]:
    with web_process(database_url, redis_url, tmp_path) as web:
        yield web


async def test_nonces_are_each_members_own(web: WebProcess, people: People) -> None:
    """Two members with the same nonce say two things; nobody can make another's line vanish."""
    owner, fan = await people.join(), await people.join()
    async with in_room(web.port, owner.room, owner) as one, in_room(web.port, owner.room, fan) as other:
        first, second = await one.say(owner.room, "mine", "same"), await other.say(owner.room, "yours", "same")
        assert (first["t"], second["t"]) == ("ack", "ack")
        assert second["offset"] == first["offset"] + 1


async def test_places_that_never_were(web: WebProcess, people: People) -> None:
    """An offset from the future, a negative one, epochs made up: the backfill, never a claim of recovery."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as client:
        ack = await client.say(owner.room, "here")
        for epoch, offset in [
            (ack["epoch"], ack["offset"] + 1),
            (ack["epoch"], 2**62),
            (ack["epoch"], -1),
            ("ffffffffffffffffffff", 1),
            ("", 0),
            ("\x00{}*", 3),
        ]:
            joined = await client.ask("join", room=owner.room, epoch=epoch, offset=offset)
            assert (joined["t"], joined.get("recovered", False)) == ("joined", False), (epoch, offset)
            assert [entry["event"]["text"] for entry in joined["events"]] == ["here"]
            assert joined["offset"] == ack["offset"]


async def joined_and_refused(client: ChatClient, rooms: list[str]) -> list[str]:
    """The kind of each answer, or the code of its refusal; all are asked for at once."""
    for number, room in enumerate(rooms):
        await client.write({"t": "join", "id": 10_000 + number, "room": room})
    answers = [await client.until(lambda frame: frame.get("id", 0) >= 10_000) for _ in rooms]
    return [str(answer.get("code", answer["t"])) for answer in answers]


async def test_a_thousand_rooms_from_one_socket(web: WebProcess, people: People) -> None:
    """A hundred are entered, the next are refused as too many, then as too fast; others are served meanwhile."""
    accounts = [await people.join() for _ in range(110)]
    async with in_room(web.port, accounts[0].room) as bystander, chat_client(web.port) as client:
        await client.hello()
        answers = await joined_and_refused(client, [account.room for account in accounts] + ["999999"] * 70)
        assert answers[:100] == ["joined"] * 100
        assert set(answers[100 : JOINS.burst]) == {"too_many_rooms"}
        assert set(answers[100:]) == {"too_many_rooms", "rate_limited"}
        assert (await bystander.ask("ping"))["t"] == "pong"
        assert (await client.ask("leave", room=accounts[0].room))["t"] == "left"


async def test_a_thousand_rooms_at_once(web: WebProcess, people: People, shards: Shards) -> None:
    """Who doesn't wait for the answers is closed as a flood; the room that it was let into forgets it."""
    owner = await people.join()

    async def is_forgotten() -> bool:
        return (await room_counts(shards, [int(owner.room)]))[int(owner.room)] == Counts(1, 1)

    async with in_room(web.port, owner.room, owner) as member, chat_client(web.port) as client:
        await client.hello()
        with suppress(ConnectionClosed):
            for number in range(1000):
                room = owner.room if number == 0 else str(900_000 + number)
                await client.write({"t": "join", "id": number, "room": room})
        assert await client.closed() == Close.FLOOD
        assert (await member.say(owner.room, "calm"))["t"] == "ack"
        await eventually(is_forgotten, "the flooder to be forgotten")


async def test_rooms_of_channels_that_are_gone(web: WebProcess, people: People, db: Pool) -> None:
    """A room that never was and one whose channel was removed are told alike."""
    gone = await people.join()
    await db.execute("DELETE FROM channels WHERE id = $1", int(gone.room))
    async with chat_client(web.port) as client:
        await client.hello()
        for room in (gone.room, "999999", "9" * 18):
            refused = await client.ask("join", room=room)
            assert (refused["code"], refused["field"], refused["message"]) == (
                "no_room",
                "room",
                "There is no such room.",
            )


async def test_joins_and_leaves_in_turn(web: WebProcess, people: People) -> None:
    """Each join costs a backfill: past the burst they are refused, and the room counts its members right."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as witness, chat_client(web.port) as client:
        await client.hello()
        codes = set()
        for _ in range(15):
            codes.add((await client.ask("join", room=owner.room)).get("code", "joined"))
            codes.add((await client.ask("leave", room=owner.room)).get("code", "left"))
        assert codes == {"joined", "left"}
        assert set(await joined_and_refused(client, [owner.room] * 150)) == {"joined", "rate_limited"}
        assert (await witness.say(owner.room, "calm"))["t"] == "ack"


async def test_hello_again_and_again(web: WebProcess, people: People) -> None:
    """Past the burst a hello is refused; the socket stays who it was."""
    fan = await people.join()
    async with in_room(web.port, fan.room, fan) as client:
        answers = [await client.hello(fan) for _ in range(HELLOS.burst + 2)]
        assert {answer.get("code", answer["t"]) for answer in answers} == {"welcome", "rate_limited"}
        assert (await client.say(fan.room, "still me"))["t"] == "ack"


async def test_commands_in_a_flood(web: WebProcess, people: People) -> None:
    """Past twenty at once they are refused with a time to wait; a line still passes."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as client:
        for number in range(40):
            say = {"room": owner.room, "nonce": f"c{number}", "text": "/help"}
            await client.write({"t": "send", "id": 10_000 + number, **say})
        told = [await client.until(lambda frame: frame.get("id", 0) >= 10_000) for _ in range(40)]
        limited = [frame for frame in told if frame.get("code") == "rate_limited"]
        assert 10 <= len(limited) <= 20
        assert all(0 < frame["retry_after_ms"] <= 200 for frame in limited)
        assert (await client.say(owner.room, "a line"))["t"] == "ack"
