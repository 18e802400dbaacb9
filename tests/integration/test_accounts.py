"""One's own account: password, sessions, signing out, leaving."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from chat.keys import ACCOUNTS_CHANNEL
from server.db.pool import Pool
from server.settings import Settings
from tests.services.onair import put_on_air
from tests.services.people import PASSWORD, Site, open_site, refusal
from tests.services.web import without_redis

OTHER_PASSWORD = "another horse battery"


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with open_site(settings) as opened:
        yield opened


async def notices_of(
    redis: Redis, expected: int, doing: Coroutine[Any, Any, httpx.Response]
) -> tuple[list[dict[str, object]], httpx.Response]:
    """The notices on the accounts channel while something is done, which begins when they can be heard; its reply."""
    async with redis.pubsub() as told, asyncio.timeout(5):
        await told.subscribe(ACCOUNTS_CHANNEL)
        await told.get_message(timeout=1)
        reply = await doing
        notices: list[dict[str, object]] = []
        while len(notices) < expected:
            message = await told.get_message(ignore_subscribe_messages=True, timeout=1)
            if message:
                notices.append(json.loads(message["data"]))
        return notices, reply


async def test_changing_the_password_ends_the_other_sessions(site: Site, redis: Redis) -> None:
    """This session goes on with a new refresh token; the others, and the old password, are worth nothing."""
    here, there = site.person(), site.person()
    account = await here.register("ann")
    await there.log_in("ann")
    stolen = here.refresh_token or ""
    change = {"old_password": PASSWORD, "new_password": OTHER_PASSWORD}
    doing = here.call("PUT", "/account/password", change)
    (notice,), reply = await notices_of(redis, 1, doing)
    assert notice["account_id"] == account["id"]
    here.enter(reply, 200)
    sessions = (await here.call("GET", "/account/sessions")).json()["sessions"]
    assert [session["current"] for session in sessions] == [True]
    assert notice["session_id"] != sessions[0]["id"]
    here.enter(await here.call("POST", "/auth/refresh"), 200)
    assert refusal(await there.call("GET", "/account")) == (401, "bad_token", None)
    assert refusal(await there.call("POST", "/auth/refresh")) == (401, "session_ended", None)
    thief = site.person()
    thief.client.cookies.set("leams_refresh", stolen, domain="leams.test", path="/api/v1/auth")
    assert refusal(await thief.call("POST", "/auth/refresh")) == (401, "session_ended", None)
    old = await site.person().call("POST", "/auth/login", {"name": "ann", "password": PASSWORD})
    assert refusal(old) == (401, "bad_credentials", None)
    await site.person().log_in("ann", OTHER_PASSWORD)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"old_password": "wrong", "new_password": OTHER_PASSWORD}, (403, "wrong_password", "old_password")),
        ({"old_password": PASSWORD, "new_password": "short"}, (400, "bad_password", "new_password")),
        ({"old_password": PASSWORD, "new_password": "Ann_Smith"}, (400, "bad_password", "new_password")),
        ({"old_password": PASSWORD}, (400, "bad_body", None)),
    ],
)
async def test_bad_password_changes(site: Site, change: dict[str, str], expected: tuple[int, str, str | None]) -> None:
    """Each fault is named by its field, and nothing changes."""
    person = site.person()
    await person.register("ann_smith")
    assert refusal(await person.call("PUT", "/account/password", change)) == expected
    await site.person().log_in("ann_smith")


async def test_passwords_typed_on_different_keyboards_are_one(site: Site) -> None:
    """Composed and decomposed letters of a Cyrillic password match."""
    account = await site.person().register("ann", "мой пароль ёж")
    known = await site.person().log_in("ann", "мо\u0438\u0306 пароль \u0435\u0308ж")
    assert known["id"] == account["id"]


async def test_a_given_password_opens_one_door_only(site: Site, db: Pool) -> None:
    """An account that must change its password can see itself, change it and log out, nothing else."""
    person = site.person()
    await person.register("ann")
    await db.execute("UPDATE accounts SET must_change_password = true")
    account = await person.log_in("ann")
    assert account["must_change_password"] is True
    assert (await person.call("GET", "/account")).status_code == 200
    for method, path in (
        ("GET", "/account/sessions"),
        ("POST", "/account/sign-out-everywhere"),
        ("PUT", "/channels/ann/follow"),
        ("GET", "/admin/settings"),
    ):
        assert refusal(await person.call(method, path)) == (403, "password_change_required", None)
    same = {"old_password": PASSWORD, "new_password": PASSWORD}
    assert refusal(await person.call("PUT", "/account/password", same)) == (400, "bad_password", "new_password")
    changed = {"old_password": PASSWORD, "new_password": OTHER_PASSWORD}
    assert person.enter(await person.call("PUT", "/account/password", changed), 200)["must_change_password"] is False
    assert (await person.call("GET", "/account/sessions")).status_code == 200


async def test_sessions_show_where_they_are(site: Site) -> None:
    """Each device with its agent and address, printable whatever a client claims to be."""
    person = site.person("192.0.2.7")
    agent = {"User-Agent": "Leams/\t1 " + "x" * 500}
    body = {"name": "ann", "password": PASSWORD}
    person.enter(await person.client.post("/api/v1/auth/register", json=body, headers=agent), 201)
    (session,) = (await person.call("GET", "/account/sessions")).json()["sessions"]
    assert session["address"] == "192.0.2.7"
    assert session["user_agent"].startswith("Leams/1 xxx")
    assert len(session["user_agent"]) == 200
    assert session["created_ms"] <= session["last_used_ms"]
    assert session["current"] is True


async def test_one_device_can_be_signed_out(site: Site, redis: Redis) -> None:
    """Of one's own sessions alone."""
    here, there, stranger = site.person(), site.person(), site.person()
    await here.register("ann")
    await there.log_in("ann")
    await stranger.register("bob")
    sessions = (await here.call("GET", "/account/sessions")).json()["sessions"]
    (other,) = [session["id"] for session in sessions if not session["current"]]
    assert refusal(await stranger.call("DELETE", f"/account/sessions/{other}")) == (404, "not_found", None)
    assert (await there.call("GET", "/account")).status_code == 200
    doing = here.call("DELETE", f"/account/sessions/{other}")
    (notice,), reply = await notices_of(redis, 1, doing)
    assert notice["session_id"] == other
    assert reply.status_code == 204
    assert refusal(await there.call("GET", "/account")) == (401, "bad_token", None)
    assert (await here.call("GET", "/account")).status_code == 200
    assert refusal(await here.call("DELETE", f"/account/sessions/{other}")) == (404, "not_found", None)
    assert refusal(await here.call("DELETE", "/account/sessions/nonsense"))[0] == 404


