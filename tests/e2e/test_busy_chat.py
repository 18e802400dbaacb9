"""A room in full cry, read in a real browser: nothing is lost, the page stays small, still and responsive."""

import asyncio
import secrets
import time

from playwright.async_api import Browser, Page, expect

from chat.publisher import Publisher
from chat.shards import open_shards
from chat.wire import Author, Message
from clients.api import Api
from tests.e2e.test_browser import browser, page_of
from tests.services.stack import Stack

__all__ = ["browser"]  # a fixture
MESSAGES, PER_SECOND = 500, 100
ROWS_MAX = 120
LONG_TASK_MAX_MS = 500

WATCH_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((task) => task.duration)))
  .observe({ type: 'longtask', buffered: true });
"""
WATCH_ROWS = """() => {
  window.mostRows = 0;
  const look = () => {
    window.mostRows = Math.max(window.mostRows, document.querySelectorAll('.chat-item').length);
    requestAnimationFrame(look);
  };
  look();
}"""
IS_STILL = """() => {
  const top = document.querySelector('.chat-scroll').scrollTop;
  const isStill = top === window.topBefore;
  window.topBefore = top;
  return isStill;
}"""
DRAWN = """() => {
  const items = [...document.querySelectorAll('.chat-item')];
  const rows = items.map((row) => [row.getBoundingClientRect().top, row.innerText]);
  rows.sort(([one], [other]) => one - other);
  return rows.map(([, text]) => Number(/ (\\d+)\\.$/.exec(text.trim())?.[1]));
}"""
TOP_ROW = """() => {
  const box = document.querySelector('.chat-scroll').getBoundingClientRect();
  const rows = [...document.querySelectorAll('.chat-item')].map((row) => [row.getBoundingClientRect(), row.innerText]);
  rows.sort(([one], [other]) => one.top - other.top);
  const [place, text] = rows.find(([place]) => place.top >= box.top);
  return [text, Math.round(place.top)];
}"""


async def cry(redis_url: str, room: int, wave: str) -> None:
    """Publish a wave at its pace, past every limit, in the names of five people."""
    async with open_shards(redis_url) as shards:
        publisher = Publisher(shards)
        started = time.monotonic()
        for number in range(MESSAGES):
            await asyncio.sleep(max(0, started + number / PER_SECOND - time.monotonic()))  # the load itself, not a wait
            author = Author(1_000_000 + number % 5, f"crier{number % 5}")
            message = Message(secrets.token_hex(8), int(time.time() * 1000), author, f"{wave} {number}.")
            await publisher.announce(room, message, nonce=message.id)


async def open_room(page: Page, slug: str) -> None:
    await page.add_init_script(WATCH_TASKS)
    await page.goto(f"/{slug}/chat")
    await expect(page.get_by_role("log")).to_be_visible()
    await page.evaluate(WATCH_ROWS)


async def ends_in_order(page: Page) -> None:
    """The rows that are drawn, from top to bottom, are the wave's last lines without a gap."""
    drawn = await page.evaluate(DRAWN)
    assert len(drawn) > 10
    assert drawn == list(range(MESSAGES - len(drawn), MESSAGES))


async def test_a_busy_room_is_read_in_peace(stack: Stack, person: Api, browser: Browser) -> None:
    """At 100 messages a second all arrive, few rows are drawn, no task is long; who scrolled up is not moved."""
    assert person.account is not None
    slug = person.account["channel"]
    room = int((await person.channel(slug))["id"])
    async with page_of(browser, stack) as page:
        await open_room(page, slug)
        await cry(stack.redis_url, room, "first")
        await expect(page.get_by_text(f"first {MESSAGES - 1}.")).to_be_in_viewport()
        await ends_in_order(page)

        await page.get_by_role("log").hover()
        await page.mouse.wheel(0, -1500)
        newest = page.locator(".chat-newest")
        await expect(newest).to_be_visible()
        await page.wait_for_function(IS_STILL, polling=100)  # a wheel glides
        before = await page.evaluate(TOP_ROW)
        await cry(stack.redis_url, room, "second")
        await expect(newest).to_contain_text("500")
        assert await page.evaluate(TOP_ROW) == before
        await newest.click()
        await expect(page.get_by_text(f"second {MESSAGES - 1}.")).to_be_in_viewport()
        await ends_in_order(page)
        assert 0 < await page.evaluate("window.mostRows") <= ROWS_MAX
        assert max(await page.evaluate("window.longTasks"), default=0) <= LONG_TASK_MAX_MS
