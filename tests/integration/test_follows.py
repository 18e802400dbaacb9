"""Follow and unfollow."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.db.pool import Pool
from server.settings import Settings
from tests.services.people import Site, open_site, refusal


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with open_site(settings) as opened:
        yield opened


async def test_following_is_counted_and_listed(site: Site) -> None:
    """The channel counts its followers; the follower's list has it."""
    fan = site.person()
    await site.person().register("ann")
    await site.person().register("carl")
    await fan.register("bob")
    assert (await fan.call("GET", "/account/follows")).json() == {"channels": []}
    assert (await fan.call("PUT", "/channels/Ann/follow")).status_code == 204
    channel = (await fan.call("GET", "/channels/ann")).json()
    assert (channel["followed"], channel["followers"]) == (True, 1)
    (card,) = (await fan.call("GET", "/account/follows")).json()["channels"]
    assert (card["slug"], card["followed"]) == ("ann", True)
    guest = (await site.person().call("GET", "/channels/ann")).json()
    assert (guest["followed"], guest["followers"]) == (False, 1)


async def test_following_again_keeps_the_first_day(site: Site, db: Pool) -> None:
    """A follower-only room asks since when; repeating, also at once, changes nothing."""
    fan = site.person()
    await site.person().register("ann")
    await fan.register("bob")
    await fan.call("PUT", "/channels/ann/follow")
    since = await db.fetchval("SELECT created_at FROM follows")
    replies = await asyncio.gather(*(fan.call("PUT", "/channels/ann/follow") for _ in range(4)))
    assert {reply.status_code for reply in replies} == {204}
    assert [row["created_at"] for row in await db.fetch("SELECT created_at FROM follows")] == [since]


async def test_unfollowing(site: Site) -> None:
    """It is gone, and going again is harmless."""
    fan = site.person()
    await site.person().register("ann")
    await fan.register("bob")
    await fan.call("PUT", "/channels/ann/follow")
    for _ in range(2):
        assert (await fan.call("DELETE", "/channels/ann/follow")).status_code == 204
    assert (await fan.call("GET", "/channels/ann")).json()["followers"] == 0


async def test_who_cannot_follow_what(site: Site) -> None:
    """A guest signs in first; a channel must be there."""
    fan = site.person()
    await fan.register("bob")
    for method in ("PUT", "DELETE"):
        assert refusal(await site.person().call(method, "/channels/bob/follow")) == (401, "sign_in", None)
        assert refusal(await fan.call(method, "/channels/nobody/follow")) == (404, "not_found", None)
    assert refusal(await site.person().call("GET", "/account/follows")) == (401, "sign_in", None)
