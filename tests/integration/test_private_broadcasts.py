"""Private broadcasts and tests: seen by whom they are for, nowhere else, and only behind their secret."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from chat.presence import stored_info
from chat.shards import Shards
from media.broadcast import Session
from server.broadcasts.routes import PROVEN, REFUSED
from server.db.pool import Pool
from server.settings import Settings
from tests.services.people import Person, Site, open_site, refusal


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with open_site(settings) as opened:
        yield opened


async def key_of(owner: Person, slug: str) -> str:
    reply = await owner.call("POST", f"/channels/{slug}/stream-keys", {"label": "camera"})
    return str(reply.json()["secret"])


async def publish(
    settings: Settings, person: Person, key: str, arguments: str = "", session: Session | None = None
) -> str | None:
    """What nginx asks for an encoder; the public id, or None for a refusal."""
    session = session or Session("7", "127.0.0.1")
    body = f"app=live&addr={session.address}&clientid={session.client_id}&call=publish&name={key}&type=live{arguments}"
    reply = await person.client.post(
        "/hooks/publish", content=body, headers={"X-Leams-Hook-Secret": settings.hook_secret}
    )
    return reply.headers.get("Location") if reply.status_code == 302 else None


async def go_live(db: Pool, public_id: str) -> None:
    await db.execute("UPDATE broadcasts SET state = 'live', live_at = now() WHERE public_id = $1", public_id)


async def test_a_test_is_seen_by_its_owner_alone(
    site: Site, settings: Settings, db: Pool, shards: Shards, redis: Redis
) -> None:
    """`?test=1`: no list, no page of others, no word in the room; the owner has an address with a secret."""
    owner, fan = site.person(), site.person()
    await owner.register("ann")
    await fan.register("bob")
    key = await key_of(owner, "ann")
    public_id = await publish(settings, owner, key, "&test=1")
    assert public_id is not None
    assert public_id.startswith("p")
    await go_live(db, public_id)
    for other in (fan, site.person()):
        seen = (await other.call("GET", "/channels/ann")).json()
        assert (seen["live"], seen["broadcast"], seen["playlist"], seen["thumbnail"]) == ("offline", None, None, None)
    assert (await owner.call("GET", "/channels?live=1")).json()["channels"] == []
    info = await stored_info(shards, (await owner.call("GET", "/channels/ann")).json()["id"])
    assert info.broadcast is None
    mine = (await owner.call("GET", "/channels/ann/broadcast")).json()
    assert (mine["is_test"], mine["visibility"]) == (True, "private")
    _, private, secret, live, named, file = mine["playlist"].split("/")
    assert (private, live, named, file) == ("private", "live", public_id, "index.m3u8")
    assert len(secret) >= 32


async def test_the_switch_makes_the_next_broadcast_a_test_and_only_that(
    site: Site, settings: Settings, db: Pool
) -> None:
    """It is off again once an encoder came; that encoder's return is still the test, the one after is not."""
    owner = site.person()
    await owner.register("ann")
    key = await key_of(owner, "ann")
    await owner.call("PATCH", "/channels/ann", {"next_is_test": True})
    assert (await owner.call("GET", "/channels/ann/broadcast")).json()["next_is_test"] is True
    first = await publish(settings, owner, key)
    assert first is not None
    assert first.startswith("p")
    assert (await owner.call("GET", "/channels/ann/broadcast")).json()["next_is_test"] is False
    await db.execute("UPDATE broadcasts SET state = 'ended', ended_at = now()")
    second = await publish(settings, owner, key)
    assert second is not None
    assert not second.startswith("p")


async def test_a_broadcast_does_not_become_a_test(site: Site, settings: Settings) -> None:
    """An encoder that asks for a test while viewers watch is refused, and the dashboard says why."""
    owner = site.person()
    await owner.register("ann")
    key = await key_of(owner, "ann")
    assert await publish(settings, owner, key) is not None
    assert await publish(settings, owner, key, "&test=1", Session("8", "127.0.0.1")) is None
    refused = (await owner.call("GET", "/channels/ann/broadcast")).json()["refused"]
    assert refused["code"] == "other_kind"


