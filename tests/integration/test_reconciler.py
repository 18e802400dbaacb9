"""The reconciler and the reports against real servers: what was lost is mended, whoever was away."""

import asyncio
import dataclasses
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import msgspec
import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from chat.presence import stored_info
from chat.shards import Shards, open_shards
from media.broadcast import Session
from media.jobs import (
    FIELD,
    REPORTS_STREAM,
    Failed,
    FirstSegment,
    Gone,
    Health,
    LiveReport,
    Probed,
    RenditionFigures,
    Source,
    encode,
)
from media.live import LiveWindows
from media.policy import Wish
from server.broadcasts import reports, store
from server.broadcasts.control import (
    Control,
    enqueue,
    last_refused,
    open_control,
    stop_broadcast,
    stop_channel_broadcast,
)
from server.broadcasts.ingest import Ingest, open_ingest
from server.broadcasts.reconciler import Reconciler
from server.broadcasts.statistics import Stream
from server.db.pool import Connection, Pool
from server.settings import Settings
from tests.services.ingest import (
    IngestPorts,
    admitted,
    encoder,
    ingest_config,
    jobs,
    make_channel,
    running_ingest,
    running_nginx,
    running_web,
    wait_for_end,
    wait_for_publisher,
)

SOURCE = Source(1280, 720, 30.0, "h264", "aac", 2500, 128, 2.0)


async def look(control: Control, reconciler: Reconciler) -> None:
    async with control.db.acquire() as connection:
        await reconciler.once(connection)


async def find_row(db: Pool) -> asyncpg.Record | None:
    async with db.acquire() as connection:
        return await connection.fetchrow("SELECT * FROM broadcasts ORDER BY id DESC LIMIT 1")


async def last_row(db: Pool) -> asyncpg.Record:
    row = await find_row(db)
    assert row is not None
    return row


async def look_until(
    control: Control, reconciler: Reconciler, accepts: Callable[[asyncpg.Record], bool], seconds: float = 15.0
) -> asyncpg.Record:
    """Reconcile as often as the job would, until the last broadcast's row is as wanted."""
    deadline = time.monotonic() + seconds
    while (row := await find_row(control.db)) is None or not accepts(row):
        assert time.monotonic() < deadline, f"still {row}"
        await look(control, reconciler)
        await asyncio.sleep(0.2)
    return row


async def insert(
    db: Pool, channel_id: int, state: str, *, ago_seconds: float = 60.0, public_id: str = "0123456789abcdef01"
) -> str:
    """A broadcast that has been in a state for a while, its encoder being nobody at this ingest."""
    async with db.acquire() as connection:
        is_publishing = state in {"starting", "live"}
        await connection.execute(
            "INSERT INTO broadcasts (public_id, channel_id, stream_key_id, state, title, category, created_at,"
            " state_since, published_at, live_at, ingest_client_id, ingest_address)"
            " SELECT $1, $2, (SELECT min(id) FROM stream_keys), $3, '', '', t, t, t, t, $5, $6"
            " FROM (SELECT now() - make_interval(secs => $4) AS t) moment",
            public_id,
            channel_id,
            state,
            ago_seconds,
            "77" if is_publishing else None,
            "10.0.0.7" if is_publishing else None,
        )
    return public_id


@pytest.fixture
async def away(settings: Settings, db: Pool, redis: Redis, shards: Shards) -> AsyncIterator[Control]:
    """A control whose ingest does not answer."""
    lost = dataclasses.replace(settings, ingest_http_url="http://127.0.0.1:1")
    async with open_control(lost, db, redis, shards) as control:
        yield control


