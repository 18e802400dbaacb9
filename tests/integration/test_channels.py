"""Channels over HTTP: lists, one channel, changing one's own."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chat.presence import Counts, PresenceWriter, stored_info
from chat.shards import Shards
from server.db.pool import Pool
from server.settings import Settings
from tests.services.onair import put_on_air
from tests.services.people import Site, open_site, refusal
from tests.services.web import without_redis


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with open_site(settings) as opened:
        yield opened


async def test_a_new_channel_is_offline(site: Site) -> None:
    """It has a title, nothing to play, nobody who watches."""
    owner = site.person()
    account = await owner.register("Ann")
    channel = (await owner.call("GET", "/channels/ann")).json()
    assert channel.pop("id") > 0
    assert channel == {
        "slug": "ann",
        "name": "Ann",
        "title": "Ann's channel",
        "category": "",
        "description": "",
        "followed": False,
        "followers": 0,
        "live": "offline",
        "broadcast": None,
        "since_ms": None,
        "viewers": 0,
        "thumbnail": None,
        "playlist": None,
        "grace_until_ms": None,
        "is_owner": True,
        "visibility": "public",
        "record": True,
    }
    assert account["channel"] == "ann"
    guest = (await site.person().call("GET", "/channels/ANN")).json()
    assert guest["is_owner"] is False


@pytest.mark.parametrize("slug", ["nobody", "a", "%00", "a%2Fb", "deleted-1", "%D0%B0%D0%BD%D0%BD", "x" * 3000])
async def test_channels_that_are_not_there(site: Site, slug: str) -> None:
    """An unknown or impossible name is a 404 in the one shape."""
    assert refusal(await site.person().call("GET", f"/channels/{slug}")) == (404, "not_found", None)


async def test_a_live_channel_shows_where_it_plays(site: Site, db: Pool, shards: Shards, settings: Settings) -> None:
    """State, addresses, viewers, and until when an interrupted one is waited for."""
    await site.person().register("ann")
    public_id = await put_on_air(db, "ann", "starting")
    starting = (await site.person().call("GET", "/channels/ann")).json()
    assert (starting["live"], starting["broadcast"]) == ("starting", public_id)
    assert starting["playlist"] is None, "nothing to play before the first segment"
    await db.execute("UPDATE broadcasts SET state = 'live', live_at = now(), state_since = now()")
    await PresenceWriter(shards, "test").write({starting["id"]: Counts(viewers=7, chatters=2)})
    live = (await site.person().call("GET", "/channels/ann")).json()
    assert live["live"] == "live"
    assert live["playlist"] == f"/live/{public_id}/index.m3u8"
    assert live["thumbnail"] == f"/media/{public_id}/thumbnail.jpg"
    assert live["viewers"] == 7
    assert live["grace_until_ms"] is None
    await db.execute("UPDATE broadcasts SET state = 'interrupted', state_since = now()")
    interrupted = (await site.person().call("GET", "/channels/ann")).json()
    assert interrupted["playlist"] == live["playlist"]
    assert interrupted["grace_until_ms"] - interrupted["since_ms"] >= settings.grace_seconds * 1000
    await db.execute("UPDATE broadcasts SET state = 'ended'")
    assert (await site.person().call("GET", "/channels/ann")).json()["live"] == "offline"


async def test_lists_have_the_followed_first_then_the_watched(site: Site, db: Pool, shards: Shards) -> None:
    """Followed before live, live by viewers, then the rest by name; `live=1` leaves out what can't be watched."""
    viewer = site.person()
    await viewer.register("viewer")
    ids = {}
    for name in ("offline_b", "offline_a", "few", "many", "starting", "liked"):
        person = site.person()
        await person.register(name)
        ids[name] = (await person.call("GET", f"/channels/{name}")).json()["id"]
    for name in ("few", "many"):
        await put_on_air(db, name)
    await put_on_air(db, "starting", "starting")
    await PresenceWriter(shards, "test").write({ids["few"]: Counts(viewers=1), ids["many"]: Counts(viewers=9)})
    assert (await viewer.call("PUT", "/channels/liked/follow")).status_code == 204
    listed = (await viewer.call("GET", "/channels")).json()["channels"]
    assert [card["slug"] for card in listed] == [
        "liked", "many", "few", "offline_a", "offline_b", "starting", "viewer",
    ]  # fmt: skip
    assert [card["followed"] for card in listed[:2]] == [True, False]
    live = (await site.person().call("GET", "/channels?live=1")).json()["channels"]
    assert [(card["slug"], card["viewers"]) for card in live] == [("many", 9), ("few", 1)]
    assert set(live[0]) == {
        "id", "slug", "name", "title", "category", "followed", "live", "broadcast", "since_ms", "viewers", "thumbnail",
    }  # fmt: skip


@pytest.mark.parametrize("query", ["live=2", "live=x", "live=1&live=1", "other=1"])
async def test_bad_queries(site: Site, query: str) -> None:
    """A query that means nothing is refused."""
    assert refusal(await site.person().call("GET", f"/channels?{query}")) == (400, "bad_query", None)


async def test_channels_of_disabled_accounts_are_not_shown(site: Site, db: Pool) -> None:
    """Neither in lists nor by their address."""
    await site.person().register("ann")
    await db.execute("UPDATE accounts SET disabled_at = now()")
    guest = site.person()
    assert (await guest.call("GET", "/channels")).json() == {"channels": []}
    assert refusal(await guest.call("GET", "/channels/ann")) == (404, "not_found", None)


