"""Beacons over HTTP: who is counted, what is refused, and what becomes of the figures."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from chat.ending import end
from chat.keys import room_key
from chat.presence import Counts, PresenceWriter, room_counts
from chat.shards import Shards
from chat.viewers import ADDRESS_VIEWERS_MAX, VIEWER_HOLDS_MS, note_viewer
from server.analytics.beacons import Beacons
from server.analytics.recorder import record_analytics, record_beacons, sample_viewers
from server.analytics.rules import Beacon, Tally
from server.analytics.store import delete_before
from server.analytics.stream import FIELD, STREAM, push
from server.background import JobState
from server.db.pool import Pool
from server.settings import Settings
from tests.services.onair import put_on_air
from tests.services.people import Person, Site, open_site, refusal
from tests.services.waiting import eventually
from tests.services.web import without_redis

BODY: dict[str, Any] = {
    "session": "", "broadcast": "pid-ann", "kind": "live", "event": "beat", "startup_ms": None, "played_ms": 5000,
    "stalls": 0, "stalled_ms": 0, "dropped_frames": 0, "frames": 300, "rung": "720p", "latency_ms": 1800,
}  # fmt: skip


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with open_site(settings) as opened:
        yield opened


@pytest.fixture
async def ann(site: Site, db: Pool) -> Person:
    """On air."""
    person = site.person()
    await person.register("ann")
    await put_on_air(db, "ann")
    return person


def body(session: str, **changes: object) -> dict[str, Any]:
    return {**BODY, "session": session, **changes}


async def tell(site: Site, session: str, address: str = "192.0.2.1", **changes: object) -> int:
    reply = await site.person(address).call("POST", "/beacons", body(session, **changes))
    return reply.status_code


async def shown(site: Site) -> int:
    viewers: int = (await site.person().call("GET", "/channels/ann")).json()["viewers"]
    return viewers


async def test_players_are_the_viewers_everywhere(site: Site, ann: Person, shards: Shards) -> None:
    """Sockets stand in until the first player tells of itself; one that ends is gone at once, and so is the last."""
    channel_id = (await ann.call("GET", "/channels/ann")).json()["id"]
    await PresenceWriter(shards, "test").write({channel_id: Counts(viewers=7, chatters=2)})
    assert await shown(site) == 7
    assert await tell(site, "one", event="start", startup_ms=800) == 204
    assert await tell(site, "two", "192.0.2.2") == 204
    assert await tell(site, "one") == 204
    assert await shown(site) == 2
    assert (await ann.call("GET", "/channels")).json()["channels"][0]["viewers"] == 2
    assert (await ann.call("GET", "/channels/ann/broadcast")).json()["viewers"] == 2
    assert (await room_counts(shards, [channel_id]))[channel_id] == Counts(2, 2, is_of_players=True)
    assert await tell(site, "one", event="end") == 204
    assert await tell(site, "never-began", event="end") == 204
    assert await shown(site) == 1
    assert await tell(site, "two", "192.0.2.2", event="end") == 204
    assert await shown(site) == 0, "nobody watches, whoever chats"
    assert await tell(site, "two", "192.0.2.2") == 204
    assert await shown(site) == 1, "and comes back"


async def test_who_falls_silent_is_forgotten(site: Site, ann: Person, shards: Shards, redis: Redis) -> None:
    """After fifteen seconds it is not counted, and the next beat of anybody tidies it away, with its address."""
    channel_id = (await ann.call("GET", "/channels/ann")).json()["id"]
    viewers, addresses = room_key(channel_id, "viewers"), room_key(channel_id, "addresses")
    for number in range(3):
        assert await tell(site, f"s{number}", f"192.0.2.{number}") == 204
    old = int(time.time() * 1000) - VIEWER_HOLDS_MS - 1
    silent: Any = (await redis.zrange(viewers, 0, 0))[0]
    await redis.zadd(viewers, {silent: old})
    assert await shown(site) == 2
    assert await tell(site, "s9", "192.0.2.9") == 204
    assert await redis.zscore(viewers, silent) is None
    assert await redis.hlen(addresses) == await redis.zcard(viewers) == 3
    await redis.zadd(viewers, {b"ahead:x": old + 3_600_000})
    assert await shown(site) == 3, "nor is one of a clock that was ahead"
    assert 0 < await redis.pttl(viewers) <= 600_000


async def test_one_address_counts_for_so_many(shards: Shards) -> None:
    """Beyond them nobody of it is counted, until one of them goes; other addresses are free to come."""
    room = 7
    for number in range(ADDRESS_VIEWERS_MAX):
        assert await note_viewer(shards, room, "a", f"s{number}", is_over=False)
    assert not await note_viewer(shards, room, "a", "one-more", is_over=False)
    assert await note_viewer(shards, room, "a", "s0", is_over=False), "who is counted already stays"
    assert await note_viewer(shards, room, "b", "one-more", is_over=False)
    assert (await room_counts(shards, [room]))[room].viewers == ADDRESS_VIEWERS_MAX + 1
    assert await note_viewer(shards, room, "a", "s0", is_over=True)
    assert await note_viewer(shards, room, "b", "one-more", is_over=False), "a beat tidies"
    assert await note_viewer(shards, room, "a", "one-more", is_over=False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"broadcast": "nothing"}, (404, "not_found")),
        ({"broadcast": "../../x"}, (400, "bad_body")),
        ({"session": "a:b"}, (400, "bad_body")),
        ({"event": "pause"}, (400, "bad_body")),
        ({"played_ms": -1}, (400, "bad_body")),
        ({"frames": 1e99}, (400, "bad_body")),
        ({"extra": 1}, (400, "bad_body")),
        ({"session": "x" * 5000}, (413, "body_too_large")),
    ],
)
async def test_bad_beacons(site: Site, ann: Person, changes: dict[str, Any], expected: tuple[int, str]) -> None:
    """Refused in the one shape, and counted nowhere."""
    assert refusal(await ann.call("POST", "/beacons", {**body("one"), **changes}))[:2] == expected
    assert await shown(site) == 0


async def test_what_is_not_json_from_a_page_is_refused(site: Site, ann: Person) -> None:
    """Another site's page may send text, which is not taken; nonsense is refused too."""
    client = ann.client
    reply = await client.post(
        "/api/v1/beacons",
        content=json.dumps(body("one")),
        headers={"Origin": "http://x.test", "Content-Type": "text/plain"},
    )
    assert refusal(reply)[:2] == (415, "bad_content_type")
    assert refusal(await client.post("/api/v1/beacons", content=b"\xff\x00{"))[:2] == (400, "bad_body")
    reply = await client.post(
        "/api/v1/beacons",
        content=json.dumps(body("one")),
        headers={"Origin": "http://leams.test", "Content-Type": "application/json"},
    )
    assert reply.status_code == 204, "as a browser's sendBeacon does it"


