"""The auth doors: register, log in, refresh, log out, on real Postgres and Redis."""

import asyncio
import dataclasses
import json
import time
from collections.abc import AsyncIterator

import httpx
import jwt
import pytest
from redis.asyncio import Redis

from chat.keys import ACCOUNTS_CHANNEL
from server.auth.sessions import token_hash
from server.db.pool import Pool
from server.settings import Settings
from tests.services.people import PASSWORD, Person, Site, open_site, refusal
from tests.services.web import without_redis


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with open_site(settings) as opened:
        yield opened


async def test_registration_makes_an_account_and_its_channel(site: Site) -> None:
    """One call gives an account, a channel by the lower-case name, and a session."""
    person = site.person()
    account = await person.register("Ann_1")
    assert account["name"] == account["display_name"] == "Ann_1"
    assert account["channel"] == "ann_1"
    assert account["site_role"] == "user"
    assert account["must_change_password"] is False
    assert abs(account["created_ms"] / 1000 - time.time()) < 60
    assert (await person.call("GET", "/account")).json() == account


async def test_the_cookie_is_for_the_auth_doors_alone(settings: Settings) -> None:
    """HttpOnly, SameSite=Strict, the auth path, thirty days; Secure exactly when people come over TLS."""
    async with open_site(settings) as site:
        reply = await site.person().call("POST", "/auth/register", {"name": "ann", "password": PASSWORD})
        cookie = reply.headers["set-cookie"].lower()
        for part in ("httponly", "samesite=strict", "path=/api/v1/auth", "max-age=2592000"):
            assert part in cookie
        assert "secure" not in cookie
        assert reply.headers["cache-control"] == "no-store"
    async with open_site(dataclasses.replace(settings, public_url="https://leams.test")) as site:
        reply = await site.person().call("POST", "/auth/login", {"name": "ann", "password": PASSWORD})
        assert "; secure" in reply.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("name", "password", "expected"),
    [
        ("an", PASSWORD, (400, "bad_name", "name")),
        ("a" * 26, PASSWORD, (400, "bad_name", "name")),
        ("ann\n", PASSWORD, (400, "bad_name", "name")),
        ("an\u0000n", PASSWORD, (400, "bad_name", "name")),
        ("ann\u202e", PASSWORD, (400, "bad_name", "name")),
        ("анна", PASSWORD, (400, "bad_name", "name")),
        ("Admin", PASSWORD, (409, "name_taken", "name")),
        ("ann", "short", (400, "bad_password", "password")),
        ("ann", "x" * 201, (400, "bad_password", "password")),
        ("ann", "with a\u0007bell", (400, "bad_password", "password")),
        ("annannann", "ANNannANN", (400, "bad_password", "password")),
        (5, PASSWORD, (400, "bad_body", None)),
        ("ann", None, (400, "bad_body", None)),
    ],
)
async def test_bad_names_and_passwords_are_refused(
    site: Site, name: object, password: object, expected: tuple[int, str, str | None]
) -> None:
    """Each faulty input is named by its field."""
    reply = await site.person().call("POST", "/auth/register", {"name": name, "password": password})
    assert refusal(reply) == expected


async def test_a_taken_name_is_refused_whatever_its_case(site: Site) -> None:
    """Names that differ by case are one name."""
    await site.person().register("Ann")
    reply = await site.person().call("POST", "/auth/register", {"name": "aNN", "password": PASSWORD})
    assert refusal(reply) == (409, "name_taken", "name")


async def test_one_of_two_registrations_at_once_gets_the_name(site: Site, db: Pool) -> None:
    """The database decides; the other is told, and no half account is left."""
    asked = {"name": "ann", "password": PASSWORD}
    replies = await asyncio.gather(*(site.person().call("POST", "/auth/register", asked) for _ in range(4)))
    assert sorted(reply.status_code for reply in replies) == [201, 409, 409, 409]
    assert await db.fetchval("SELECT count(*) FROM accounts") == 1
    assert await db.fetchval("SELECT count(*) FROM channels") == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", (400, "bad_body", None)),
        (b"{", (400, "bad_body", None)),
        (b"[]", (400, "bad_body", None)),
        (b'{"name": "\xff\xfe", "password": "correct horse"}', (400, "bad_body", None)),
        (b'{"name": "\\ud800ann", "password": "correct horse"}', (400, "bad_body", None)),
        (b'{"name": "ann", "password": "correct horse", "site_role": "admin"}', (400, "bad_body", None)),
        (b'{"name": "' + b"a" * 1_000_000 + b'", "password": "x"}', (413, "body_too_large", None)),
        (b"[" * 60_000, (400, "bad_body", None)),
    ],
)
async def test_bodies_that_are_no_registration(
    site: Site, content: bytes, expected: tuple[int, str, str | None]
) -> None:
    """Empty, torn, wrongly typed, not UTF-8, a megabyte, deeply nested: each a typed refusal."""
    reply = await site.person().client.post("/api/v1/auth/register", content=content)
    assert refusal(reply) == expected


