"""Figures over time: reports go in, charts come out, of an open broadcast and of one that is over."""

import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from chat.shards import Shards
from media.jobs import Health
from server.broadcasts import reports
from server.broadcasts.charts import RECENT_POINTS, Point
from server.broadcasts.control import Control, open_control
from server.broadcasts.history import (
    RETENTION_DAYS,
    channel_health_key,
    forget_old_points,
    insert_point,
    points_key,
    whole_chart,
)
from server.db.pool import Pool
from server.settings import Settings
from tests.services.onair import put_on_air
from tests.services.people import Person, Site, open_site, refusal
from tests.unit.media.test_faults import report

BROADCAST = "/channels/maria/broadcast"


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with open_site(settings) as site:
        yield site


@pytest.fixture
async def maria(site: Site) -> Person:
    person = site.person()
    await person.register("Maria")
    return person


@pytest.fixture
async def control(settings: Settings, db: Pool, redis: Redis, shards: Shards) -> AsyncIterator[Control]:
    async with open_control(settings, db, redis, shards) as control:
        yield control


def told(at_ms: int, public_id: str = "pid-maria", **changed: Any) -> Health:
    return msgspec.structs.replace(report(**changed), public_id=public_id, at_ms=at_ms)


async def test_reports_become_a_chart_of_the_open_broadcast(
    maria: Person, control: Control, db: Pool, redis: Redis
) -> None:
    """A point every two seconds, holes where nothing came; an earlier session's reports are not its own."""
    assert refusal(await maria.call("GET", f"{BROADCAST}/health"))[:2] == (404, "not_live")
    await put_on_air(db, "maria")
    now_ms = round(time.time() * 1000)
    for ago_ms, kbps in ((20_000, 1_000), (18_000, 2_000), (10_000, 3_000)):
        await reports.apply(control, told(now_ms - ago_ms, video_kbps=kbps))
    await reports.apply(control, msgspec.structs.replace(told(now_ms - 6_000, video_kbps=9), publish_count=7))
    drawn = (await maria.call("GET", f"{BROADCAST}/health?minutes=1")).json()
    assert drawn["step_seconds"] == 2
    assert drawn["from_ms"] % 2_000 == 0
    assert {name: len(line) for name, line in drawn["series"].items()} == dict.fromkeys(
        ("video_kbps", "fps", "keyframe_seconds", "audio_db", "speed", "dropped"), 30
    )
    line = drawn["series"]["video_kbps"]
    assert [value for value in line if value is not None] == [1_000, 2_000, 3_000]
    assert line.index(2_000) - line.index(1_000) == 1
    assert line.index(3_000) - line.index(2_000) == 4
    shown = (await maria.call("GET", BROADCAST)).json()["health"]
    assert (shown[0]["metric"], shown[0]["value"], shown[0]["unit"]) == ("video_kbps", 3_000, "kbps")
    async with db.acquire() as connection:
        channel_id = await connection.fetchval("SELECT id FROM channels WHERE slug = 'maria'")
    assert 0 < await redis.ttl(channel_health_key(channel_id)) <= 15


async def test_the_list_of_points_is_bounded(maria: Person, control: Control, db: Pool, redis: Redis) -> None:
    """An hour of them, and a time to live."""
    await put_on_air(db, "maria")
    await redis.rpush(points_key("pid-maria"), *([b"[1,1,1,1,1,1,1]"] * (RECENT_POINTS + 50)))
    await reports.apply(control, told(round(time.time() * 1000)))
    assert await redis.llen(points_key("pid-maria")) == RECENT_POINTS
    assert await redis.ttl(points_key("pid-maria")) > 0