async def test_a_lost_done_hook_and_a_restarted_ingest_interrupt(
    settings: Settings, db: Pool, redis: Redis, shards: Shards, service_folder: Path, tmp_path: Path
) -> None:
    """Nginx is killed: no done hook comes, the page is away at first, then empty; the row is Interrupted, not ended."""
    ports, folder = IngestPorts.free(), service_folder / tmp_path.name
    config = ingest_config(ports, folder, settings.hook_secret)
    here = dataclasses.replace(settings, ingest_http_url=ports.http_url)
    _, key = await make_channel(db, "Maria")
    with running_web(settings, ports, tmp_path / "web.log"):
        async with open_control(here, db, redis, shards) as control:
            reconciler = Reconciler(control)
            with running_nginx(config, folder, ports.rtmp) as nginx, admitted(ports, key, tmp_path / "1.log"):
                row = await look_until(control, reconciler, lambda row: row["state"] == "starting")
                await asyncio.to_thread(wait_for_publisher, ports, row["public_id"])
                os.killpg(nginx.pid, signal.SIGKILL)  # a worker outlives its master
                nginx.wait()
            await look(control, reconciler)
            assert (await last_row(db))["state"] == "starting", "one page that is away says nothing"
            with running_nginx(config, folder, ports.rtmp):
                row = await look_until(control, reconciler, lambda row: row["state"] == "interrupted")
                assert row["ended_at"] is None
                with admitted(ports, key, tmp_path / "2.log"):
                    back = await look_until(control, reconciler, lambda row: row["state"] == "starting")
                    assert (back["public_id"], back["publish_count"]) == (row["public_id"], 2)


async def test_an_ingest_that_stays_away_has_no_encoders(away: Control, db: Pool) -> None:
    """After 10 s without the page the encoders are taken for gone."""
    channel_id, _ = await make_channel(db, "Maria")
    await insert(db, channel_id, "live")
    reconciler = Reconciler(away)
    await look(away, reconciler)
    assert (await last_row(db))["state"] == "live"
    reconciler._away_since = time.time() - 10.0
    await look(away, reconciler)
    assert (await last_row(db))["state"] == "interrupted"


@pytest.mark.parametrize("is_found", [False, True])
async def test_an_encoder_that_came_back_meanwhile_is_not_lost(
    away: Control,
    db: Pool,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    is_found: bool,  # noqa: FBT001  # a case
) -> None:
    """It resumed between the look at the rows and the change: what was seen says nothing of the new session."""
    channel_id, _ = await make_channel(db, "Maria")
    public_id = await insert(db, channel_id, "live")
    before = Stream(public_id, Session("78", "10.0.0.8"), 1000, 0, 0, 0.0, "", "", 0, 0)
    read = store.open_broadcasts
    resumptions = [1]

    async def streams(_now: float) -> dict[str, Stream]:
        return {public_id: before} if is_found else {}

    async def open_broadcasts(connection: Connection) -> list[store.BroadcastRow]:
        rows = await read(connection)
        if resumptions:
            resumptions.pop()
            await connection.execute(
                "UPDATE broadcasts SET publish_count = publish_count + 1, state = 'starting', ingest_client_id = '79'"
            )
        return rows

    reconciler = Reconciler(away)
    monkeypatch.setattr(reconciler, "_streams", streams)
    monkeypatch.setattr(store, "open_broadcasts", open_broadcasts)
    await look(away, reconciler)
    row = await last_row(db)
    assert (row["state"], row["ingest_client_id"], row["publish_count"]) == ("starting", "79", 2)
    await look(away, reconciler)
    row = await last_row(db)
    after = ("starting", "78") if is_found else ("interrupted", None)
    assert (row["state"], row["ingest_client_id"]) == after, "a look at this session itself counts"


async def test_the_grace_ends_a_broadcast_and_its_playlists(
    away: Control, db: Pool, redis: Redis, shards: Shards
) -> None:
    """Interrupted for longer than the grace: Ended, the window closed, the room told."""
    channel_id, _ = await make_channel(db, "Maria")
    public_id = await insert(db, channel_id, "interrupted", ago_seconds=89.0)
    reconciler = Reconciler(away)
    await look(away, reconciler)
    assert (await last_row(db))["state"] == "interrupted"
    assert (await stored_info(shards, channel_id)).live == "interrupted", "the room is told what it didn't know"
    async with db.acquire() as connection:
        await connection.execute("UPDATE broadcasts SET state_since = now() - interval '91 seconds'")
    await look(away, reconciler)
    row = await last_row(db)
    assert (row["state"], row["end_reason"]) == ("ended", "grace_over")
    live = await LiveWindows(redis).read(public_id)
    assert live is not None
    assert live.is_ended
    assert (await stored_info(shards, channel_id)).live == "ended"