async def test_registration_can_be_closed(site: Site, db: Pool) -> None:
    """A closed site says so and takes nobody."""
    person = site.person()
    assert (await person.call("GET", "/auth/registration")).json() == {"open": True}
    await db.execute("UPDATE site_settings SET registration_open = false")
    assert (await person.call("GET", "/auth/registration")).json() == {"open": False}
    reply = await person.call("POST", "/auth/register", {"name": "ann", "password": PASSWORD})
    assert refusal(reply) == (403, "registration_closed", None)


async def test_passwords_are_kept_as_argon2id_alone(site: Site, db: Pool) -> None:
    """The database holds neither a password nor a usable refresh token."""
    person = site.person()
    await person.register("ann")
    assert str(await db.fetchval("SELECT password_hash FROM accounts")).startswith("$argon2id$")
    assert person.refresh_token is not None
    assert await db.fetchval("SELECT hash FROM refresh_tokens") == token_hash(person.refresh_token)


@pytest.mark.parametrize("name", ["ann", "nobody", "", "an\u0000n", "x" * 5000])
async def test_a_failed_login_does_not_say_why(site: Site, name: str) -> None:
    """A wrong password, an unknown name and an impossible one get the same reply."""
    await site.person().register("ann")
    reply = await site.person().call("POST", "/auth/login", {"name": name, "password": "not the password"})
    assert refusal(reply) == (401, "bad_credentials", None)
    assert "set-cookie" not in reply.headers


async def test_an_account_without_a_password_cannot_be_entered(site: Site, db: Pool) -> None:
    """An empty hash matches nothing."""
    await site.person().register("ann")
    await db.execute("UPDATE accounts SET password_hash = ''")
    reply = await site.person().call("POST", "/auth/login", {"name": "ann", "password": PASSWORD})
    assert refusal(reply) == (401, "bad_credentials", None)


async def test_access_tokens_are_signed_as_the_contract_says(site: Site) -> None:
    """Anybody can check a token with the published keys alone."""
    person = site.person()
    account = await person.register("Ann")
    assert person.token is not None
    keys = jwt.PyJWKSet.from_dict((await person.client.get("/.well-known/jwks.json")).json())
    header = jwt.get_unverified_header(person.token)
    claims = jwt.decode(person.token, keys[header["kid"]].key, algorithms=["EdDSA"], issuer="leams")
    assert claims["sub"] == str(account["id"])
    assert (claims["name"], claims["role"]) == ("Ann", "user")
    assert claims["exp"] - claims["iat"] == 600
    sessions = (await person.call("GET", "/account/sessions")).json()["sessions"]
    assert [session["id"] for session in sessions] == [claims["sid"]]


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer a.b.c", "Bearer " + "x" * 5000, "Bearer é.é.é"])
async def test_tokens_that_are_not_ours_are_refused(site: Site, header: str) -> None:
    """Garbage is no token."""
    reply = await site.person().client.get("/api/v1/account", headers={b"Authorization": header.encode()})
    assert refusal(reply) == (401, "bad_token", None)


async def test_without_a_token_one_is_asked_to_sign_in(site: Site) -> None:
    """No header, another scheme, an empty one."""
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}):
        reply = await site.person().client.get("/api/v1/account", headers=headers)
        assert refusal(reply) == (401, "sign_in", None)


async def test_refreshing_rotates_the_token(site: Site) -> None:
    """Each refresh gives another refresh token and an access token of the same session."""
    person = site.person()
    account = await person.register("ann")
    first = person.refresh_token
    assert person.enter(await person.call("POST", "/auth/refresh"), 200) == account
    assert person.refresh_token not in {None, first}
    assert person.enter(await person.call("POST", "/auth/refresh"), 200) == account
    assert len((await person.call("GET", "/account/sessions")).json()["sessions"]) == 1