async def test_a_broadcast_that_waits_for_its_encoder_does_not_go_on_as_a_test(
    site: Site, settings: Settings, db: Pool
) -> None:
    """Within the grace the owner switches to a test: the public broadcast ends, nobody sees the one that comes."""
    owner = site.person()
    await owner.register("ann")
    key = await key_of(owner, "ann")
    public = await publish(settings, owner, key)
    await db.execute("UPDATE broadcasts SET state = 'interrupted', ingest_client_id = NULL, ingest_address = NULL")
    await owner.call("PATCH", "/channels/ann", {"next_is_test": True})
    hidden = await publish(settings, owner, key, session=Session("8", "127.0.0.1"))
    assert hidden is not None
    assert hidden.startswith("p")
    assert await db.fetchval("SELECT state FROM broadcasts WHERE public_id = $1", public) == "ended"


async def test_a_private_channel_is_seen_by_those_who_have_a_role_in_it(
    site: Site, settings: Settings, db: Pool
) -> None:
    """The owner, moderators and VIPs; others see it offline, and no list has it."""
    owner, friend, other = site.person(), site.person(), site.person()
    await owner.register("ann")
    friend_id = (await friend.register("bob"))["id"]
    await other.register("eve")
    assert (await owner.call("PATCH", "/channels/ann", {"visibility": "private"})).status_code == 200
    await db.execute(
        "INSERT INTO room_roles (channel_id, account_id, role) SELECT id, $1, 'vip' FROM channels WHERE slug = 'ann'",
        friend_id,
    )
    public_id = await publish(settings, owner, await key_of(owner, "ann"))
    assert public_id is not None
    await go_live(db, public_id)
    seen = (await friend.call("GET", "/channels/ann")).json()
    assert seen["live"] == "live"
    assert seen["playlist"].startswith("/private/")
    assert (await other.call("GET", "/channels/ann")).json()["live"] == "offline"
    assert (await friend.call("GET", "/channels?live=1")).json()["channels"] == []


async def test_only_the_right_secret_opens_and_rotation_closes(site: Site, settings: Settings, db: Pool) -> None:
    """The edge's question: 204 for the secret of that broadcast, 403 for anything else, also after a rotation."""
    owner, fan = site.person(), site.person()
    await owner.register("ann")
    await fan.register("bob")
    public_id = await publish(settings, owner, await key_of(owner, "ann"), "&test=1")
    assert public_id is not None
    await go_live(db, public_id)

    async def secret() -> str:
        return str((await owner.call("GET", "/channels/ann/broadcast")).json()["playlist"].split("/")[2])

    async def opens(named: str, given: str) -> bool:
        headers = {"X-Leams-Capability": given}
        reply = await fan.client.get(f"/internal/capability/{named}", headers=headers)
        is_open = reply.status_code == 204
        assert (reply.status_code, reply.headers["Cache-Control"]) == ((204, PROVEN) if is_open else (403, REFUSED))
        return is_open

    old = await secret()
    assert await opens(public_id, old)
    assert not await opens(public_id, "x" * 32)
    assert not await opens("p" + "0" * 18, old)
    rotate = "/channels/ann/broadcast/rotate-capability"
    assert refusal(await fan.call("POST", rotate)) == (403, "forbidden", None)
    assert (await owner.call("POST", rotate)).status_code == 204
    assert not await opens(public_id, old)
    assert await opens(public_id, await secret())


async def test_a_public_broadcast_has_no_secret(site: Site, settings: Settings) -> None:
    """Nothing opens it behind a capability, and there is nothing to rotate."""
    owner = site.person()
    await owner.register("ann")
    public_id = await publish(settings, owner, await key_of(owner, "ann"))
    assert public_id is not None
    headers = {"X-Leams-Capability": "x" * 32}
    assert (await owner.client.get(f"/internal/capability/{public_id}", headers=headers)).status_code == 403
    assert refusal(await owner.call("POST", "/channels/ann/broadcast/rotate-capability")) == (409, "not_private", None)