async def test_a_job_that_was_never_sent_is_sent(away: Control, db: Pool, redis: Redis) -> None:
    """The process died between commit and job: the reconciler sends it, once until a worker had time."""
    channel_id, _ = await make_channel(db, "Maria")
    public_id = await insert(db, channel_id, "starting", ago_seconds=2.0)
    reconciler = Reconciler(away)
    await look(away, reconciler)
    await look(away, reconciler)
    assert [job.public_id for job in await jobs(redis)] == [public_id]


async def test_the_end_reaches_a_redis_that_was_away(away: Control, db: Pool, redis: Redis, shards: Shards) -> None:
    """The row ended while Redis was down: the window is closed at the next look."""
    channel_id, _ = await make_channel(db, "Maria")
    public_id = await insert(db, channel_id, "live")
    lost = dataclasses.replace(away, redis=Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.5))
    async with open_shards("redis://127.0.0.1:1") as away_shards:
        lost = dataclasses.replace(lost, windows=LiveWindows(lost.redis), shards=away_shards)
        assert await stop_broadcast(lost, public_id, "stopped")
    assert await LiveWindows(redis).read(public_id) is None
    await look(away, Reconciler(away))
    live = await LiveWindows(redis).read(public_id)
    assert live is not None
    assert live.is_ended
    assert (await stored_info(shards, channel_id)).live == "ended"


async def test_a_stop_drops_the_encoder_and_keeps_it_out(
    settings: Settings, db: Pool, redis: Redis, shards: Shards, service_folder: Path, tmp_path: Path
) -> None:
    """Ended at once, the encoder's connection closed, and OBS' next try is refused for half a minute."""
    with running_ingest(settings, service_folder / tmp_path.name) as ports:
        channel_id, key = await make_channel(db, "Maria")
        async with open_control(
            dataclasses.replace(settings, ingest_http_url=ports.http_url), db, redis, shards
        ) as control:
            with admitted(ports, key, tmp_path / "1.log") as process:
                row = await look_until(control, Reconciler(control), lambda row: row["state"] == "starting")
                await asyncio.to_thread(wait_for_publisher, ports, row["public_id"])
                assert await stop_channel_broadcast(control, channel_id, "stopped")
                assert await asyncio.to_thread(wait_for_end, process) < 5.0
            with encoder(ports.address(key), tmp_path / "2.log") as process:
                await asyncio.to_thread(wait_for_end, process)
            row = await last_row(db)
            assert (row["state"], row["end_reason"], row["publish_count"]) == ("ended", "stopped", 1)
            refused = await last_refused(control, channel_id)
            assert refused is not None
            assert refused.code == "blocked"
            assert not await stop_channel_broadcast(control, channel_id, "stopped"), "there is nothing left to stop"


async def test_an_encoder_without_a_broadcast_and_a_silent_one_are_dropped(
    settings: Settings, db: Pool, redis: Redis, shards: Shards, service_folder: Path, tmp_path: Path
) -> None:
    """The row ended while the ingest was away; and a session that stands still for 8 s."""
    with running_ingest(settings, service_folder / tmp_path.name) as ports:
        _, key = await make_channel(db, "Maria")
        async with open_control(
            dataclasses.replace(settings, ingest_http_url=ports.http_url), db, redis, shards
        ) as control:
            reconciler = Reconciler(control)
            with admitted(ports, key, tmp_path / "1.log") as process:
                row = await look_until(control, reconciler, lambda row: row["state"] == "starting")
                await asyncio.to_thread(wait_for_publisher, ports, row["public_id"])
                async with db.acquire() as connection:
                    await connection.execute("UPDATE broadcasts SET state = 'ended', ended_at = now()")
                await look(control, reconciler)
                await asyncio.to_thread(wait_for_end, process)
            with admitted(ports, key, tmp_path / "2.log") as process:
                row = await look_until(control, reconciler, lambda row: row["state"] == "starting")
                await asyncio.to_thread(wait_for_publisher, ports, row["public_id"])
                process.send_signal(signal.SIGSTOP)
                await look_until(control, reconciler, lambda row: row["state"] == "interrupted")
                process.send_signal(signal.SIGCONT)