async def test_a_refresh_token_used_twice_ends_the_session(site: Site, redis: Redis) -> None:
    """Both holders of a stolen token are out, at once, and chat is told."""
    victim, other_device = site.person(), site.person()
    account = await victim.register("ann")
    await other_device.log_in("ann")
    stolen = victim.refresh_token
    victim.enter(await victim.call("POST", "/auth/refresh"), 200)
    async with redis.pubsub() as told:
        await told.subscribe(ACCOUNTS_CHANNEL)
        thief = site.person()
        thief.client.cookies.set("leams_refresh", stolen or "", domain="leams.test", path="/api/v1/auth")
        assert refusal(await thief.call("POST", "/auth/refresh")) == (401, "token_reused", None)
        notice = await next_notice(told)
    assert notice["account_id"] == account["id"]
    assert notice["session_id"] == jwt.decode(victim.token or "", options={"verify_signature": False})["sid"]
    assert refusal(await victim.call("GET", "/account")) == (401, "bad_token", None)
    assert refusal(await victim.call("POST", "/auth/refresh")) == (401, "session_ended", None)
    assert (await other_device.call("GET", "/account")).status_code == 200


async def test_two_refreshes_at_once_are_two_uses(site: Site) -> None:
    """Exactly one of two strangers gets a token, and the session does not outlive it."""
    first = site.person()
    await first.register("ann")
    second = site.person()
    second.client.cookies.set("leams_refresh", first.refresh_token or "", domain="leams.test", path="/api/v1/auth")
    replies = await asyncio.gather(*(person.call("POST", "/auth/refresh") for person in (first, second)))
    assert sorted(reply.status_code for reply in replies) == [200, 401]
    assert refusal(await first.call("GET", "/account")) == (401, "bad_token", None)


async def test_the_same_attempt_may_be_repeated(site: Site, db: Pool) -> None:
    """A lost reply costs nothing: for a minute, who used the token may repeat that attempt by its secret name."""
    person = site.person()
    await person.register("ann")
    old = person.refresh_token or ""
    person.enter(await person.call("POST", "/auth/refresh", X_Leams_Attempt="attempt-number-one"), 200)
    person.client.cookies.set("leams_refresh", old, domain="leams.test", path="/api/v1/auth")
    person.enter(await person.call("POST", "/auth/refresh", X_Leams_Attempt="attempt-number-one"), 200)
    assert (await person.call("GET", "/account")).status_code == 200
    await db.execute("UPDATE refresh_tokens SET used_at = used_at - interval '61 s' WHERE used_at IS NOT NULL")
    person.client.cookies.clear()
    person.client.cookies.set("leams_refresh", old, domain="leams.test", path="/api/v1/auth")
    again = await person.call("POST", "/auth/refresh", X_Leams_Attempt="attempt-number-one")
    assert refusal(again) == (401, "token_reused", None)


async def test_another_attempt_is_a_second_use(site: Site) -> None:
    """Who holds the token but not the attempt's name is a stranger."""
    person = site.person()
    await person.register("ann")
    old = person.refresh_token or ""
    person.enter(await person.call("POST", "/auth/refresh", X_Leams_Attempt="attempt-number-one"), 200)
    thief = site.person()
    thief.client.cookies.set("leams_refresh", old, domain="leams.test", path="/api/v1/auth")
    reply = await thief.call("POST", "/auth/refresh", X_Leams_Attempt="attempt-number-two")
    assert refusal(reply) == (401, "token_reused", None)
    assert refusal(await person.call("POST", "/auth/refresh", X_Leams_Attempt="too short")) == (
        400,
        "bad_attempt",
        None,
    )


async def test_refresh_tokens_end_after_thirty_days(site: Site, db: Pool) -> None:
    """A token past its time is a session that has ended."""
    person = site.person()
    await person.register("ann")
    await db.execute("UPDATE refresh_tokens SET expires_at = now()")
    assert refusal(await person.call("POST", "/auth/refresh")) == (401, "session_ended", None)


async def test_cookie_doors_want_a_header_no_form_can_send(site: Site) -> None:
    """A page of another site can neither refresh nor log out."""
    person = site.person()
    await person.register("ann")
    for door in ("refresh", "logout"):
        reply = await person.client.post(f"/api/v1/auth/{door}")
        assert refusal(reply) == (403, "header_missing", None)
    assert refusal(await site.person().call("POST", "/auth/refresh")) == (401, "sign_in", None)


