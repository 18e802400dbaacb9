"""Joins at awkward moments: while the room talks, twice on one socket, after a leave, after a long absence."""

import asyncio

from redis.asyncio import Redis

from chat.keys import room_key
from chat.publisher import LOG_EVENTS, Publisher
from chat.shards import Shards
from chat.wire import BACKFILL_MESSAGES, Author, Message
from tests.services.chat import Account, ChatClient, Frame, Pair, chat_client, in_room
from tests.services.waiting import eventually

ROUNDS = 40


async def fill(shards: Shards, room: str, first: int, last: int) -> None:
    """Publish numbered messages past every limit: message n has the offset n in a new room."""
    publisher = Publisher(shards)
    for number in range(first, last + 1):
        message = Message(f"m{number}", number, Author(1, "crier"), f"m{number}")
        await publisher.announce(int(room), message, nonce=message.id)


async def has_said(redis: Redis, room: str, count: int) -> bool:
    return int(await redis.hget(room_key(int(room), "head"), "offset") or 0) >= count


def offsets(frames: list[Frame]) -> list[int]:
    return [frame["offset"] for frame in frames]


async def events_to(client: ChatClient, last: int) -> list[int]:
    """The offsets of all events this socket brought, read until the last one is there."""
    while not any(frame["t"] == "event" and frame["offset"] == last for frame in client.frames):
        await client.read()
    return offsets([frame for frame in client.frames if frame["t"] == "event"])


async def next_event(client: ChatClient, after: int) -> int:
    """The next event beyond this offset."""
    frame = await client.until(lambda frame: frame["t"] == "event" and frame["offset"] > after)
    return int(frame["offset"])


async def test_who_joins_a_talking_room_misses_nothing(
    pair: Pair, owner: Account, redis: Redis, shards: Shards
) -> None:
    """On either process, at any moment: the backfill's end and the first event follow one another."""
    talking = asyncio.create_task(fill(shards, owner.room, 1, 400))

    async def join(port: int, count: int) -> None:
        await eventually(lambda: has_said(redis, owner.room, count), f"{count} messages")
        async with in_room(port, owner.room) as reader:
            joined = next(frame for frame in reader.frames if frame["t"] == "joined")
            seen = offsets(joined["events"]) + await events_to(reader, 400)
            first = seen[0]
            assert seen == list(range(first, 401))
            assert joined["offset"] == first + len(joined["events"]) - 1
            assert len(joined["events"]) == min(joined["offset"], BACKFILL_MESSAGES)

    await asyncio.gather(talking, *(join(pair[number % 2].port, 1 + number * 9) for number in range(ROUNDS)))


async def test_a_second_join_on_one_socket_goes_on_where_it_was(pair: Pair, owner: Account, shards: Shards) -> None:
    """Again and again while the room talks: what was shown by then and what comes after it are the log."""
    async with in_room(pair[0].port, owner.room) as reader:
        epoch = next(frame for frame in reader.frames if frame["t"] == "joined")["epoch"]
        talking, position = asyncio.create_task(fill(shards, owner.room, 1, 300)), 0
        for _ in range(ROUNDS):
            joined = await reader.ask("join", room=owner.room, epoch=epoch, offset=position)
            assert joined["recovered"] is True
            assert offsets(joined["events"]) == list(range(position + 1, joined["offset"] + 1))
            position = joined["offset"]
            if position < 300:
                position = await next_event(reader, position)
        await talking
        await events_to(reader, 300)
        shown = 0
        for frame in reader.frames:
            if frame["t"] == "joined" or (frame["t"] == "event" and frame["offset"] > shown):
                assert frame["t"] == "joined" or frame["offset"] == shown + 1
                shown = frame["offset"]
        assert shown == 300