async def report(redis: Redis, control: Control, entry: LiveReport) -> None:
    """What a transcoder would send, and the job that reads it."""
    await redis.xadd(REPORTS_STREAM, {FIELD: encode(entry)})
    while await reports.apply_waiting(control, block_ms=10):
        pass


async def test_reports_move_the_broadcast(away: Control, db: Pool, redis: Redis, shards: Shards) -> None:
    """Probed fills the source, the first segment makes it live, health is kept for the dashboard."""
    channel_id, _ = await make_channel(db, "Maria")
    public_id = await insert(db, channel_id, "starting", ago_seconds=1.0)
    await reports.apply_waiting(away, block_ms=10)  # makes the group
    about = {"public_id": public_id, "publish_count": 1, "generation": 1, "at_ms": 1}
    await report(redis, away, Probed(**about, source=SOURCE))  # type: ignore[arg-type]  # the common fields
    assert (await last_row(db))["source"]["keyframe_seconds"] == 2.0
    await report(redis, away, FirstSegment(**{**about, "publish_count": 0}, seconds=1.0))  # type: ignore[arg-type]
    assert (await last_row(db))["state"] == "starting", "an earlier session's report says nothing of this one"
    timed = REGISTRY.get_sample_value("leams_first_segment_seconds_count") or 0
    await report(redis, away, FirstSegment(**about, seconds=1.0))  # type: ignore[arg-type]
    assert (await last_row(db))["state"] == "live"
    assert REGISTRY.get_sample_value("leams_first_segment_seconds_count") == timed + 1
    assert (await stored_info(shards, channel_id)).live == "live"
    await report(redis, away, Health(**about, source=SOURCE, renditions=(), speed=1.01))  # type: ignore[arg-type]
    assert await redis.get(reports.health_key(public_id)) is not None
    await report(redis, away, Gone(**about))  # type: ignore[arg-type]
    assert (await last_row(db))["state"] == "live", "the ingest says who is gone"
    strange = msgspec.structs.replace(SOURCE, video_codec="h264\x00")
    await report(redis, away, Probed(**about, source=strange))  # type: ignore[arg-type]
    await redis.xadd(REPORTS_STREAM, {"x": b"nonsense"})
    await redis.xadd(REPORTS_STREAM, {FIELD: b"\xff{"})
    while await reports.apply_waiting(away, block_ms=10):
        pass
    pending = await redis.xpending(REPORTS_STREAM, "jobs")
    assert pending["pending"] == 0, "everything is acknowledged, nonsense too"


async def test_health_with_renditions_stands_for_a_lost_first_segment(
    away: Control, db: Pool, redis: Redis, shards: Shards
) -> None:
    """Only of this encoder session, only with something to play, and never for what has ended or waits."""
    channel_id, _ = await make_channel(db, "Maria")
    public_id = await insert(db, channel_id, "starting", ago_seconds=1.0)
    await reports.apply_waiting(away, block_ms=10)  # makes the group
    playing = Health(
        public_id=public_id,
        publish_count=1,
        generation=1,
        at_ms=1,
        source=SOURCE,
        renditions=(RenditionFigures("v1", 1280, 720, 30.0, 2500),),
        speed=1.0,
    )
    await report(redis, away, msgspec.structs.replace(playing, renditions=()))
    assert (await last_row(db))["state"] == "starting", "nothing is out yet"
    await report(redis, away, msgspec.structs.replace(playing, publish_count=0))
    assert (await last_row(db))["state"] == "starting", "an earlier session's"
    await report(redis, away, playing)
    row = await last_row(db)
    assert (row["state"], row["live_at"] is not None) == ("live", True)
    assert (await stored_info(shards, channel_id)).live == "live"
    for state in ("interrupted", "ended"):
        async with db.acquire() as connection:
            await connection.execute(
                "UPDATE broadcasts SET state = $1, ended_at = CASE WHEN $1 = 'ended' THEN now() END", state
            )
        await report(redis, away, playing)
        assert (await last_row(db))["state"] == state