async def test_logging_out_ends_the_session_at_once(site: Site, redis: Redis) -> None:
    """The access token is worth nothing from the next request on; a second log-out is no error."""
    person = site.person()
    account = await person.register("ann")
    async with redis.pubsub() as told:
        await told.subscribe(ACCOUNTS_CHANNEL)
        reply = await person.call("POST", "/auth/logout")
        assert (await next_notice(told))["account_id"] == account["id"]
    assert reply.status_code == 204
    assert person.refresh_token is None
    assert refusal(await person.call("GET", "/account")) == (401, "bad_token", None)
    assert (await person.call("POST", "/auth/logout")).status_code == 204


async def test_guessing_a_password_is_slow(site: Site) -> None:
    """Ten tries a minute at one name, from wherever, then a 429 with the seconds to wait."""
    await site.person().register("ann")
    wrong = {"name": "ann", "password": "not the password"}
    replies = [await site.person(f"198.51.100.{n}").call("POST", "/auth/login", wrong) for n in range(11)]
    # the minute may turn while the test runs: then one reply more is a 401
    refused = [reply for reply in replies if reply.status_code == 429]
    if not refused:
        refused = [await over_limit(site.person(), wrong)]
    assert 0 < refused[0].json()["error"]["retry_after_seconds"] <= 60
    assert int(refused[0].headers["retry-after"]) >= 1
    assert refusal(refused[0])[1] == "too_many_tries"


async def over_limit(person: Person, body: dict[str, str]) -> httpx.Response:
    """Try until the limit answers."""
    for _ in range(25):
        reply = await person.call("POST", "/auth/login", body)
        if reply.status_code == 429:
            return reply
    raise AssertionError("the limit never answered")


async def test_registrations_are_limited_by_address(site: Site) -> None:
    """One address makes ten accounts an hour; the machine itself makes many more."""
    person = site.person("203.0.113.9")
    for n in range(25):
        reply = await person.call("POST", "/auth/register", {"name": f"guest_{n}", "password": PASSWORD})
        if reply.status_code != 201:
            break
    assert refusal(reply) == (429, "too_many_tries", None)
    await site.person("127.0.0.1").register("operator_1")


async def test_people_come_in_while_redis_is_away(settings: Settings) -> None:
    """No Redis: registering, logging in, refreshing and logging out all work, within a second or two."""
    async with open_site(without_redis(settings)) as site:
        person = site.person()
        await person.register("ann")
        person.enter(await person.call("POST", "/auth/refresh"), 200)
        assert (await person.call("GET", "/account")).status_code == 200
        started = time.monotonic()
        assert (await person.call("POST", "/auth/logout")).status_code == 204
        assert time.monotonic() - started < 2
        await person.log_in("ann")


async def test_processes_share_their_keys(settings: Settings) -> None:
    """Processes on one database sign with one key, and a token of one stands with the other."""
    async with open_site(settings) as one, open_site(settings) as two:
        person, elsewhere = one.person(), two.person()
        await person.register("ann")
        elsewhere.token = person.token
        assert (await elsewhere.call("GET", "/account")).status_code == 200
        first, second = [(await someone.client.get("/.well-known/jwks.json")).json() for someone in (person, elsewhere)]
        assert first == second
        assert len(first["keys"]) == 1


async def test_a_new_key_is_found_by_running_processes(settings: Settings, db: Pool) -> None:
    """A token under a kid nobody here has seen makes the process read the keys again."""
    async with open_site(settings) as old:
        watcher = old.person()
        await watcher.register("ann")
        await db.execute("UPDATE signing_keys SET retired_at = now()")
        async with open_site(settings) as new:
            person = new.person()
            await person.log_in("ann")
            elsewhere = old.person()
            elsewhere.token = person.token
            assert (await elsewhere.call("GET", "/account")).status_code == 200
            assert (await watcher.call("GET", "/account")).status_code == 200, "a retired key still verifies"


async def next_notice(told: "object") -> dict[str, object]:
    """The next message on the accounts channel."""
    async with asyncio.timeout(5):
        while True:
            message = await told.get_message(ignore_subscribe_messages=True, timeout=1)  # type: ignore[attr-defined]  # redis' PubSub is not exported with types
            if message:
                notice: dict[str, object] = json.loads(message["data"])
                return notice


async def test_a_form_on_another_site_logs_nobody_in(site: Site) -> None:
    """A browser names the page it sends from; then only what is called JSON is read, which no form can send."""
    person = site.person()
    await person.register("ann")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
        reply = await person.client.post(
            "/api/v1/auth/login",
            content=json.dumps({"name": "ann", "password": PASSWORD}),
            headers={"Origin": "http://evil.test", "Content-Type": kind},
        )
        assert refusal(reply) == (415, "bad_content_type", None)
        assert "set-cookie" not in reply.headers
