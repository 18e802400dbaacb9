"""The admin doors: who may open them, settings, accounts, broadcasts."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from chat.keys import ACCOUNTS_CHANNEL
from server.admin.store import PAGE_ACCOUNTS
from server.db.pool import Pool
from server.settings import Settings
from tests.services.onair import put_on_air
from tests.services.people import PASSWORD, Person, Site, open_site, refusal


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with open_site(settings) as opened:
        yield opened


async def somebody(site: Site, db: Pool, name: str, role: str) -> tuple[Person, int]:
    """A signed-in account with a site role, and its id."""
    person = site.person()
    account = await person.register(name)
    await db.execute("UPDATE accounts SET site_role = $2 WHERE id = $1", account["id"], role)
    return person, account["id"]


async def test_who_may_open_which_door(site: Site, db: Pool) -> None:
    """The table decides; a role counts from the next request on, without a new token."""
    doors = [
        ("GET", "/admin/settings", None),
        ("PATCH", "/admin/settings", {"registration_open": True}),
        ("GET", "/admin/accounts", None),
        ("GET", "/admin/broadcasts", None),
        ("POST", "/admin/broadcasts/nothing/stop", None),
        ("PATCH", "/admin/accounts/999999", {"disabled": True}),
    ]
    person, _ = await somebody(site, db, "ann", "user")
    expected = {
        "user": [403, 403, 403, 403, 403, 403],
        "staff": [403, 403, 200, 200, 404, 404],
        "admin": [200, 200, 200, 200, 404, 404],
    }
    for role, statuses in expected.items():
        await db.execute("UPDATE accounts SET site_role = $1", role)
        assert [(await person.call(*door)).status_code for door in doors] == statuses, role
    assert refusal(await site.person().call("GET", "/admin/accounts")) == (401, "sign_in", None)


async def test_registration_is_closed_and_opened(site: Site, db: Pool) -> None:
    """The setting acts on the registration door at once."""
    admin, _ = await somebody(site, db, "boss", "admin")
    assert (await admin.call("GET", "/admin/settings")).json() == {"registration_open": True}
    for is_open, status in ((False, 403), (True, 201)):
        reply = await admin.call("PATCH", "/admin/settings", {"registration_open": is_open})
        assert reply.json() == {"registration_open": is_open}
        asked = {"name": "ann", "password": PASSWORD}
        assert (await site.person().call("POST", "/auth/register", asked)).status_code == status
    assert refusal(await admin.call("PATCH", "/admin/settings", {"registration_open": "no"}))[1] == "bad_body"


async def test_accounts_are_listed_in_pages(site: Site, db: Pool) -> None:
    """The newest first, each once, until there is no next; deleted ones are not listed."""
    staff, _ = await somebody(site, db, "staffer", "staff")
    await db.execute(
        "WITH made AS (INSERT INTO accounts (name, display_name, password_hash)"
        " SELECT 'person_' || n, 'person_' || n, '' FROM generate_series(1, $1) n RETURNING id, name)"
        " INSERT INTO channels (owner_account_id, slug) SELECT id, name FROM made",
        PAGE_ACCOUNTS + 10,
    )
    await db.execute("UPDATE accounts SET deleted_at = now() WHERE name = 'person_1'")
    first = (await staff.call("GET", "/admin/accounts")).json()
    second = (await staff.call("GET", f"/admin/accounts?before={first['next']}")).json()
    listed = [account["name"] for account in first["accounts"] + second["accounts"]]
    assert len(first["accounts"]) == PAGE_ACCOUNTS
    assert second["next"] is None
    assert listed == [f"person_{n}" for n in range(PAGE_ACCOUNTS + 10, 1, -1)] + ["staffer"]
    assert set(first["accounts"][0]) == {"id", "name", "site_role", "created_ms", "disabled"}


@pytest.mark.parametrize(
    ("query", "names"),
    [("STAFF", ["staffer"]), ("_%", []), ("%00", []), ("%D0%B0", []), ("er", ["other", "staffer"]), ("' OR", [])],
)
async def test_accounts_are_found_by_a_part_of_their_name(site: Site, db: Pool, query: str, names: list[str]) -> None:
    """Whatever the case, and no character of the query is special."""
    staff, _ = await somebody(site, db, "staffer", "staff")
    await somebody(site, db, "other", "user")
    reply = await staff.call("GET", f"/admin/accounts?query={query}")
    assert [account["name"] for account in reply.json()["accounts"]] == names


@pytest.mark.parametrize("query", ["before=x", "before=1&before=2", "nothing=1"])
async def test_bad_account_queries(site: Site, db: Pool, query: str) -> None:
    """A query that means nothing is refused; a cursor out of range is an empty page or the first."""
    staff, _ = await somebody(site, db, "staffer", "staff")
    assert refusal(await staff.call("GET", f"/admin/accounts?{query}")) == (400, "bad_query", None)
    assert (await staff.call("GET", "/admin/accounts?before=-5")).json()["accounts"] == []
    assert len((await staff.call("GET", f"/admin/accounts?before={10**30}")).json()["accounts"]) == 1


async def test_disabling_acts_at_once(site: Site, db: Pool, redis: Redis) -> None:
    """Sessions end, chat is told, the broadcast stops, no login; enabled again, the account is as it was."""
    staff, _ = await somebody(site, db, "staffer", "staff")
    victim, victim_id = await somebody(site, db, "ann", "user")
    await put_on_air(db, "ann")
    async with redis.pubsub() as told, asyncio.timeout(10):
        await told.subscribe(ACCOUNTS_CHANNEL)
        await told.get_message(timeout=1)
        reply = await staff.call("PATCH", f"/admin/accounts/{victim_id}", {"disabled": True})
        while not (message := await told.get_message(ignore_subscribe_messages=True, timeout=1)):
            pass
    assert json.loads(message["data"]) == {"account_id": victim_id, "session_id": None}
    assert reply.json()["disabled"] is True
    assert refusal(await victim.call("GET", "/account")) == (401, "bad_token", None)
    assert refusal(await victim.call("POST", "/auth/refresh")) == (401, "session_ended", None)
    asked = {"name": "ann", "password": PASSWORD}
    assert refusal(await victim.call("POST", "/auth/login", asked)) == (403, "account_disabled", None)
    wrong = {"name": "ann", "password": "not the password"}
    assert refusal(await victim.call("POST", "/auth/login", wrong)) == (401, "bad_credentials", None)
    row = await db.fetchrow("SELECT state, end_reason FROM broadcasts")
    assert row is not None
    assert tuple(row) == ("ended", "account_disabled")
    reply = await staff.call("PATCH", f"/admin/accounts/{victim_id}", {"disabled": False})
    assert reply.json()["disabled"] is False
    await victim.log_in("ann")


async def test_staff_do_not_rule_over_staff(site: Site, db: Pool) -> None:
    """Staff disable users only and give no roles; an admin does both; nobody disables themself."""
    staff, _ = await somebody(site, db, "staffer", "staff")
    _, other_id = await somebody(site, db, "other", "staff")
    admin, admin_id = await somebody(site, db, "boss", "admin")
    for target in (other_id, admin_id):
        reply = await staff.call("PATCH", f"/admin/accounts/{target}", {"disabled": True})
        assert refusal(reply) == (403, "forbidden", None)
    reply = await staff.call("PATCH", f"/admin/accounts/{other_id}", {"site_role": "admin"})
    assert refusal(reply) == (403, "forbidden", None)
    reply = await admin.call("PATCH", f"/admin/accounts/{other_id}", {"site_role": "user", "disabled": True})
    assert (reply.json()["site_role"], reply.json()["disabled"]) == ("user", True)
    reply = await admin.call("PATCH", f"/admin/accounts/{admin_id}", {"disabled": True})
    assert refusal(reply) == (409, "own_account", None)


async def test_there_is_always_an_admin(site: Site, db: Pool) -> None:
    """The last one can't step down; of two who step down at once one stays."""
    first, first_id = await somebody(site, db, "boss", "admin")
    reply = await first.call("PATCH", f"/admin/accounts/{first_id}", {"site_role": "user"})
    assert refusal(reply) == (409, "last_admin", None)
    second, second_id = await somebody(site, db, "boss_2", "admin")
    replies = await asyncio.gather(
        first.call("PATCH", f"/admin/accounts/{first_id}", {"site_role": "user"}),
        second.call("PATCH", f"/admin/accounts/{second_id}", {"site_role": "staff"}),
    )
    assert sorted(reply.status_code for reply in replies) == [200, 409]
    assert await db.fetchval("SELECT count(*) FROM accounts WHERE site_role = 'admin'") == 1