async def test_a_flood_from_one_address_is_turned_away(site: Site, ann: Person) -> None:
    """By this process alone, without asking anybody."""
    guest = site.person("198.51.100.7")
    answers = {(await guest.call("POST", "/beacons", {})).status_code for _ in range(1700)}
    assert answers == {400, 429}
    assert await tell(site, "one") == 204


async def test_unknown_broadcasts_cost_one_look_up(ann: Person, db: Pool, redis: Redis, shards: Shards) -> None:
    """In a second, however many ask; what is new is known soon, and what was known stays while Postgres is away."""
    now = [1000.0]
    beacons = Beacons(db, redis, shards, clock=lambda: now[0])

    async def answers(*broadcasts: str) -> list[int]:
        taken = (beacons.take(_beacon(broadcast), "192.0.2.1") for broadcast in broadcasts)
        return [getattr(one, "status", 204) for one in await asyncio.gather(*taken, return_exceptions=True)]

    assert await answers(*(secrets.token_hex(9) for _ in range(20)), "pid-ann") == [404] * 20 + [204]
    await db.execute("UPDATE broadcasts SET public_id = 'pid-new'")
    assert await answers("pid-new", "pid-ann") == [404, 204], "nobody looked again"
    await db.execute("ALTER TABLE broadcasts RENAME TO away")
    now[0] += 60
    assert await answers("pid-new", "pid-ann") == [404, 204], "what was known is true until somebody knows better"
    await db.execute("ALTER TABLE away RENAME TO broadcasts")
    now[0] += 1
    assert await answers("pid-new") == [204]
    assert await answers("pid-ann") == [404]


