"""`python -m server admin …` on real servers: what it makes, and how it refuses."""

import dataclasses

import pytest

from media.stream_key import is_well_formed, key_hash
from server.db.pool import Pool
from server.settings import Settings
from tests.services.operator import admin
from tests.services.people import open_site, refusal


async def test_the_first_admin(settings: Settings, db: Pool) -> None:
    """The one-time password opens the account once; the command can be repeated until it was used, not after."""
    first = await admin(settings, "create-admin", "admin")
    again = await admin(settings, "create-admin", "admin")
    assert (first.status, again.status) == (0, 0), first.said + again.said
    assert first.made != again.made
    async with open_site(settings) as site:
        person = site.person()
        stale = await person.call("POST", "/auth/login", {"name": "admin", "password": first.made})
        assert refusal(stale) == (401, "bad_credentials", None)
        account = await person.log_in("admin", again.made)
        assert (account["site_role"], account["must_change_password"]) == ("admin", True)
        change = {"old_password": again.made, "new_password": "correct horse battery"}
        person.enter(await person.call("PUT", "/account/password", change), 200)
        assert (await person.call("GET", "/admin/settings")).status_code == 200
    refused = await admin(settings, "create-admin", "Admin")
    assert (refused.status, refused.made) == (1, "")
    assert "reset-password" in refused.said
    assert await db.fetchval("SELECT count(*) FROM accounts") == 1


async def test_resetting_a_password(settings: Settings) -> None:
    """The old password and every session end; the printed one opens the account once."""
    async with open_site(settings) as site:
        person = site.person()
        await person.register("ann")
        reset = await admin(settings, "reset-password", "ANN")
        assert reset.status == 0, reset.said
        assert refusal(await person.call("GET", "/account")) == (401, "bad_token", None)
        assert (await site.person().log_in("ann", reset.made))["must_change_password"] is True
    unknown = await admin(settings, "reset-password", "nobody")
    assert (unknown.status, unknown.made) == (1, "")
    assert "nobody" in unknown.said


async def test_a_channel_and_a_key_for_the_demo(settings: Settings, db: Pool) -> None:
    """The channel is made once, nobody can log in to it, and only the key's hash is kept."""
    for _ in range(2):
        assert (
            await admin(settings, "ensure-channel", "demo", "--title", "A picture", "--category", "Demo")
        ).status == 0
    assert tuple(await db.fetchrow("SELECT title, category FROM channels") or ()) == ("A picture", "Demo")
    key = await admin(settings, "stream-key", "demo", "the demo's")
    assert key.status == 0, key.said
    assert is_well_formed(key.made)
    assert await db.fetchval("SELECT hash FROM stream_keys") == key_hash(key.made)
    assert await db.fetchval("SELECT slug FROM channels") == "demo"
    async with open_site(settings) as site:
        for password in ("", "x" * 8):
            reply = await site.person().call("POST", "/auth/login", {"name": "demo", "password": password})
            assert refusal(reply) == (401, "bad_credentials", None)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "COMMAND"),
        (("nonsense",), 2, "invalid choice"),
        (("create-admin",), 2, "NAME"),
        (("create-admin", "a b"), 1, "3 to 25"),
        (("ensure-channel", "x"), 1, "3 to 25"),
        (("stream-key", "nobody", "OBS"), 1, "no channel nobody"),
        (("stream-key", "nobody", "two\nlines"), 1, "U+000A"),
        (("restore", "/nothing/there"), 3, "/nothing/there"),
    ],
)
async def test_refusals_say_what_was_expected(
    settings: Settings, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """Exit status and one line of reason, no traceback."""
    outcome = await admin(settings, *arguments)
    assert (outcome.status, outcome.made) == (status, "")
    assert said in outcome.said
    assert "Traceback" not in outcome.said


@pytest.mark.parametrize(
    "command", ["create-admin", "reset-password", "ensure-channel", "stream-key", "backup", "restore"]
)
async def test_every_command_shows_an_example(settings: Settings, command: str) -> None:
    """--help works without a server."""
    outcome = await admin(dataclasses.replace(settings, database_url=""), command, "--help")
    assert outcome.status == 0
    assert f"example: python -m server admin {command}" in outcome.made


async def test_a_database_that_is_away(settings: Settings) -> None:
    """Another exit status than a refusal, so that a script can wait and try again."""
    away = dataclasses.replace(settings, database_url="postgresql://leams@127.0.0.1:1/leams")
    outcome = await admin(away, "create-admin", "admin")
    assert outcome.status == 3
    assert "Traceback" not in outcome.said
