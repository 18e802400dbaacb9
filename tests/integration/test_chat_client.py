"""The Python client against real processes behind one address: drained, killed and replaced under its hands."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from clients.chat import ChatClient, Frame
from tests.services.balancer import Balancer
from tests.services.chat import Account, Pair, web_process
from tests.services.waiting import eventually


class Screen:
    """What somebody in front of the client sees."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.disconnected = 0
        self.joins = 0

    async def follow(self, chat: ChatClient) -> None:
        async for frame in chat:
            if frame["t"] == "joined":
                self.joins += 1
                if not frame.get("recovered"):
                    self.texts.clear()
                for logged in frame["events"]:
                    self._add(logged["event"])
            elif frame["t"] == "event":
                self._add(frame["event"])
            elif frame["t"] == "disconnected":
                self.disconnected += 1

    def _add(self, event: Frame) -> None:
        if event["t"] == "message":
            self.texts.append(event["text"])

    async def shows(self, texts: list[str]) -> bool:
        return self.texts == texts

    async def has_joined(self, times: int) -> bool:
        return self.joins >= times


async def talk(chat: ChatClient, said: list[str], enough: asyncio.Event) -> None:
    """One line after the other, as fast as an owner may, until it is enough."""
    while not enough.is_set():
        text = f"line {len(said)}"
        await chat.say(text)
        said.append(text)
        await asyncio.sleep(0.2)  # the owner's rate


async def in_room(stack: AsyncExitStack, balancer: Balancer, owner: Account) -> tuple[ChatClient, Screen]:
    """A client that has joined, and what it shows."""

    async def token() -> str:
        return owner.token

    chat, screen = ChatClient(balancer.url, owner.room, token), Screen()
    await stack.enter_async_context(chat)
    following = asyncio.create_task(screen.follow(chat))
    stack.callback(following.cancel)
    await eventually(lambda: screen.has_joined(1), "the first join")
    return chat, screen


async def test_a_drained_process_is_left_without_a_gap(pair: Pair, owner: Account) -> None:
    """A rolling deploy: the client is never disconnected, every line is acknowledged and shown once, in order."""
    said: list[str] = []
    async with Balancer(pair[0].port, pair[1].port) as balancer, AsyncExitStack() as stack:
        chat, screen = await in_room(stack, balancer, owner)
        _, other = await in_room(stack, balancer, owner)
        enough = asyncio.Event()
        talking = asyncio.create_task(talk(chat, said, enough))
        stack.callback(talking.cancel)
        await eventually(lambda: other.shows(said if len(said) > 2 else ["?"]), "talk")
        pair[0].process.send_signal(signal.SIGTERM)
        for one in (screen, other):
            await eventually(lambda one=one: one.has_joined(2), "the other process")  # type: ignore[misc]
        await asyncio.to_thread(pair[0].process.wait, 10)
        more = len(said) + 3
        await eventually(lambda: _reached(said, more), "talk on the other process")
        enough.set()
        await talking
        for one in (screen, other):
            await eventually(lambda one=one: one.shows(said), "every line, once and in order")  # type: ignore[misc]
            assert one.disconnected == 0


async def test_all_processes_are_replaced_one_after_the_other(
    pair: Pair, owner: Account, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """A whole deploy under load, members on both: nobody is disconnected, every line is shown once, in order."""
    said: list[str] = []
    async with Balancer(pair[0].port, pair[1].port) as balancer, AsyncExitStack() as stack:
        chat, first = await in_room(stack, balancer, owner)
        balancer.targets.reverse()
        _, second = await in_room(stack, balancer, owner)
        enough = asyncio.Event()
        talking = asyncio.create_task(talk(chat, said, enough))
        stack.callback(talking.cancel)
        for old in pair:
            starting = web_process(database_url, redis_url, tmp_path)
            new = await asyncio.to_thread(stack.enter_context, starting)
            balancer.targets = [new.port, *(port for port in balancer.targets if port != old.port)]
            old.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(old.process.wait, 15)
        more = len(said) + 3
        await eventually(lambda: _reached(said, more), "talk on the new processes")
        enough.set()
        await talking
        for screen in (first, second):
            await eventually(lambda one=screen: one.shows(said), "every line, once and in order")  # type: ignore[misc]
            assert (screen.disconnected, screen.joins) == (0, 2)


async def test_a_killed_process_costs_nothing_but_a_moment(pair: Pair, owner: Account) -> None:
    """Kill -9: what was on its way is said again under its nonce; every line is shown once, in order."""
    said: list[str] = []
    async with Balancer(pair[0].port, pair[1].port) as balancer, AsyncExitStack() as stack:
        chat, screen = await in_room(stack, balancer, owner)
        enough = asyncio.Event()
        talking = asyncio.create_task(talk(chat, said, enough))
        stack.callback(talking.cancel)
        await eventually(lambda: _reached(said, 3), "talk")
        pair[0].process.send_signal(signal.SIGKILL)
        more = len(said) + 4
        await eventually(lambda: _reached(said, more), "talk on the other process")
        enough.set()
        await talking
        await eventually(lambda: screen.shows(said), "every line, once and in order")
        assert (screen.disconnected, screen.joins) == (1, 2)


async def _reached(said: list[str], count: int) -> bool:
    return len(said) >= count
