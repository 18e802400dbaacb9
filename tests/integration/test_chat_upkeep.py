"""The chat's tables stay small, and what is true in them stays true."""

from redis.asyncio import Redis

from chat.announcements import BATCH_ROWS
from chat.shards import Shards
from server.background import JobState
from server.chat_upkeep import tidy_once
from server.db.pool import Pool
from server.settings import Settings
from tests.services.rooms import open_stage


async def test_relayed_rows_go_after_a_day_and_waiting_ones_never(
    db: Pool, redis: Redis, shards: Shards, settings: Settings
) -> None:
    """A repeated command is recognised for a day; what nobody announced yet is kept whatever its age."""
    stage = await open_stage(db, shards)
    for seconds in (1, 2, 3):
        await stage.order("mona", f"/slow {seconds}")
    await db.execute("UPDATE room_outbox SET relayed_at = relayed_at - interval '2 days' WHERE version = 1")
    await db.execute(
        "UPDATE room_outbox SET relayed_at = NULL, created_at = now() - interval '9 days' WHERE version = 3"
    )
    assert await tidy_once(JobState(settings, db, redis, shards)) is False
    assert [row["version"] for row in await db.fetch("SELECT version FROM room_outbox ORDER BY id")] == [2, 3]


async def test_ended_timeouts_are_closed_by_nobody(db: Pool, redis: Redis, shards: Shards, settings: Settings) -> None:
    """A timeout that ended gets its end as the time it was lifted; running ones and bans stay as they are."""
    stage = await open_stage(db, shards)
    for line in ("/timeout bob", "/timeout vera", "/ban ann"):
        await stage.order("mona", line)
    ended = await db.fetchval(
        "UPDATE sanctions SET until = now() - interval '2 minutes' WHERE account_id = $1 RETURNING until",
        stage.ids["bob"],
    )
    before = await stage.rules()
    await tidy_once(JobState(settings, db, redis, shards))
    rows = await db.fetch("SELECT lifted_at, lifted_by FROM sanctions ORDER BY id")
    assert [tuple(row) for row in rows] == [(ended, None), (None, None), (None, None)]
    assert await stage.rules() == before


async def test_many_are_tidied_in_batches(db: Pool, redis: Redis, shards: Shards, settings: Settings) -> None:
    """A full batch says that more may wait."""
    stage = await open_stage(db, shards)
    await db.execute(
        "INSERT INTO sanctions (channel_id, account_id, kind, until)"
        " SELECT $1, $2, 'timeout', now() - interval '1 hour' FROM generate_series(1, $3)",
        stage.room_id,
        stage.ids["bob"],
        BATCH_ROWS + 1,
    )
    state = JobState(settings, db, redis, shards)
    assert [await tidy_once(state) for _ in range(3)] == [True, False, False]
    assert await db.fetchval("SELECT count(*) FROM sanctions WHERE lifted_at IS NULL") == 0