async def test_figures_end_up_in_their_minute_once(
    site: Site, ann: Person, db: Pool, redis: Redis, shards: Shards
) -> None:
    """Through the stream, whatever is recorded twice or killed between; only the owner and staff see them."""
    assert await tell(site, "one", event="start", startup_ms=800, played_ms=0) == 204
    for _ in range(3):
        assert await tell(site, "one", stalls=1, stalled_ms=1000) == 204

    async def is_in_stream() -> bool:
        entries: Any = await redis.xrange(STREAM)
        return bool(sum(json.loads(fields[FIELD])["tally"]["played_ms"] for _, fields in entries) == 15_000)

    await eventually(is_in_stream, "the figures to be pushed")
    await redis.xadd(STREAM, {FIELD: b"{nonsense"})
    await push(redis, {("no-such-broadcast", 5): Tally(starts=1)})
    async with db.acquire() as connection:
        for _ in range(3):
            assert not await record_beacons(connection, redis)
        for _ in range(2):
            await sample_viewers(connection, shards, time.time())
    assert await redis.xlen(STREAM) == 1, "what is recorded is dropped, but for the last"
    path = "/channels/ann/broadcasts/pid-ann/analytics"
    told = (await ann.call("GET", path)).json()
    assert told["totals"]["starts"] == 1
    assert told["totals"]["stalls"] == 3
    assert (told["totals"]["played_ms"], told["totals"]["stalled_ms"]) == (15_000, 3000)
    assert told["totals"]["viewers_max"] == 1
    assert told["totals"]["rungs_ms"] == {"720p": 15_000}
    assert sum(told["rungs_ms"]["720p"]) == sum(told["played_ms"]) == 15_000
    assert max(told["viewers_avg"]) == 1.0
    assert refusal(await site.person().call("GET", path))[:2] == (401, "sign_in")
    other = site.person()
    await other.register("bob")
    assert refusal(await other.call("GET", path))[:2] == (403, "forbidden")
    assert refusal(await ann.call("GET", "/channels/ann/broadcasts/other/analytics"))[:2] == (404, "not_found")
    assert refusal(await ann.call("GET", "/channels/none/broadcasts/pid-ann/analytics"))[:2] == (404, "not_found")
    await db.execute("UPDATE accounts SET site_role = 'staff' WHERE name = 'bob'")
    assert (await other.call("GET", path)).status_code == 200


async def test_the_part_records_by_itself(
    site: Site, ann: Person, settings: Settings, db: Pool, redis: Redis, shards: Shards
) -> None:
    """What players told and how many watch, also when another process waits to take over."""
    assert await tell(site, "one", event="start", startup_ms=800) == 204
    parts = [asyncio.create_task(record_analytics(JobState(settings, db, redis, shards))) for _ in range(2)]

    async def is_recorded() -> bool:
        query = "SELECT sum(starts) = 1 AND sum(viewers_max) >= 1 FROM broadcast_minutes"
        return bool(await db.fetchval(query))

    try:
        await eventually(is_recorded, "the minute")
    finally:
        await end(parts)
    assert (await ann.call("GET", "/channels/ann/broadcasts/pid-ann/analytics")).json()["totals"]["starts"] == 1


async def test_sums_add_up_over_batches(ann: Person, db: Pool, redis: Redis) -> None:
    """Two batches of a minute are one row; another stream, by a clock that is behind, is read from its beginning."""
    tally = Tally()
    tally.add(_beacon("pid-ann"))
    async with db.acquire() as connection:
        for _ in range(2):
            await push(redis, {("pid-ann", 29_000_000): tally})
            assert not await record_beacons(connection, redis)
        await redis.delete(STREAM)
        assert not await record_beacons(connection, redis), "lost: nothing to record"
        await redis.xadd(
            STREAM, {FIELD: json.dumps({"broadcast": "pid-ann", "minute": 29_000_000, "tally": {"ends": 4}})}, id="5-1"
        )
        assert not await record_beacons(connection, redis)
        row = await connection.fetchrow("SELECT * FROM broadcast_minutes")
        assert row is not None
        assert (row["played_ms"], row["ends"], sum(row["latency"]), max(row["rungs_ms"])) == (10_000, 4, 2, 10_000)
        assert await delete_before(connection, time.time(), 1, 10) == 1
        assert await delete_before(connection, time.time(), 1, 10) == 0


async def test_without_redis_players_are_not_told(settings: Settings, db: Pool) -> None:
    """The door takes what it is told; nobody is counted, nothing breaks."""
    async with open_site(without_redis(settings)) as site:
        await db.execute("INSERT INTO accounts (name, display_name, password_hash) VALUES ('ann', 'ann', '')")
        await db.execute("INSERT INTO channels (owner_account_id, slug) SELECT id, name FROM accounts")
        await put_on_air(db, "ann")
        assert await tell(site, "one") == 204


async def test_what_could_not_be_pushed_waits(settings: Settings, db: Pool, redis: Redis, shards: Shards) -> None:
    """A Redis that is away gets it when it is back, up to a number of minutes."""
    beacons = Beacons(db, redis, shards)
    await redis.set(STREAM, "in the way")
    await put_on_air_of_nobody(db)
    await beacons.take(_beacon("pid-ann"), "192.0.2.1")
    await beacons.push()
    await beacons.take(_beacon("pid-ann"), "192.0.2.1")
    await redis.delete(STREAM)
    await beacons.push()
    entries: Any = await redis.xrange(STREAM)
    assert sum(json.loads(fields[FIELD])["tally"]["played_ms"] for _, fields in entries) == 10_000


async def put_on_air_of_nobody(db: Pool) -> None:
    await db.execute("INSERT INTO accounts (name, display_name, password_hash) VALUES ('ann', 'ann', '')")
    await db.execute("INSERT INTO channels (owner_account_id, slug) SELECT id, name FROM accounts")
    await put_on_air(db, "ann")


def _beacon(broadcast: str) -> Beacon:
    return Beacon(**body("one", broadcast=broadcast))