async def test_every_ten_seconds_are_kept_after_the_end(maria: Person, control: Control, db: Pool) -> None:
    """The mean of each slot, written once its next one begins; told twice it is one."""
    await put_on_air(db, "maria")
    begin_ms = 1_800_000_000_000
    for offset_ms in range(0, 24_000, 2_000):
        await reports.apply(control, told(begin_ms + offset_ms, video_kbps=1_000 + offset_ms // 100))
    await reports.apply(control, told(begin_ms + 22_000, video_kbps=1_220))
    async with db.acquire() as connection:
        await connection.execute("UPDATE broadcasts SET state = 'ended', ended_at = now()")
    drawn = (await maria.call("GET", "/channels/maria/broadcasts/pid-maria/health")).json()
    assert (drawn["step_seconds"], drawn["from_ms"]) == (10, begin_ms)
    assert drawn["series"]["video_kbps"] == [1_040, 1_140]
    assert drawn["series"]["dropped"] == [0, 0]


async def test_a_long_broadcast_is_drawn_coarsely(maria: Person, db: Pool) -> None:
    """Two days and a hole: no more than two thousand points, each of some slots."""
    await put_on_air(db, "maria")
    async with db.acquire() as connection:
        broadcast_id = await connection.fetchval("SELECT id FROM broadcasts")
        await connection.execute(
            "INSERT INTO broadcast_figures (broadcast_id, at, fps) SELECT $1, to_timestamp(1800000000 + 10 * n), n % 9"
            " FROM generate_series(0, 17279) n WHERE n NOT BETWEEN 9 AND 17",
            broadcast_id,
        )
        drawn = await whole_chart(connection, broadcast_id)
    assert drawn is not None
    assert (drawn.step_seconds, len(drawn.series.fps)) == (90, 1_920)
    assert drawn.series.fps[:3] == [4.0, None, 4.0]
    assert drawn.series.speed[0] is None


async def test_who_may_see_charts(site: Site, maria: Person, db: Pool) -> None:
    """Owner and staff; a broadcast of another channel is none of this one; a query that makes no sense is refused."""
    await put_on_air(db, "maria")
    olga = site.person()
    await olga.register("Olga")
    await put_on_air(db, "olga")
    paths = (f"{BROADCAST}/health", "/channels/maria/broadcasts/pid-maria/health")
    for path in paths:
        assert refusal(await site.person().call("GET", path))[:2] == (401, "sign_in")
        assert refusal(await olga.call("GET", path))[:2] == (403, "forbidden")
    for name in ("pid-olga", "nothing", "%00"):
        reply = await maria.call("GET", f"/channels/maria/broadcasts/{name}/health")
        assert refusal(reply)[:2] == (404, "not_found")
    for minutes in ("0", "61", "-1", "x", "1&minutes=2", "9" * 400):
        assert refusal(await maria.call("GET", f"{BROADCAST}/health?minutes={minutes}"))[:2] == (400, "bad_query")
    async with db.acquire() as connection:
        await connection.execute("UPDATE accounts SET site_role = 'staff' WHERE name = 'Olga'")
    for path in paths:
        drawn = (await olga.call("GET", path)).json()
        assert set(drawn) == {"step_seconds", "from_ms", "series"}
    assert drawn["series"]["fps"] == []


async def test_old_points_are_forgotten_and_go_with_their_broadcast(maria: Person, db: Pool) -> None:
    """After the retention, or when the channel is deleted."""
    await put_on_air(db, "maria")
    now_ms = round(time.time() * 1000)
    async with db.acquire() as connection:
        broadcast_id = await connection.fetchval("SELECT id FROM broadcasts")
        for days in (0, RETENTION_DAYS - 1, RETENTION_DAYS + 1):
            at_ms = now_ms - days * 86_400_000
            await insert_point(connection, broadcast_id, Point(at_ms, 1.0, None, None, None, None, None))
        assert await forget_old_points(connection) == 1
        assert await forget_old_points(connection) == 0
        await connection.execute("DELETE FROM broadcasts")
        assert await connection.fetchval("SELECT count(*) FROM broadcast_figures") == 0