async def test_the_owner_changes_the_title_while_live(site: Site, db: Pool, shards: Shards) -> None:
    """The channel, its open broadcast and everybody in the room get the new texts; what is left out stays."""
    owner = site.person()
    await owner.register("ann")
    await put_on_air(db, "ann")
    channel_id = await db.fetchval("SELECT id FROM channels")
    changes = {"title": "  Café \u0435\u0308 👩\u200d💻 ", "category": "Music", "description": "one\r\ntwo"}
    changed = (await owner.call("PATCH", "/channels/ann", changes)).json()
    assert changed["title"] == "Café ё 👩\u200d💻"
    assert changed["description"] == "one\ntwo"
    assert changed["is_owner"] is True
    assert await db.fetchval("SELECT title || '/' || category FROM broadcasts") == "Café ё 👩\u200d💻/Music"
    info = await stored_info(shards, channel_id)
    assert (info.title, info.category, info.live, info.broadcast) == (changed["title"], "Music", "live", "pid-ann")
    kept = (await owner.call("PATCH", "/channels/ann", {"category": ""})).json()
    assert (kept["title"], kept["category"], kept["description"]) == (changed["title"], "", "one\ntwo")


async def test_the_room_of_an_offline_channel_learns_its_title(site: Site, db: Pool, shards: Shards) -> None:
    """Chat is there without a broadcast."""
    owner = site.person()
    await owner.register("ann")
    await owner.call("PATCH", "/channels/ann", {"title": "Tomorrow"})
    info = await stored_info(shards, await db.fetchval("SELECT id FROM channels"))
    assert (info.live, info.title, info.broadcast) == ("offline", "Tomorrow", None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "x" * 141}, (400, "too_long", "title")),
        ({"category": "x" * 51}, (400, "too_long", "category")),
        ({"description": "x" * 2001}, (400, "too_long", "description")),
        ({"title": "two\nlines"}, (400, "bad_text", "title")),
        ({"title": "nul\u0000"}, (400, "bad_text", "title")),
        ({"title": "evil\u202egnp.exe"}, (400, "bad_text", "title")),
        ({"description": "bell\u0007"}, (400, "bad_text", "description")),
        ({"title": None}, (400, "bad_body", None)),
        ({"title": 5}, (400, "bad_body", None)),
        ({"slug": "other"}, (400, "bad_body", None)),
        ([], (400, "bad_body", None)),
    ],
)
async def test_bad_texts(site: Site, changes: object, expected: tuple[int, str, str | None]) -> None:
    """Each fault is named by its field."""
    owner = site.person()
    await owner.register("ann")
    assert refusal(await owner.call("PATCH", "/channels/ann", changes)) == expected


async def test_only_the_owner_changes_a_channel(site: Site) -> None:
    """Neither a guest nor another account."""
    await site.person().register("ann")
    other = site.person()
    await other.register("bob")
    assert refusal(await other.call("PATCH", "/channels/ann", {"title": "mine"})) == (403, "forbidden", None)
    assert refusal(await site.person().call("PATCH", "/channels/ann", {"title": "mine"})) == (401, "sign_in", None)
    assert refusal(await other.call("PATCH", "/channels/nobody", {"title": "x"})) == (404, "not_found", None)


async def test_a_token_that_does_not_stand_is_told_at_open_doors_too(site: Site, db: Pool) -> None:
    """A page with an ended session learns it instead of being shown a guest's view."""
    person = site.person()
    await person.register("ann")
    await db.execute("UPDATE sessions SET revoked_at = now()")
    assert refusal(await person.call("GET", "/channels")) == (401, "bad_token", None)


async def test_lists_work_while_redis_is_away(settings: Settings, db: Pool) -> None:
    """Viewers are 0 then, a title is changed all the same, and nothing waits for long."""
    async with open_site(without_redis(settings)) as site:
        owner = site.person()
        await owner.register("ann")
        await put_on_air(db, "ann")
        async with asyncio.timeout(5):
            (card,) = (await owner.call("GET", "/channels")).json()["channels"]
            assert card["viewers"] == 0
            assert (await owner.call("PATCH", "/channels/ann", {"title": "on"})).json()["title"] == "on"


async def test_an_owner_wishes_for_a_ladder(site: Site) -> None:
    """Written whole, shown on the dashboard, taken back with null; a faulty one is refused with its place."""
    owner = site.person()
    await owner.register("ann")

    async def shown() -> object:
        return (await owner.call("GET", "/channels/ann/broadcast")).json()["ladder"]

    assert await shown() is None
    wish = {"rungs": [{"height": 720, "kbps": 2000}, {"height": 360, "kbps": 600}], "crf": 24}
    assert (await owner.call("PATCH", "/channels/ann", {"ladder": wish})).status_code == 200
    assert await shown() == wish
    faults: tuple[object, ...] = (
        {"max_rungs": 0},
        {"preset_high": "placebo"},
        {"rungs": [{"height": 360, "kbps": 600}, {"height": 720, "kbps": 2000}]},
        {"crf": 51},
        [],
    )
    for faulty in faults:
        assert (await owner.call("PATCH", "/channels/ann", {"ladder": faulty})).status_code == 400
    assert (await owner.call("PATCH", "/channels/ann", {"title": "Chess"})).status_code == 200
    assert await shown() == wish
    assert (await owner.call("PATCH", "/channels/ann", {"ladder": None})).status_code == 200
    assert await shown() is None
