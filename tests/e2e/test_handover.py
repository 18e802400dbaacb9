"""A rolling deploy under an open page: it keeps its old socket until the new one has joined."""

import asyncio
import os
import signal
from contextlib import suppress

import httpx
from playwright.async_api import Browser, expect

from clients.api import Api
from clients.chat import ChatClient
from clients.cli import socket_url
from tests.e2e.test_browser import browser, page_of
from tests.services.stack import Stack
from tests.services.waiting import eventually
from workbench.addresses import PORTS

__all__ = ["browser"]  # a fixture
WATCH_SOCKETS = """
window.sockets = [];
window.leftAlone = 0;
window.WebSocket = class extends WebSocket {
  heard = 0;
  constructor(...given) {
    super(...given);
    window.sockets.push(this);
    this.addEventListener('message', () => (this.heard += 1));
    this.addEventListener('close', () => this.note());
  }
  close(...given) {
    if (this.readyState === 1) this.note();
    super.close(...given);
  }
  note() {
    // welcome and joined at least: the other one speaks
    const speaks = (other) => other !== this && other.readyState === 1 && other.heard >= 2;
    if (!window.sockets.some(speaks)) window.leftAlone += 1;
  }
};
"""
LINES = """() => [...document.querySelectorAll('.chat-item')]
  .map((row) => /deploy \\d+\\./.exec(row.innerText)?.[0])
  .filter(Boolean)"""


async def test_a_page_goes_over_to_another_process_without_a_gap(stack: Stack, person: Api, browser: Browser) -> None:
    """Both web processes stop, one after the other: never without a joined socket, no line lost or doubled."""
    assert person.account is not None
    slug = person.account["channel"]
    room = str((await person.channel(slug))["id"])
    said: list[str] = []
    is_over = asyncio.Event()
    async with (
        page_of(browser, stack) as page,
        ChatClient(socket_url(stack.url), room, person.access_token) as chat,
        asyncio.TaskGroup() as group,
    ):
        await page.add_init_script(WATCH_SOCKETS)
        await page.goto(f"/{slug}/chat")
        await expect(page.get_by_role("log")).to_be_visible()
        await page.wait_for_function("() => window.sockets.some((socket) => socket.heard >= 2)")
        talking = group.create_task(talk(chat, said, is_over))
        for name in ("web_1", "web_2"):
            pid = stack.pids()[name]
            os.kill(pid, signal.SIGTERM)
            await eventually(lambda name=name, pid=pid: replaced(stack, name, pid), f"another {name}", 40)  # type: ignore[misc]
        is_over.set()
        await talking
        await expect(page.get_by_text(said[-1])).to_be_visible()
        assert await page.evaluate(LINES) == said
        assert await page.evaluate("window.sockets.length") > 1
        assert await page.evaluate("window.leftAlone") == 0


async def talk(chat: ChatClient, said: list[str], is_over: asyncio.Event) -> None:
    """A line a second, at most: all of them fit the screen's rows."""
    reading = asyncio.create_task(drain(chat))
    while not is_over.is_set():
        text = f"deploy {len(said)}."
        await chat.say(text)
        said.append(text)
        await asyncio.sleep(1)  # the pace of the talk
    reading.cancel()


async def drain(chat: ChatClient) -> None:
    async for _ in chat:
        pass


async def replaced(stack: Stack, name: str, pid: int) -> bool:
    """Is the old one gone, and does its successor answer?"""
    port = int(stack.environment["LEAMS_INTERNAL_PORTS"]) + PORTS.index(name)
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    async with httpx.AsyncClient() as client:
        with suppress(httpx.TransportError):
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
    return False
