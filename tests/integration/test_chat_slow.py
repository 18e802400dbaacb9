"""A client that never reads is closed and disturbs nobody."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from chat.presence import publish_info
from chat.shards import Shards
from chat.wire import Info
from server.auth.signing_keys import AccessTokens
from server.db.pool import Pool
from tests.services.chat import Frame, People, WebProcess, in_room, masked, stalled_socket, web_process


@pytest.fixture
async def web(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[WebProcess]:
    with web_process(database_url, redis_url, tmp_path) as web:
        yield web


async def test_a_reader_that_stalls_is_closed_with_slow(web: WebProcess, db: Pool, shards: Shards) -> None:
    """Its outbox fills, it is closed; the others got everything, and the metric counts one overflow."""
    people = People(db, await AccessTokens.load(db))
    owner = await people.join()
    with stalled_socket(web.port) as raw:
        raw.sendall(masked(json.dumps({"t": "hello", "id": 1}).encode()))
        raw.sendall(masked(json.dumps({"t": "join", "id": 2, "room": owner.room}).encode()))
        async with in_room(web.port, owner.room, owner) as reader:
            await reader.until(lambda frame: frame["t"] == "info" and frame.get("viewers") == 2)
            title = "x" * 16_000
            sent = 0
            while await _overflows(web) < 1:
                for _ in range(20):
                    sent += 1
                    await publish_info(shards, Info(room=owner.room, title=f"{sent} {title}"))
                assert sent < 2000
            for number in range(1, sent + 1):
                told = await reader.until(_titled(f"{number - 1} "))
                assert told["title"].startswith(f"{number} ")
            assert (await reader.say(owner.room, "fine here"))["t"] == "ack"
            counted = await reader.until(lambda frame: frame["t"] == "info" and frame.get("viewers") == 1)
            assert counted["chatters"] == 1
        raw.settimeout(10)
        await asyncio.to_thread(_read_to_the_end, raw)


def _titled(before: str) -> Callable[[Frame], bool]:
    """Another title than before: the same may come again with another count of viewers."""
    return lambda frame: frame["t"] == "info" and not frame.get("title", before).startswith(before)


def _read_to_the_end(raw: socket.socket) -> None:
    """The stalled side finds its connection ended, by a close frame or a cut."""
    try:
        while raw.recv(65536):
            pass
    except ConnectionResetError:
        pass


async def _overflows(web: WebProcess) -> float:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{web.metrics_port}/metrics")).text
    line = next(line for line in text.splitlines() if line.startswith("leams_chat_outbox_overflow_total "))
    return float(line.split()[1])
