"""What moderators let stand over a chat, in a real browser: seen at once, by newcomers too, until it is taken down."""

from playwright.async_api import Browser, expect

from clients.api import Api
from clients.chat import ChatClient
from clients.cli import socket_url
from tests.e2e.test_browser import browser, overflow_px, page_of, register, say
from tests.services.stack import Stack

__all__ = ["browser"]  # a fixture


async def test_a_pin_and_an_announcement_are_seen_by_everybody(stack: Stack, person: Api, browser: Browser) -> None:
    """The owner pins a member's line from its menu and announces; a guest on a narrow phone sees both, then neither."""
    async with page_of(browser, stack) as page, page_of(browser, stack, width=320, height=640) as phone:
        slug = (await register(page)).lower()
        room = str((await person.channel(slug))["id"])
        await page.goto(f"/{slug}/chat")
        async with ChatClient(socket_url(stack.url), room, person.access_token) as chat:
            await chat.say("where are the rules?")
        line = page.locator(".chat-line", has_text="where are the rules?")
        await line.hover()
        await line.get_by_role("button", name="Pin this message").click()
        bar = page.get_by_role("region", name="Pinned message")
        await expect(bar).to_contain_text("where are the rules?")
        await say(page, "/announceblue we begin at eight")

        await phone.goto(f"/{slug}/chat")
        theirs = phone.get_by_role("region", name="Pinned message")
        await expect(theirs).to_contain_text("where are the rules?")
        await expect(phone.locator(".chat-announcement")).to_contain_text("we begin at eight")
        await expect(theirs.get_by_role("button", name="Take it down")).to_have_count(0)
        await theirs.get_by_role("button", name="Fold the pinned message").click()
        await expect(theirs.get_by_text("where are the rules?")).to_be_hidden()
        assert await overflow_px(phone) == 0

        await bar.get_by_role("button", name="Take it down").click()
        await expect(theirs).to_have_count(0)
        await say(page, "/clear")
        await expect(phone.get_by_text("we begin at eight")).to_have_count(0)