async def test_leave_and_join_brings_what_was_said_between(pair: Pair, owner: Account) -> None:
    """Nothing is pushed to a socket outside, and the join's position brings it, once."""
    async with (
        in_room(pair[0].port, owner.room, owner) as reader,
        in_room(pair[0].port, owner.room) as beside,
        in_room(pair[1].port, owner.room, owner) as speaker,
    ):
        first = await speaker.say(owner.room, "one")
        await reader.event(text="one")
        assert (await reader.ask("leave", room=owner.room))["t"] == "left"
        assert (await reader.ask("send", room=owner.room, nonce="x", text="?"))["code"] == "not_joined"
        before = len(reader.frames)
        second = await speaker.say(owner.room, "two")
        await beside.event(text="two")  # the speaker's process may be ahead of the reader's
        joined = await reader.ask("join", room=owner.room, epoch=first["epoch"], offset=first["offset"])
        assert [frame["t"] for frame in reader.frames[before:] if frame["t"] == "event"] == []
        assert offsets(joined["events"]) == [second["offset"]]
        third = await speaker.say(owner.room, "three")
        assert (await reader.event())["offset"] == third["offset"]


async def test_more_missed_than_is_recovered_is_declared(pair: Pair, owner: Account, shards: Shards) -> None:
    """As many as the log keeps come whole; with one more the backfill is whole: never a part of the gap."""
    async with in_room(pair[0].port, owner.room) as reader:
        epoch = next(frame for frame in reader.frames if frame["t"] == "joined")["epoch"]
        await fill(shards, owner.room, 1, LOG_EVENTS + 1)
        await events_to(reader, LOG_EVENTS + 1)
        whole = await reader.ask("join", room=owner.room, epoch=epoch, offset=1)
        assert (whole["recovered"], offsets(whole["events"])) == (True, list(range(2, LOG_EVENTS + 2)))
        anew = await reader.ask("join", room=owner.room, epoch=epoch, offset=0)
        assert anew.get("recovered", False) is False
        assert offsets(anew["events"]) == list(range(LOG_EVENTS + 2 - BACKFILL_MESSAGES, LOG_EVENTS + 2))


async def test_a_lost_acknowledgement_is_asked_for_on_another_process(pair: Pair, owner: Account) -> None:
    """The same nonce on the other process: the same place, said once; also where both ask at once."""
    async with chat_client(pair[0].port) as cut:
        await cut.hello(owner)
        await cut.ask("join", room=owner.room)
        await cut.write({"t": "send", "id": 90, "room": owner.room, "nonce": "once", "text": "mine"})
        cut.connection.transport.abort()  # the answer is lost, whether it was said or not
    async with in_room(pair[1].port, owner.room, owner) as there, in_room(pair[0].port, owner.room, owner) as here:
        acks = await asyncio.gather(*(client.say(owner.room, "mine", "once") for client in (there, here)))
        assert {(ack["t"], ack["epoch"], ack["offset"]) for ack in acks} == {("ack", acks[0]["epoch"], 1)}
        assert (await there.say(owner.room, "next"))["offset"] == 2


async def test_an_own_new_log_is_recovered_like_any(pair: Pair, owner: Account, redis: Redis) -> None:
    """After FLUSHALL and reload: a reconnect with the new place recovers, one with the old place does not."""
    async with in_room(pair[0].port, owner.room, owner) as speaker:
        lost = await speaker.say(owner.room, "lost")
        await redis.flushall()
        reload = await speaker.until(lambda frame: frame["t"] == "reload")
        joined = await speaker.ask("join", room=owner.room)
        assert (joined["epoch"], joined["offset"]) == (reload["epoch"], 0)
        anew = [await speaker.say(owner.room, text) for text in ("one", "two")]
        async with chat_client(pair[1].port) as reader:
            await reader.hello()
            back = await reader.ask("join", room=owner.room, epoch=reload["epoch"], offset=1)
            assert (back["recovered"], offsets(back["events"])) == (True, [anew[1]["offset"]])
            old = await reader.ask("join", room=owner.room, epoch=lost["epoch"], offset=lost["offset"])
            assert old.get("recovered", False) is False