async def test_signing_out_everywhere(site: Site, redis: Redis) -> None:
    """No session is left, this one neither, and chat hears one notice for all."""
    here, there = site.person(), site.person()
    account = await here.register("ann")
    await there.log_in("ann")
    doing = here.call("POST", "/account/sign-out-everywhere")
    notices, reply = await notices_of(redis, 1, doing)
    assert notices == [{"account_id": account["id"], "session_id": None}]
    assert reply.status_code == 204
    for person in (here, there):
        assert refusal(await person.call("GET", "/account")) == (401, "bad_token", None)
    assert refusal(await there.call("POST", "/auth/refresh")) == (401, "session_ended", None)


async def test_leaving_frees_the_name_and_keeps_nothing_personal(site: Site, db: Pool, redis: Redis) -> None:
    """The password is asked; then the name is free, the channel gone, the keys revoked, the sessions ended."""
    person, fan = site.person(), site.person()
    account = await person.register("Ann")
    await fan.register("bob")
    await fan.call("PUT", "/channels/ann/follow")
    await person.call("PATCH", "/channels/ann", {"title": "my life", "description": "about me"})
    await db.execute(
        "INSERT INTO stream_keys (channel_id, label, hash) SELECT id, 'obs', 'x' FROM channels WHERE slug = 'ann'"
    )
    wrong = await person.call("DELETE", "/account", {"password": "wrong"})
    assert refusal(wrong) == (403, "wrong_password", "password")
    doing = person.call("DELETE", "/account", {"password": PASSWORD})
    notices, reply = await notices_of(redis, 1, doing)
    assert notices == [{"account_id": account["id"], "session_id": None}]
    assert reply.status_code == 204
    assert refusal(await person.call("GET", "/account")) == (401, "bad_token", None)
    assert refusal(await fan.call("GET", "/channels/ann")) == (404, "not_found", None)
    assert (await fan.call("GET", "/account/follows")).json() == {"channels": []}
    tables = ("accounts", "channels", "stream_keys", "sessions", "refresh_tokens", "follows")
    kept = str([dict(row) for table in tables for row in await db.fetch(f"SELECT * FROM {table}")])
    for personal in ("Ann", "my life", "about me", "'obs'"):
        assert personal not in kept
    assert await db.fetchval("SELECT bool_and(revoked_at IS NOT NULL) FROM stream_keys")
    again = site.person()
    assert (await again.register("ann"))["id"] != account["id"]


async def test_leaving_takes_the_broadcast_along(site: Site, db: Pool) -> None:
    """It ends in the transaction that deletes the account: a process killed after it leaves nobody on the air."""
    person = site.person()
    await person.register("ann")
    await put_on_air(db, "ann")
    assert (await person.call("DELETE", "/account", {"password": PASSWORD})).status_code == 204
    row = await db.fetchrow(
        "SELECT b.ended_at - interval '1 second' < a.deleted_at, b.state, b.end_reason FROM broadcasts b, accounts a"
    )
    assert row is not None
    assert tuple(row) == (True, "ended", "account_disabled")


async def test_the_last_admin_cannot_leave(site: Site, db: Pool) -> None:
    """Somebody has to stay who can let others in."""
    person = site.person()
    await person.register("ann")
    await db.execute("UPDATE accounts SET site_role = 'admin'")
    reply = await person.call("DELETE", "/account", {"password": PASSWORD})
    assert refusal(reply) == (409, "last_admin", None)
    assert (await person.call("GET", "/account")).status_code == 200


async def test_ending_everything_works_while_redis_is_away(settings: Settings) -> None:
    """The doors refuse the ended session at once; only chat's notice is lost."""
    async with open_site(without_redis(settings)) as site:
        person = site.person()
        await person.register("ann")
        assert (await person.call("POST", "/account/sign-out-everywhere")).status_code == 204
        assert refusal(await person.call("GET", "/account")) == (401, "bad_token", None)
