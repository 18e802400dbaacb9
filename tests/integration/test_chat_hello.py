"""Who says hello: many look-ups in one query, tickets on every process, and a database that is away."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chat.audience import Identity
from chat.session import TokenExpiredError, TokenRefusedError
from chat.tickets import Claims
from chat.wire import Hello
from server import chat_store
from server.auth.sessions import standings
from server.auth.signing_keys import AccessTokens
from server.auth.tokens import Keyring, SigningKey
from server.chat_store import LookUps, Turnstile
from server.db.pool import Pool, open_pool
from tests.services.chat import Account, People, chat_client, web_process


@pytest.fixture
async def tokens(db: Pool) -> AccessTokens:
    return await AccessTokens.load(db)


@pytest.fixture
async def people(db: Pool, tokens: AccessTokens) -> People:
    return People(db, tokens)


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sessions each look-up asked for."""
    asked: list[int] = []

    async def counted(connection: Any, session_ids: list[str]) -> Any:
        asked.append(len(session_ids))
        return await standings(connection, session_ids)

    monkeypatch.setattr(chat_store, "standings", counted)
    return asked


@pytest.fixture
async def turnstile(db: Pool, tokens: AccessTokens) -> Turnstile:
    return Turnstile(db, tokens)


def claims_of(account: Account) -> Claims:
    return Claims(account.id, account.name, account.session_id, int(time.time()) + 600)


async def ticket_of(turnstile: Turnstile, account: Account) -> str:
    """What `welcome` gives to who came with a token."""
    return turnstile.ticket(await turnstile.identify(Hello(1, account.token)))


async def test_a_storm_of_hellos_asks_once(queries: list[int], people: People, turnstile: Turnstile) -> None:
    """A hundred tokens at once are one query, and everybody gets their own answer."""
    accounts = [await people.join() for _ in range(20)]
    await people.db.execute("UPDATE accounts SET disabled_at = now() WHERE id = $1", accounts[3].id)
    await people.db.execute("UPDATE sessions SET revoked_at = now() WHERE id = $1", accounts[4].session_id)
    asked = [turnstile.identify(Hello(1, account.token)) for account in accounts * 5]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for number, answer in enumerate(answers):
        account = accounts[number % 20]
        if account in accounts[3:5]:
            assert isinstance(answer, TokenRefusedError)
        else:
            assert isinstance(answer, Identity)
            assert (answer.account_id, answer.name, answer.session_id) == (account.id, account.name, account.session_id)
    assert queries == [20]


