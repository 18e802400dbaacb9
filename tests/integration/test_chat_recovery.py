"""Two web processes on one Redis and Postgres: one order, recovery by position, one of them killed."""

import asyncio
import signal
from typing import Any

from chat.archive import BATCH_ENTRIES, archive
from chat.keys import partition
from chat.publisher import LOG_EVENTS, Publisher
from chat.shards import Shards
from chat.wire import Author, Message
from server.db.pool import Pool
from tests.services.chat import (
    MSGPACK,
    Account,
    ChatClient,
    Frame,
    Pair,
    People,
    chat_client,
    in_room,
)


async def _talk(client: ChatClient, room: str, texts: list[str]) -> list[int]:
    """Say all of them, waiting where the rate says so; the acknowledged offsets."""
    offsets = []
    for text in texts:
        answer = await client.say(room, text)
        while answer["t"] == "error":
            await asyncio.sleep(answer["retry_after_ms"] / 1000)
            answer = await client.say(room, text)
        offsets.append(answer["offset"])
    return offsets


async def _read_to(client: ChatClient, offset: int) -> list[tuple[int, str]]:
    """Every message from the room, in order of arrival, up to this offset."""
    seen = [_place(frame) for frame in client.frames if frame["t"] == "event"]
    while not seen or seen[-1][0] < offset:
        frame = await client.read()
        if frame["t"] == "event":
            seen.append(_place(frame))
    return seen


def _place(frame: Frame) -> tuple[int, str]:
    return frame["offset"], frame["event"]["text"]


async def _recover(client: ChatClient, account: Account | None, room: str, epoch: str, offset: int) -> Frame:
    await client.hello(account)
    return await client.ask("join", room=room, epoch=epoch, offset=offset)


async def test_the_order_is_the_same_on_both_processes(pair: Pair, people: People) -> None:
    """Four speakers on two processes: every reader anywhere sees one order, contiguous, nothing lost or doubled."""
    owner = await people.join()
    speakers = [await people.join() for _ in range(4)]
    async with (
        in_room(pair[0].port, owner.room) as left,
        in_room(pair[1].port, owner.room, None, MSGPACK) as right,
        in_room(pair[0].port, owner.room, speakers[0]) as a,
        in_room(pair[1].port, owner.room, speakers[1]) as b,
        in_room(pair[0].port, owner.room, speakers[2]) as c,
        in_room(pair[1].port, owner.room, speakers[3]) as d,
    ):
        said = await asyncio.gather(
            *(
                _talk(client, owner.room, [f"{name}{n}" for n in range(7)])
                for client, name in zip((a, b, c, d), "abcd", strict=True)
            )
        )
        last = max(offset for offsets in said for offset in offsets)
        seen = await _read_to(left, last)
        assert seen == await _read_to(right, last) == await _read_to(a, last)
        assert [offset for offset, _ in seen] == list(range(1, 29))
        assert len({text for _, text in seen}) == 28


async def test_a_killed_process_loses_nothing(pair: Pair, people: People) -> None:
    """Kill -9: the reader comes back to the other process and gets exactly what it missed."""
    owner, fan = await people.join(), await people.join()
    async with in_room(pair[1].port, owner.room, owner) as speaker:
        async with in_room(pair[0].port, owner.room, fan) as reader:
            await _talk(speaker, owner.room, ["one", "two"])
            second = await reader.event(text="two")
            pair[0].process.send_signal(signal.SIGKILL)
            await reader.closed()
        missed = await _talk(speaker, owner.room, ["three", "four", "five"])
        async with chat_client(pair[1].port) as reader:
            joined = await _recover(reader, fan, owner.room, second["epoch"], second["offset"])
            assert joined["recovered"] is True
            assert [_place(logged) for logged in joined["events"]] == list(
                zip(missed, ["three", "four", "five"], strict=True)
            )
            await speaker.say(owner.room, "six")
            assert (await reader.event())["event"]["text"] == "six"


async def test_a_position_that_cannot_be_followed_gets_the_backfill(pair: Pair, people: People) -> None:
    """A made-up epoch and an offset from the future: not recovered, the backfill instead."""
    owner = await people.join()
    async with in_room(pair[0].port, owner.room, owner) as speaker:
        await _talk(speaker, owner.room, ["one", "two"])
        async with chat_client(pair[1].port) as reader:
            for epoch, offset in (("f" * 20, 1), (speaker.frames[-1]["epoch"], 99), ("", 0)):
                joined = await _recover(reader, None, owner.room, epoch, offset)
                assert joined.get("recovered", False) is False
                assert [logged["event"]["text"] for logged in joined["events"]] == ["one", "two"]


async def test_what_was_removed_meanwhile_is_not_recovered(pair: Pair, people: People) -> None:
    """Recovery brings the deletion, without the deleted text."""
    owner = await people.join()
    async with in_room(pair[0].port, owner.room, owner) as speaker:
        first = await speaker.say(owner.room, "first")
        await speaker.say(owner.room, "secret")
        pushed = [frame for frame in speaker.frames if frame["t"] == "event" and frame["event"]["text"] == "secret"]
        push = pushed[0] if pushed else await speaker.event(text="secret")  # before its ack or after it
        assert (await speaker.say(owner.room, f"/delete {push['event']['id']}"))["t"] == "ack"
        async with chat_client(pair[1].port) as reader:
            joined = await _recover(reader, None, owner.room, first["epoch"], first["offset"])
    assert joined["recovered"] is True
    assert [logged["event"]["t"] for logged in joined["events"]] == ["deleted"]


async def test_a_sanction_holds_on_every_process_at_once(pair: Pair, people: People) -> None:
    """A ban given on one process silences the account on the other within a second."""
    owner, fan = await people.join(), await people.join()
    async with in_room(pair[0].port, owner.room, owner) as speaker, in_room(pair[1].port, owner.room, fan) as member:
        assert (await speaker.say(owner.room, f"/ban {fan.name}"))["t"] == "ack"
        told = await member.until(lambda frame: frame["t"] == "you", 1)
        assert told["restriction"]["code"] == "banned"
        assert (await member.say(owner.room, "hello?"))["code"] == "banned"


async def test_pages_run_from_the_log_into_the_archive_without_a_seam(
    pair: Pair, people: People, shards: Shards, db: Pool
) -> None:
    """The log holds the newest, the archive the rest; while it does not yet, the answer is `unavailable`."""
    owner = await people.join()
    room_id, publisher = int(owner.room), Publisher(shards)
    said = [Message(f"m{n}", n, Author(owner.id, owner.name), f"m{n}") for n in range(1, LOG_EVENTS + 101)]
    await asyncio.gather(*(publisher.announce(room_id, message, nonce=message.id) for message in said))
    async with chat_client(pair[0].port) as reader:
        await reader.hello()
        joined = await reader.ask("join", room=owner.room)
        seen: list[Any] = []
        oldest, is_complete, waits = 201, False, 0
        while not is_complete:
            page = await reader.ask("older", room=owner.room, epoch=joined["epoch"], offset=oldest, limit=50)
            if page["t"] == "error":
                assert (page["code"], page["temporary"], len(seen)) == ("unavailable", True, 100)
                waits += 1
                while (await archive(shards, db, {partition(room_id): BATCH_ENTRIES})).archived:
                    pass
                continue
            seen, is_complete = page["events"] + seen, page.get("complete", False)
            oldest = seen[0]["offset"]
    assert [logged["event"]["text"] for logged in seen] == [f"m{number}" for number in range(1, 201)]
    assert waits == 1
