"""SIGTERM: sockets are told to come back, nothing acknowledged is lost, and the process ends soon."""

import asyncio
import signal
import socket
from pathlib import Path

from server.auth.signing_keys import AccessTokens
from server.db.pool import Pool
from tests.services.chat import Frame, People, chat_client, in_room, web_process


async def test_a_drained_process_hands_its_members_over(
    database_url: str, redis_url: str, tmp_path: Path, db: Pool
) -> None:
    """Reconnect frame, then RESTART; everything acknowledged before is recovered on the other process."""
    people = People(db, await AccessTokens.load(db))
    owner = await people.join()
    with (
        web_process(database_url, redis_url, tmp_path) as old,
        web_process(database_url, redis_url, tmp_path) as new,
    ):
        async with in_room(old.port, owner.room, owner) as speaker, in_room(old.port, owner.room) as reader:
            first = await speaker.say(owner.room, "before")
            old.process.send_signal(signal.SIGTERM)
            told = await reader.until(lambda frame: frame["t"] == "reconnect")
            assert 0 <= told["after_ms"] <= 2000
            acks: list[Frame] = [await speaker.say(owner.room, f"while draining {n}") for n in range(3)]
            assert [ack["t"] for ack in acks] == ["ack"] * 3
            async with chat_client(new.port) as moved:
                await moved.hello()
                joined = await moved.ask("join", room=owner.room, epoch=first["epoch"], offset=first["offset"])
                assert [logged["offset"] for logged in joined["events"]] == [ack["offset"] for ack in acks]
            assert await reader.closed() == 4000
            assert await speaker.closed() == 4000
            await asyncio.to_thread(old.process.wait, 10)
            assert old.process.returncode == -signal.SIGTERM  # uvicorn passes the signal on once all is done


async def test_who_comes_during_the_drain_is_taken_and_asked_to_move(
    database_url: str, redis_url: str, tmp_path: Path, db: Pool
) -> None:
    """A connection that was open when the process stopped listening enters, speaks, and learns when to go."""
    owner = await People(db, await AccessTokens.load(db)).join()
    with web_process(database_url, redis_url, tmp_path) as old:
        held = socket.create_connection(("127.0.0.1", old.port))
        async with in_room(old.port, owner.room) as reader:
            old.process.send_signal(signal.SIGTERM)
            await reader.until(lambda frame: frame["t"] == "reconnect")
            async with chat_client(old.port, sock=held) as late:
                await late.hello(owner)
                assert (await late.ask("join", room=owner.room))["t"] == "joined"
                assert (await late.say(owner.room, "just in time"))["t"] == "ack"
                if not any(frame["t"] == "reconnect" for frame in late.frames):
                    await late.until(lambda frame: frame["t"] == "reconnect")
                assert await late.closed() == 4000
