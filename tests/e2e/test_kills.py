"""Kill -9 of any one process while streaming and chatting."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from clients.api import Api
from clients.chat import ChatClient, ChatRefusedError, Frame
from clients.cli import socket_url
from tests.e2e.live import beyond, live_channel, media_playlist, renditions
from tests.services.stack import Stack
from tests.services.waiting import eventually

PLAYBACK_SECONDS = 10.0
"""What the house promises: playback goes on within this time after the kill."""


class Reader:
    """What a viewer's page shows: the lines in order, and every one that ever appeared twice."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.doubled: list[str] = []

    async def follow(self, chat: ChatClient) -> None:
        async for frame in chat:
            if frame["t"] == "joined":
                if not frame.get("recovered"):
                    self.shown.clear()
                for logged in frame["events"]:
                    self._show(logged["event"])
            elif frame["t"] == "event":
                self._show(frame["event"])

    def _show(self, event: Frame) -> None:
        if event["t"] == "message":
            if event["text"] in self.shown:
                self.doubled.append(event["text"])
            self.shown.append(event["text"])


async def talk(chat: ChatClient, acknowledged: list[str]) -> None:
    """Say numbered lines one after the other for ever; a temporary refusal is said again."""
    number = 0
    while True:
        number += 1
        text = f"line {number}"
        while True:
            try:
                await chat.say(text)
                break
            except ChatRefusedError as refused:
                if not refused.is_temporary:
                    raise
                await asyncio.sleep((refused.retry_after_ms or 500) / 1000)
        acknowledged.append(text)


@asynccontextmanager
async def encoder(stack: Stack, key: str) -> AsyncIterator[None]:
    """An encoder that comes back a second after it lost its connection, as OBS does."""

    async def publish() -> None:
        while True:
            with stack.publishing(key) as process:
                await asyncio.to_thread(process.wait)
            await asyncio.sleep(1)

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.timeout(400)
async def test_playback_and_chat_survive_the_death_of_any_process(
    stack: Stack, http: httpx.AsyncClient, person: Api
) -> None:
    """Each process in turn: new segments within 10 s, every acknowledged line shown once, the list never goes back."""
    assert person.account is not None
    slug = person.account["channel"]
    key = await person.create_stream_key(slug, "kills")
    room = str((await person.channel(slug))["id"])
    reader, acknowledged = Reader(), list[str]()
    async with (
        encoder(stack, key),
        ChatClient(socket_url(stack.url), room) as reading,
        ChatClient(socket_url(stack.url), room, person.access_token) as talking,
        asyncio.TaskGroup() as group,
    ):
        tasks = [
            group.create_task(reader.follow(reading)),
            group.create_task(talk(talking, acknowledged)),
            group.create_task(drain(talking)),
        ]
        address = (await renditions(http, await live_channel(http, slug)))[0]
        newest = -1
        for name, pid in stack.pids().items():
            newest = (await beyond(http, address, newest, 20)).last_sequence
            said = len(acknowledged)
            os.kill(pid, signal.SIGKILL)
            playlist = await beyond(http, address, newest, PLAYBACK_SECONDS)
            assert playlist.last_sequence > newest, name
            await eventually(lambda: anything(len(acknowledged) > said), f"chat after the death of {name}")  # noqa: B023
        for task in tasks[1:]:
            task.cancel()
        await eventually(lambda: anything(set(acknowledged) <= set(reader.shown)), "every acknowledged line")
        tasks[0].cancel()
    assert reader.doubled == []
    assert [text for text in reader.shown if text in set(acknowledged)] == acknowledged
    final = await media_playlist(http, address)
    assert final is not None
    assert final.last_sequence >= newest


async def anything(value: bool) -> bool:  # noqa: FBT001  # turns a plain condition into what eventually() asks
    return value


async def drain(chat: ChatClient) -> None:
    async for _ in chat:
        pass
