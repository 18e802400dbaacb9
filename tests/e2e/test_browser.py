"""What people do, in a real browser on the whole platform: watch, chat, moderate, publish."""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from clients.api import Api
from clients.chat import ChatClient
from clients.cli import socket_url
from tests.e2e.conftest import PASSWORD
from tests.e2e.live import live_channel
from tests.services.browser import CHROMIUM_ARGUMENTS, CHROMIUM_PATH
from tests.services.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
PLAYING = "() => { const v = document.querySelector('video'); return v && v.readyState >= 3 && v.currentTime > 0.5 }"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        yield await playwright.chromium.launch(executable_path=CHROMIUM_PATH, args=CHROMIUM_ARGUMENTS)


@asynccontextmanager
async def page_of(browser: Browser, stack: Stack, *, width: int = 1280, height: int = 800) -> AsyncIterator[Page]:
    """A visitor's own page; any console error or page crash fails the test at its end."""
    context = await browser.new_context(viewport={"width": width, "height": height}, base_url=stack.url, locale="en-GB")
    page = await context.new_page()
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # a visitor without a session asks for one: the browser reports that 401 as an error, the page does not mind
        if message.type == "error" and "/auth/refresh" not in message.location["url"]:
            faults.append(f"{message.text} {message.location}")

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    assert faults == []
    await context.close()


async def register(page: Page, name: str | None = None) -> str:
    """Make an account through the page; returns its name."""
    name = name or f"u{secrets.token_hex(5)}"
    await page.goto("/register")
    await page.get_by_label("Name", exact=True).fill(name)
    await page.locator("input[type=password]").first.fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"^(?!.*/register)"))
    return name


async def say(page: Page, text: str) -> None:
    """Type into the chat and send."""
    field = page.get_by_role("combobox", name="Message").or_(page.get_by_role("textbox", name="Message"))
    await field.fill(text)
    await field.press("Enter")


async def test_watching_chatting_and_moderating(
    stack: Stack, http: httpx.AsyncClient, person: Api, browser: Browser
) -> None:
    """The picture plays; two people talk; the owner makes a moderator, who times the other one out."""
    assert person.account is not None
    slug = person.account["channel"]
    await person.edit_channel(slug, title="Building a live platform", category="Software")
    with stack.publishing(await person.create_stream_key(slug, "camera")):
        await live_channel(http, slug)
        async with page_of(browser, stack) as moderator, page_of(browser, stack, width=390, height=844) as viewer:
            await moderator.emulate_media(color_scheme="dark")
            moderator_name, viewer_name = await register(moderator, "Mira"), await register(viewer, "Jonas")
            for page in (moderator, viewer):
                await page.goto(f"/{slug}")
                await page.wait_for_function(PLAYING, timeout=20_000)
            await expect(moderator.get_by_role("heading", name="Building a live platform")).to_be_visible()
            await say(viewer, "hello from the phone")
            await expect(moderator.get_by_text("hello from the phone")).to_be_visible()
            await say(moderator, "good evening")
            await expect(viewer.get_by_text("good evening")).to_be_visible()
            # docs/screenshot.png is a copy of this one
            await moderator.screenshot(path=ROOT / "var/screenshot.png", animations="disabled")

            await command(stack, person, slug, f"/mod {moderator_name}")
            await expect(moderator.get_by_text(f"{moderator_name} is a moderator now.")).to_be_visible()
            await say(moderator, f"/timeout {viewer_name} 5m be kind")
            await expect(viewer.get_by_text(re.compile(r"You are timed out for .*be kind"))).to_be_visible()
            await expect(moderator.get_by_text("removed by a moderator").first).to_be_visible()
            assert await overflow_px(viewer) == 0
        await person.stop_broadcast(slug)


async def command(stack: Stack, owner: Api, slug: str, text: str) -> None:
    """The owner says a command from a terminal client."""
    room = str((await owner.channel(slug))["id"])
    async with ChatClient(socket_url(stack.url), room, owner.access_token) as chat:
        await chat.say(text)


async def overflow_px(page: Page) -> int:
    """How far the page can be scrolled sideways."""
    width: int = await page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


async def test_a_streamer_finds_the_key_and_sees_the_encoder(stack: Stack, browser: Browser) -> None:
    """Register, open the dashboard, make a key (shown once), publish with it, see what arrives."""
    async with page_of(browser, stack) as page:
        await register(page)
        await page.goto("/dashboard")
        await page.get_by_role("button", name="New key").click()
        await page.get_by_label("Name of the key").fill("my camera")
        await page.keyboard.press("Enter")
        secret = page.get_by_label("Stream key", exact=True)
        await expect(secret).to_have_value(re.compile(r"^lk_[0-9A-Za-z]+$"))
        key = await secret.input_value()
        await page.get_by_role("button", name="I have copied it").click()
        with stack.publishing(key):
            await expect(page.get_by_text(re.compile(r"640\s*\W\s*360")).first).to_be_visible(timeout=20_000)
            await page.reload()
            await expect(page.get_by_text("my camera").first).to_be_visible()
            assert key not in await page.content()


async def test_the_printed_address_of_the_operators_channel_is_its_page(stack: Stack, browser: Browser) -> None:
    """Who streams with the key that `./run` prints is found where it says: the site's settings stand elsewhere."""
    async with page_of(browser, stack) as page:
        await page.goto("/admin")
        await expect(page.get_by_role("log")).to_be_visible()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_pages_fit_every_width_in_both_themes(stack: Stack, browser: Browser, width: int, scheme: str) -> None:
    """No page scrolls sideways at 320 px, and each has its heading."""
    async with page_of(browser, stack, width=width) as page:
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for address in ("/", "/login", "/register", "/settings", "/settings/site"):
            await page.goto(address)
            await expect(page.get_by_role("main")).to_be_visible()
            assert await overflow_px(page) == 0, address
