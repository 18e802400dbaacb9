"""A web process that compresses: rooms of mixed clients, several frames in a message, and bombs that do not go off."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat.framing import Fault
from chat.publisher import Publisher
from chat.shards import Shards
from chat.wire import Author, Message
from tests.services.chat import JSON, MSGPACK, ChatClient, People, WebProcess, in_room, web_process
from tests.services.frames import TEXT, client_frame, fragments
from tests.services.rfc6455 import deflated

BOMBS = 20
BOMB_BYTES = 15_000_000
"""In 15 kB, less than a frame may have."""
GROWTH_MAX_BYTES = 8_000_000


@pytest.fixture
async def web(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[WebProcess]:
    with web_process(
        database_url, redis_url, tmp_path, LEAMS_CHAT_COMPRESSION="on", LEAMS_CHAT_TRANSPORT="auto"
    ) as web:
        yield web


async def test_all_read_the_same_whatever_they_negotiated(web: WebProcess, people: People, shards: Shards) -> None:
    """Both encodings, with compression and without: one order; what became ready together came in one message."""
    owner = await people.join()
    room_id, publisher, said = int(owner.room), Publisher(shards), 0
    async with (
        in_room(web.port, owner.room, owner, JSON, compression="deflate") as json_deflated,
        in_room(web.port, owner.room, None, MSGPACK, compression="deflate") as packed_deflated,
        in_room(web.port, owner.room, None, JSON) as json_plain,
        in_room(web.port, owner.room, None, MSGPACK) as packed_plain,
    ):
        clients = (json_deflated, packed_deflated, json_plain, packed_plain)
        assert [bool(client.connection.protocol.extensions) for client in clients] == [True, True, False, False]
        assert (await json_deflated.say(owner.room, "hello " * 50))["t"] == "ack"
        while min(json_deflated.joined_max, packed_deflated.joined_max) < 2:
            assert said < 1000, "a burst never came together"
            burst = [
                Message(f"m{number}", 1, Author(owner.id, owner.name), f"line {number}\n")
                for number in range(said, said + 40)
            ]
            said += len(burst)
            await asyncio.gather(*(publisher.announce(room_id, line, nonce=line.id) for line in burst))
            told = [await heard(client, said) for client in clients]
            assert told[0] == told[1] == told[2] == told[3]
        assert (json_plain.joined_max, packed_plain.joined_max) == (1, 1)


async def heard(client: ChatClient, lines: int) -> list[tuple[int, str]]:
    """Everything that was said, once the first line and so many more have come."""
    while len(events := [frame for frame in client.frames if frame["t"] == "event"]) <= lines:
        await client.read()
    assert [event["offset"] for event in events] == list(range(1, lines + 2))
    return [(event["offset"], event["event"]["text"]) for event in events]


def opened(port: int) -> socket.socket:
    """A raw client that negotiated compression."""
    raw = socket.create_connection(("127.0.0.1", port), 10)
    raw.sendall(
        f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {JSON}\r\n"
        f"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += raw.recv(1)
    assert b"permessage-deflate" in head
    return raw


def answer_to(port: int, sent: bytes) -> bytes:
    """What comes until the server ends the connection."""
    with opened(port) as raw:
        raw.sendall(sent)
        received = b""
        while data := raw.recv(65536):
            received += data
    return received


def peak_bytes(web: WebProcess) -> int:
    """The most memory that the process ever had.  Source: proc(5), status."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{web.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


async def test_bombs_do_not_go_off(web: WebProcess, people: People) -> None:
    """Each ends with 1009, whole or in fragments, before hello or in its place; memory and the room don't notice."""
    owner = await people.join()
    bomb = deflated(b" " * BOMB_BYTES)
    assert len(bomb) < 16 * 1024
    shapes = [client_frame(TEXT, bomb, rsv=4), fragments(TEXT, bomb[:5000], bomb[5000:], rsv=4)]
    async with in_room(web.port, owner.room, owner) as member:
        before = peak_bytes(web)
        answers = await asyncio.gather(
            *(asyncio.to_thread(answer_to, web.port, shapes[number % 2]) for number in range(BOMBS))
        )
        assert {answer[2:4] for answer in answers} == {int(Fault.TOO_BIG).to_bytes(2)}
        assert peak_bytes(web) - before < GROWTH_MAX_BYTES
        assert (await member.say(owner.room, "calm"))["t"] == "ack"