async def test_what_cannot_be_played_ends_with_its_reason(away: Control, db: Pool, redis: Redis) -> None:
    """Failed: ended, the channel blocked for a moment, the reason on the dashboard; an earlier session's is nothing."""
    channel_id, _ = await make_channel(db, "Maria")
    public_id = await insert(db, channel_id, "starting", ago_seconds=1.0)
    about = {"public_id": public_id, "generation": 1, "at_ms": 1, "code": "no_video", "message": "No picture came."}
    await reports.apply_waiting(away, block_ms=10)
    await report(redis, away, Failed(**about, publish_count=0))  # type: ignore[arg-type]
    assert (await last_row(db))["state"] == "starting"
    await report(redis, away, Failed(**about, publish_count=1))  # type: ignore[arg-type]
    row = await last_row(db)
    assert (row["state"], row["end_reason"]) == ("ended", "failed")
    refused = await last_refused(away, channel_id)
    assert refused is not None
    assert (refused.code, refused.message) == ("no_video", "No picture came.")
    async with db.acquire() as connection:
        assert await connection.fetchval("SELECT publish_blocked_until > now() FROM channels")


async def test_a_report_that_a_dead_process_took_is_taken_over(away: Control, db: Pool, redis: Redis) -> None:
    """Delivered but never acknowledged: another process finishes it."""
    channel_id, _ = await make_channel(db, "Maria")
    public_id = await insert(db, channel_id, "starting", ago_seconds=1.0)
    await reports.apply_waiting(away, block_ms=10)
    first = FirstSegment(public_id=public_id, publish_count=1, generation=1, at_ms=1, seconds=1.0)
    entry_id = await redis.xadd(REPORTS_STREAM, {FIELD: encode(first)})
    await redis.xreadgroup("jobs", "dead", {REPORTS_STREAM: ">"})
    await redis.xclaim(REPORTS_STREAM, "jobs", "dead", 0, [entry_id], idle=reports.STALE_MS)
    await reports.apply_waiting(away, block_ms=10)
    assert (await last_row(db))["state"] == "live"


async def test_the_ingest_door_reports_what_it_can(settings: Settings) -> None:
    """Dropping at an ingest that is away is an error, not a success."""
    async with open_ingest("http://127.0.0.1:1") as ingest:
        assert isinstance(ingest, Ingest)
        with pytest.raises(Exception, match="control door"):
            await ingest.drop("a", Session("1", "10.0.0.1"))


async def test_a_job_carries_what_the_keys_last_broadcast_proved(away: Control, db: Pool, redis: Redis) -> None:
    """The same key is the same encoder: its key-frame distance is known before its first picture."""
    channel_id, _ = await make_channel(db, "Maria")
    earlier = await insert(db, channel_id, "ended", ago_seconds=600, public_id="0123456789abcdef00")
    async with db.acquire() as connection:
        told = {"keyframe_seconds": 2.0}
        await connection.execute("UPDATE broadcasts SET source = $2 WHERE public_id = $1", earlier, told)
        row = await store.open_broadcast(connection, await insert(db, channel_id, "starting"))
    assert row is not None
    await enqueue(away, row)
    assert [job.known_gop_seconds for job in await jobs(redis)] == [2.0]
    await enqueue(away, dataclasses.replace(row, source={"keyframe_seconds": 1.0}))
    assert [job.known_gop_seconds for job in await jobs(redis)] == [2.0, 1.0], "this broadcast's own counts first"


async def test_a_job_carries_what_the_channel_wants(away: Control, db: Pool, redis: Redis) -> None:
    """Its ladder as it stands when the job is sent; one that no longer reads costs the wish alone."""
    channel_id, _ = await make_channel(db, "Maria")
    async with db.acquire() as connection:
        row = await store.open_broadcast(connection, await insert(db, channel_id, "starting"))
        assert row is not None
        await enqueue(away, row)
        await connection.execute("UPDATE channels SET ladder = $1", {"max_rungs": 2, "sound_only": True})
        await enqueue(away, row)
        await connection.execute("UPDATE channels SET ladder = $1", {"max_rungs": "many"})
        await enqueue(away, row)
    assert [job.ladder for job in await jobs(redis)] == [None, Wish(max_rungs=2, sound_only=True), None]