async def test_two_admins_cannot_disable_each_other(site: Site, db: Pool) -> None:
    """Of two who try at once one stays."""
    first, first_id = await somebody(site, db, "boss", "admin")
    second, second_id = await somebody(site, db, "boss_2", "admin")
    replies = await asyncio.gather(
        first.call("PATCH", f"/admin/accounts/{second_id}", {"disabled": True}),
        second.call("PATCH", f"/admin/accounts/{first_id}", {"disabled": True}),
    )
    assert sorted(reply.status_code == 200 for reply in replies) == [False, True]
    assert await db.fetchval("SELECT count(*) FROM accounts WHERE disabled_at IS NULL") == 1


@pytest.mark.parametrize("body", [{"disabled": "yes"}, {"site_role": "god"}, {"name": "other"}, []])
async def test_bad_account_edits(site: Site, db: Pool, body: object) -> None:
    """Wrong types and unknown fields are refused."""
    admin, admin_id = await somebody(site, db, "boss", "admin")
    assert refusal(await admin.call("PATCH", f"/admin/accounts/{admin_id}", body)) == (400, "bad_body", None)
    assert refusal(await admin.call("PATCH", f"/admin/accounts/{10**30}", {})) == (404, "not_found", None)


async def test_broadcasts_are_listed_and_stopped(site: Site, db: Pool) -> None:
    """What is on the air, and its end; a second stop finds nothing."""
    staff, _ = await somebody(site, db, "staffer", "staff")
    await somebody(site, db, "ann", "user")
    public_id = await put_on_air(db, "ann")
    (listed,) = (await staff.call("GET", "/admin/broadcasts")).json()["broadcasts"]
    assert listed.pop("since_ms") > 0
    assert listed == {
        "public_id": public_id, "channel": "ann", "state": "live", "title": "ann's channel", "viewers": 0,
    }  # fmt: skip
    assert (await staff.call("POST", f"/admin/broadcasts/{public_id}/stop")).status_code == 204
    assert await db.fetchval("SELECT end_reason FROM broadcasts") == "stopped_by_staff"
    assert (await staff.call("GET", "/admin/broadcasts")).json() == {"broadcasts": []}
    for gone in (public_id, "%00"):
        reply = await staff.call("POST", f"/admin/broadcasts/{gone}/stop")
        assert refusal(reply) == (404, "not_found", None)
