"""What a viewer sees of one broadcast in a real browser: behind, rewound, interrupted, over, again as a recording."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from clients.api import Api
from tests.e2e.live import live_channel
from tests.e2e.test_browser import PLAYING, page_of
from tests.services.browser import CHROMIUM_ARGUMENTS, CHROMIUM_PATH
from tests.services.stack import Stack
from tests.services.waiting import eventually

NEAR_SECONDS = 4
"""What the badge calls the edge."""
BEHIND = "() => { const v = document.querySelector('video'); return v.seekable.end(0) - v.currentTime }"
SPAN = """(least) => {
  const { seekable } = document.querySelector('video');
  return seekable.length && seekable.end(0) - seekable.start(0) > least;
}"""
FURTHER = "(before) => document.querySelector('video').currentTime > before + 0.5"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        yield await playwright.chromium.launch(executable_path=CHROMIUM_PATH, args=CHROMIUM_ARGUMENTS)


async def open_playing(page: Page, slug: str) -> None:
    """Open the channel and wait for its picture; leave a mark that a reload would wipe away."""
    await page.goto(f"/{slug}")
    await page.wait_for_function(PLAYING, timeout=20_000)
    await page.evaluate("() => { window.mark = 'here' }")


async def moves(page: Page) -> None:
    """Wait until the picture has gone on by half a second."""
    now: float = await page.evaluate("() => document.querySelector('video').currentTime")
    await page.wait_for_function(FURTHER, arg=now, timeout=10_000)


async def lists_loaded(page: Page) -> set[str]:
    """The addresses of all multivariant playlists that the page ever asked for."""
    names: list[str] = await page.evaluate(
        "() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)"
    )
    return {name for name in names if re.fullmatch(r"/live/[^/]+/\w+\.m3u8", name)}


async def test_a_live_broadcast_is_rewound_and_caught_up_with(
    stack: Stack, http: httpx.AsyncClient, person: Api, browser: Browser
) -> None:
    """Keys lead back, the badge tells how far, a click leads to the edge again."""
    assert person.account is not None
    slug = person.account["channel"]
    with stack.publishing(await person.create_stream_key(slug, "rewind")):
        await live_channel(http, slug)
        async with page_of(browser, stack) as page:
            await open_playing(page, slug)
            await page.wait_for_function(SPAN, arg=26, timeout=60_000)
            await page.keyboard.press("j")
            await page.keyboard.press("j")
            await expect(page.get_by_role("button", name="Jump to the live edge")).to_be_visible()
            assert 15 < await page.evaluate(BEHIND) < 26
            await moves(page)
            await expect(page.get_by_role("slider", name="Position in the broadcast")).to_have_attribute(
                "aria-valuetext", re.compile(r"0:\d\d behind")
            )
            await page.get_by_role("button", name="Jump to the live edge").click()
            await expect(page.get_by_role("button", name="At the live edge")).to_be_visible()
            await page.wait_for_function(PLAYING)
            assert await page.evaluate(BEHIND) < NEAR_SECONDS
            await moves(page)
    await person.stop_broadcast(slug)


async def test_an_outage_of_the_encoder_is_waited_out(
    stack: Stack, http: httpx.AsyncClient, person: Api, browser: Browser
) -> None:
    """Words while it lasts; then the same page plays the same list on, without a reload."""
    assert person.account is not None
    slug = person.account["channel"]
    key = await person.create_stream_key(slug, "outage")
    async with page_of(browser, stack) as page:
        with stack.publishing(key):
            await live_channel(http, slug)
            await open_playing(page, slug)
            before = await page.evaluate("() => document.querySelector('video').currentTime")
        await expect(page.get_by_text("The streamer lost connection, waiting")).to_be_visible(timeout=20_000)
        with stack.publishing(key):
            await expect(page.get_by_text("The streamer lost connection, waiting")).to_be_hidden(timeout=30_000)
            await page.wait_for_function(
                "(before) => document.querySelector('video').currentTime > before + 5", arg=before, timeout=30_000
            )
            await moves(page)
            assert await page.evaluate("() => window.mark") == "here"
            assert len(await lists_loaded(page)) == 1
    await person.stop_broadcast(slug)


async def test_what_has_ended_is_watched_again(
    stack: Stack, http: httpx.AsyncClient, person: Api, browser: Browser
) -> None:
    """The page of the broadcast offers its recording within seconds; that plays, and is sought in by digits."""
    assert person.account is not None
    slug = person.account["channel"]
    await person.edit_channel(slug, title="First night")
    async with page_of(browser, stack) as page:
        with stack.publishing(await person.create_stream_key(slug, "night")):
            await live_channel(http, slug)
            await open_playing(page, slug)
            await page.wait_for_function(SPAN, arg=8, timeout=30_000)
            await person.stop_broadcast(slug)
        await expect(page.get_by_text("The broadcast has ended")).to_be_visible(timeout=20_000)
        await page.get_by_role("link", name="Watch “First night”").click(timeout=15_000)
        await page.wait_for_function(PLAYING, timeout=20_000)
        await expect(page.get_by_role("heading", name="First night", level=1)).to_be_visible()
        whole: float = await page.evaluate("() => document.querySelector('video').duration")
        assert whole > 6
        await page.keyboard.press("5")
        await page.wait_for_function(
            "(half) => Math.abs(document.querySelector('video').currentTime - half) < 1.5", arg=whole / 2
        )
        await page.wait_for_function(PLAYING)
        await moves(page)
        assert await page.evaluate("() => window.mark") == "here"


async def test_players_are_counted(stack: Stack, http: httpx.AsyncClient, person: Api, browser: Browser) -> None:
    """Two pages that play are two viewers within seconds, and one once the other is closed."""
    assert person.account is not None
    slug = person.account["channel"]

    async def viewers(count: int) -> bool:
        return bool((await http.get(f"/api/v1/channels/{slug}")).json()["viewers"] == count)

    with stack.publishing(await person.create_stream_key(slug, "counted")):
        await live_channel(http, slug)
        async with page_of(browser, stack) as page:
            await open_playing(page, slug)
            async with page_of(browser, stack) as other:
                await open_playing(other, slug)
                await eventually(lambda: viewers(2), "two viewers", 10)
            await eventually(lambda: viewers(1), "one viewer", 10)
    await person.stop_broadcast(slug)
