"""What clients should never send: each ends or is refused with its code, and the process goes on."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

from tests.services.chat import (
    JSON,
    MSGPACK,
    People,
    WebProcess,
    chat_client,
    in_room,
    masked,
    stalled_socket,
    web_process,
)


@pytest.fixture
async def web(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[WebProcess]:
    with web_process(database_url, redis_url, tmp_path) as web:
        yield web


async def test_frames_that_end_the_conversation(web: WebProcess) -> None:
    """Garbage, the other encoding, a huge frame, a frame before hello, a forged token: each has its code."""
    hello = {"t": "hello", "id": 1}
    cases: list[tuple[str, list[str | bytes], int]] = [
        (JSON, ["{"], 4500),
        (JSON, ['{"t":"nothing","id":1}'], 4500),
        (JSON, ['{"t":"hello","id":"one"}'], 4500),
        (JSON, ["[" * 10_000], 4500),
        (JSON, [b"\x81"], 4500),
        (JSON, [json.dumps({"t": "ping", "id": 1})], 4503),
        (JSON, [json.dumps({**hello, "token": "not.a.token"})], 4501),
        (JSON, ["x" * 1_000_000], 1009),
        (MSGPACK, [b"\xc1"], 4500),
        (MSGPACK, [json.dumps(hello)], 4500),
    ]
    for encoding, sent, code in cases:
        async with chat_client(web.port, encoding) as client:
            for data in sent:
                try:
                    await client.connection.send(data)
                except ConnectionClosed:
                    break
            assert await client.closed() == code, (encoding, sent[0][:40])
    async with chat_client(web.port) as client:
        assert (await client.hello())["t"] == "welcome"


async def test_text_that_is_not_utf8(web: WebProcess) -> None:
    """Wrong UTF-8 in a text frame ends with 1007."""
    with stalled_socket(web.port) as raw:
        raw.sendall(masked(b'{"t":"hello","id":1,"client":"\xff"}'))
        raw.settimeout(5)
        head = raw.recv(4)
    assert head[0] & 0x0F == Opcode.CLOSE
    assert int.from_bytes(head[2:4], "big") == 1007


async def test_silence_before_hello(web: WebProcess) -> None:
    """A socket that says nothing for 5 s is closed with NO_HELLO, which means come back."""
    async with chat_client(web.port) as client:
        assert await client.closed(7) == 4002


async def test_a_flood_of_frames(web: WebProcess) -> None:
    """1,000 frames at once end with FLOOD."""
    async with chat_client(web.port) as client:
        await client.hello()
        try:
            for number in range(1000):
                await client.connection.send(json.dumps({"t": "ping", "id": number}))
        except ConnectionClosed:
            pass
        assert await client.closed() == 4502


async def test_requests_that_are_refused(web: WebProcess, people: People) -> None:
    """Unknown rooms, rooms one is not in, bad nonces and texts are refused by a frame; the socket stays."""
    owner = await people.join()
    async with in_room(web.port, owner.room, owner) as client:

        async def refused(kind: str, **fields: Any) -> str:
            frame = await client.ask(kind, **fields)
            assert frame["t"] == "error", frame
            code: str = frame["code"]
            return code

        for room in ("999999", "0", "-1", "x", "", "1" * 40):
            assert await refused("join", room=room) == "no_room"
        assert await refused("leave", room="999999") == "not_joined"
        assert await refused("older", room="999999", epoch="", offset=0) == "not_joined"
        say = {"room": owner.room, "nonce": "n", "text": "hi"}
        assert await refused("send", **{**say, "room": "999999"}) == "not_joined"
        assert await refused("send", **{**say, "nonce": ""}) == "bad_nonce"
        assert await refused("send", **{**say, "nonce": "n" * 65}) == "bad_nonce"
        assert await refused("send", **{**say, "nonce": "a b"}) == "bad_nonce"
        assert await refused("send", **{**say, "text": "\u200b \u202e"}) == "empty"
        assert await refused("send", **{**say, "text": "x" * 501}) == "too_long"
        assert await refused("send", **{**say, "text": "/nothing"}) == "unknown_command"
        page = await client.ask("older", room=owner.room, epoch="made-up", offset=2**40, limit=10**9)
        assert page["t"] == "history"
        assert page["events"] == []
        assert (await client.ask("leave", room=owner.room))["t"] == "left"


async def test_more_rooms_than_allowed(web: WebProcess, people: People) -> None:
    """The 101st room of one socket is refused."""
    accounts = [await people.join() for _ in range(101)]
    async with chat_client(web.port) as client:
        await client.hello()
        answers = [await client.ask("join", room=account.room) for account in accounts]
    assert [answer["t"] for answer in answers] == ["joined"] * 100 + ["error"]
    assert answers[-1]["code"] == "too_many_rooms"


async def test_garbage_does_not_disturb_others(web: WebProcess, people: People) -> None:
    """While sockets flood and break, a room goes on."""
    owner = await people.join()

    async def break_in() -> None:
        async with chat_client(web.port) as client:
            await client.connection.send(b"\x00\xff" * 100)
            await client.closed()

    async with in_room(web.port, owner.room, owner) as speaker, in_room(web.port, owner.room) as reader:
        await asyncio.gather(*(break_in() for _ in range(20)))
        await speaker.say(owner.room, "calm")
        assert (await reader.event())["event"]["text"] == "calm"