async def test_who_comes_right_after_waits_for_the_next_query(
    db: Pool, queries: list[int], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within 20 ms of one query the others gather for the next; here longer, for a machine that is busy elsewhere."""
    monkeypatch.setattr(chat_store, "GATHER_SECONDS", 0.5)
    look_ups = LookUps(db)
    accounts = [await people.join() for _ in range(3)]
    await look_ups.ask(claims_of(accounts[0]))
    second = look_ups.ask(claims_of(accounts[1]))
    await asyncio.sleep(0)
    third = look_ups.ask(claims_of(accounts[2]))
    await asyncio.gather(second, third)
    assert queries == [1, 2]


async def test_who_left_meanwhile_harms_nobody(people: People, turnstile: Turnstile) -> None:
    """A cancelled look-up leaves the others of its query alone."""
    one, other = await people.join(), await people.join()
    gone, stays = turnstile.identify(Hello(1, one.token)), turnstile.identify(Hello(1, other.token))
    gone.cancel()
    assert (await stays).account_id == other.id


async def test_nobody_waits_longer_than_a_second_for_postgres(database_url: str, people: People) -> None:
    """With every connection taken a hello is told to try again."""
    account = await people.join()
    async with open_pool(database_url, size=1) as narrow, narrow.acquire():
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await LookUps(narrow).ask(claims_of(account))
        assert time.monotonic() - started < 2


async def test_a_ticket_stands_on_every_process(db: Pool, people: People, turnstile: Turnstile) -> None:
    """Its session is asked for, and so is the site role of this moment."""
    account = await people.join()
    ticket = await ticket_of(turnstile, account)
    other = Turnstile(db, await AccessTokens.load(db))
    identity = await other.identify(Hello(1, ticket=ticket))
    assert (identity.account_id, identity.name, identity.session_id) == (account.id, account.name, account.session_id)
    assert identity.is_staff is False
    assert abs(identity.expires_at - (time.time() + 600)) < 60, "it ends with the token"
    await db.execute("UPDATE accounts SET site_role = 'staff' WHERE id = $1", account.id)
    assert (await other.identify(Hello(1, ticket=ticket))).is_staff is True
    await db.execute("UPDATE sessions SET revoked_at = now() WHERE id = $1", account.session_id)
    with pytest.raises(TokenRefusedError):
        await other.identify(Hello(1, ticket=ticket))


async def test_a_ticket_that_does_not_stand_asks_for_the_token(people: People, turnstile: Turnstile) -> None:
    """Invented or over; with the token beside it that is looked at instead."""
    account = await people.join()
    over = turnstile.ticket(Identity(account.id, account.name, account.session_id, time.time() - 1))
    for ticket in ("invented", over):
        with pytest.raises(TokenExpiredError):
            await turnstile.identify(Hello(1, ticket=ticket))
        assert (await turnstile.identify(Hello(1, account.token, ticket=ticket))).account_id == account.id


async def test_tickets_rotate_with_the_signing_keys(db: Pool, people: People, turnstile: Turnstile) -> None:
    """What the retired key issued stands on; what the new one issues is unknown until a token brings the new key."""
    account = await people.join()
    old_ticket = await ticket_of(turnstile, account)
    key = SigningKey("newer", Ed25519PrivateKey.generate())
    await db.execute("UPDATE signing_keys SET retired_at = now()")
    await db.execute("INSERT INTO signing_keys (kid, private_pem) VALUES ($1, $2)", key.kid, key.pem)
    tokens = await AccessTokens.load(db)
    newer, newcomer = Turnstile(db, tokens), await People(db, tokens).join()
    assert (await newer.identify(Hello(1, ticket=old_ticket))).account_id == account.id
    new_ticket = await ticket_of(newer, newcomer)
    with pytest.raises(TokenExpiredError):
        await turnstile.identify(Hello(1, ticket=new_ticket))
    assert (await turnstile.identify(Hello(1, newcomer.token))).account_id == newcomer.id
    assert (await turnstile.identify(Hello(1, ticket=new_ticket))).account_id == newcomer.id
    assert turnstile.ticket(await turnstile.identify(Hello(1, newcomer.token))).startswith("newer.")


async def test_tokens_that_do_not_stand(people: People, turnstile: Turnstile) -> None:
    """Expired is worth a renewal; forged, or of a key that nobody knows, is not."""
    late = await people.join(lasts_seconds=-1)
    with pytest.raises(TokenExpiredError):
        await turnstile.identify(Hello(1, late.token))
    with pytest.raises(TokenRefusedError):
        await turnstile.identify(Hello(1, late.token[:-8] + "AAAAAAAA"))
    stranger = AccessTokens(people.db, Keyring([SigningKey("nobody", Ed25519PrivateKey.generate())]))
    with pytest.raises(TokenRefusedError):
        await turnstile.identify(Hello(1, (await People(people.db, stranger).join()).token))


async def test_over_the_wire(database_url: str, redis_url: str, tmp_path: Path, people: People) -> None:
    """Welcome brings a ticket, the next socket comes in with it and gets another; a bad one costs a round trip."""
    with web_process(database_url, redis_url, tmp_path) as web:
        account = await people.join()
        async with chat_client(web.port) as first:
            welcome = await first.hello(account)
        assert welcome["ticket"]
        async with chat_client(web.port) as second:
            refused = await second.ask("hello", ticket="invented")
            assert refused["code"] == "token_expired"
            again = await second.ask("hello", ticket=welcome["ticket"])
            assert again["account"] == {"id": account.id, "name": account.name}
            assert again["expires_in_seconds"] <= welcome["expires_in_seconds"]
            assert again["ticket"]
            assert "ticket" not in await second.ask("hello")
