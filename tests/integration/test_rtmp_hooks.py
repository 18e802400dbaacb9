"""The hooks behind a real ingest: who gets in, who is refused, and that the key is nowhere."""

import asyncio
import dataclasses
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import imageio_ffmpeg
import pytest
from redis.asyncio import Redis

from chat.shards import Shards
from media.jobs import WORKERS_KEY, tap_key
from media.stream_key import key_hash
from server.broadcasts.control import call_worker, open_control
from server.broadcasts.hook_call import parse_hook_call
from server.broadcasts.reconciler import Reconciler
from server.db.pool import Pool
from server.ratelimit import PUBLISHES_BY_KEY, REFUSED_ENCODER_BY_ADDRESS, RateLimiter
from server.rtmp_hooks import _admit, _NotAdmittedError
from server.settings import Settings
from tests.services.ingest import (
    IngestPorts,
    admitted,
    encoder,
    files_with,
    from_another_address,
    ingest_config,
    insisting_encoder,
    jobs,
    make_channel,
    running_ingest,
    running_nginx,
    running_web,
    wait_for_publisher,
)
from tests.services.processes import wait_until
from tests.services.waiting import eventually as until
from tests.services.web import without_redis

HEADERS = {"X-Leams-Hook-Secret": "hook-secret-of-the-tests"}


@pytest.fixture
async def ingest(settings: Settings, service_folder: Path, tmp_path: Path) -> AsyncIterator[IngestPorts]:
    with running_ingest(settings, service_folder / tmp_path.name) as ports:
        yield ports


@pytest.fixture
def logs(service_folder: Path, tmp_path: Path) -> Path:
    return service_folder / tmp_path.name


async def broadcasts(db: Pool) -> list[asyncpg.Record]:
    async with db.acquire() as connection:
        return await connection.fetch("SELECT * FROM broadcasts ORDER BY id")


async def eventually(is_true: Callable[[], Any], what: str, seconds: float = 10.0) -> None:
    await asyncio.to_thread(wait_until, is_true, what, seconds)


async def until_row(db: Pool, accepts: Callable[[asyncpg.Record], bool], seconds: float = 10.0) -> asyncpg.Record:
    """The last broadcast's row once it is as wanted."""
    deadline = time.monotonic() + seconds
    while True:
        rows = await broadcasts(db)
        if rows and accepts(rows[-1]):
            return rows[-1]
        assert time.monotonic() < deadline, f"the row did not come: {rows}"
        await asyncio.sleep(0.05)


async def until_refused(redis: Redis, channel_id: int) -> bytes:
    """What the dashboard will say of a refused encoder, once it is there."""
    deadline = time.monotonic() + 10.0
    while True:
        note = await redis.get(f"leams:ingest:refused:{channel_id}")
        if isinstance(note, bytes):
            return note
        assert time.monotonic() < deadline, "nobody was refused"
        await asyncio.sleep(0.05)


async def ask(ports: IngestPorts, key: str, client_id: int = 1, address: str = "10.0.0.1") -> httpx.Response:
    """Call the web process as nginx would."""
    body = f"app=live&flashver=&swfurl=&tcurl=&pageurl=&addr={address}&clientid={client_id}&call=publish&name={key}"
    url = f"http://127.0.0.1:{ports.web}/hooks/publish"
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(5):  # a busy machine may miss the time that a decision has
            reply = await client.post(url, content=body, headers=HEADERS)
            if reply.status_code != 503:
                break
    return reply


async def test_a_good_key_publishes_under_a_public_id(
    ingest: IngestPorts, db: Pool, redis: Redis, logs: Path, tmp_path: Path
) -> None:
    """The name becomes the row's public id, a job is on the stream, and the key is in no log, name, key or row."""
    channel_id, key = await make_channel(db, "Maria")
    log = tmp_path / "encoder.log"
    with admitted(ingest, f"{key}?name=evil&clientid=9", log) as process:
        row = await until_row(db, lambda row: row["state"] == "starting")
        await eventually(lambda: ingest.publishes(row["public_id"]), "the public name")
        assert (row["channel_id"], row["ingest_address"], row["title"]) == (channel_id, "127.0.0.1", "A title")
        stream = ingest.streams()[row["public_id"]]
        assert stream.publisher is not None
        assert stream.publisher.client_id == row["ingest_client_id"], "the encoder's own arguments change nothing"
        (job,) = await jobs(redis)
        assert (job.public_id, job.publish_count) == (row["public_id"], 1)
        page = ingest.page()
        process.terminate()
        row = await until_row(db, lambda row: row["state"] == "interrupted")
    assert row["ingest_client_id"] is None
    assert key not in page
    assert files_with(logs, key) == []
    keys = await redis.keys("*")
    assert not any(key.encode() in name for name in keys)
    assert key not in repr(row)
    async with db.acquire() as connection:
        assert await connection.fetchval("SELECT last_used_at FROM stream_keys") is not None


async def test_a_wrong_or_missing_key_is_refused(ingest: IngestPorts, db: Pool, logs: Path, tmp_path: Path) -> None:
    """FFmpeg with a wrong key, with none, with a very long one: closed, no row, and not logged."""
    await make_channel(db, "Maria")
    wrong = ["lk_" + "w" * 43, "", "k" * 10_000]
    for number, name in enumerate(wrong):
        with encoder(ingest.address(name), tmp_path / f"{number}.log") as process:
            await eventually(lambda p=process: p.poll() is not None, "the refusal")  # type: ignore[misc]  # bound early
            assert process.returncode != 0
    assert await broadcasts(db) == []
    assert files_with(logs, "lk_www") == []
    assert files_with(logs, "kkkk") == []


async def keys_that_open_nothing(db: Pool) -> tuple[str, str, str]:
    """Keys that were good: a revoked one, one of a disabled account, one of a blocked channel."""
    _, revoked = await make_channel(db, "Revoked")
    _, disabled = await make_channel(db, "Disabled")
    _, blocked = await make_channel(db, "Blocked")
    async with db.acquire() as connection:
        await connection.execute("UPDATE stream_keys SET revoked_at = now() WHERE hash = $1", key_hash(revoked))
        await connection.execute("UPDATE accounts SET disabled_at = now() WHERE name = 'Disabled'")
        await connection.execute(
            "UPDATE channels SET publish_blocked_until = now() + interval '1 minute' WHERE slug = 'blocked'"
        )
    return revoked, disabled, blocked


async def test_every_refusal_looks_the_same(ingest: IngestPorts, db: Pool) -> None:
    """Unknown, empty, huge, revoked, disabled, blocked: one status, one body, the same headers."""
    _, good = await make_channel(db, "Good")
    revoked, disabled, blocked = await keys_that_open_nothing(db)
    replies = [
        await ask(ingest, name)
        for name in ("lk_" + "u" * 43, "", "k" * 10_000, "k" * 300, "%00%ff", revoked, disabled, blocked)
    ]
    for reply in replies:
        assert (reply.status_code, reply.content) == (403, b"")
        assert set(reply.headers) == set(replies[0].headers)
        assert reply.headers["connection"] == "close", "nginx acts only once the socket closes"
    assert await broadcasts(db) == []
    assert (await ask(ingest, good)).status_code == 302
    async with httpx.AsyncClient(trust_env=False) as client:
        metrics = (await client.get(f"http://127.0.0.1:{ingest.metrics}/metrics")).text
    for answer in ("accepted", "refused"):
        assert f'leams_hook_seconds_count{{answer="{answer}",hook="publish"}}' in metrics


async def test_every_refusal_takes_the_same_statements(
    settings: Settings, database_url: str, redis: Redis, shards: Shards
) -> None:
    """A wrong key costs the database exactly what an unknown one does: the time tells nothing."""
    said: list[str] = []

    async def listen(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        connection.add_query_logger(lambda query: said.append(query.query))

    async with asyncpg.create_pool(database_url, init=listen, min_size=1, max_size=1) as db:
        revoked, disabled, blocked = await keys_that_open_nothing(db)
        async with open_control(settings, db, redis, shards) as control:
            statements = {}
            for name in ("lk_" + "u" * 43, "", "k" * 300, revoked, disabled, blocked):
                said.clear()
                body = f"app=live&addr=10.0.0.1&clientid=1&call=publish&name={name}"
                with pytest.raises(_NotAdmittedError):
                    await _admit(control, parse_hook_call(body.encode()), RateLimiter(redis))
                statements[name] = list(said)
    unknown, *others = statements.values()
    assert len(unknown) >= 3
    assert all(other == unknown for other in others)


async def test_a_hung_web_process_refuses_nobody(
    settings: Settings, db: Pool, service_folder: Path, tmp_path: Path
) -> None:
    """The hook location gives the first process 200 ms, then asks the other; both ways end in an answer."""
    ports, folder = IngestPorts.free(), service_folder / tmp_path.name
    with socket.create_server(("127.0.0.1", 0)) as hung:
        also = f"server 127.0.0.1:{hung.getsockname()[1]} max_fails=0;"
        config = ingest_config(ports, folder, settings.hook_secret, also)
        with running_web(settings, ports, tmp_path / "web.log"), running_nginx(config, folder, ports.rtmp):
            for name in ("One", "Two", "Three"):
                _, key = await make_channel(db, name)
                body = f"app=live&addr=10.0.0.1&clientid=1&call=publish&name={key}"
                async with httpx.AsyncClient(trust_env=False) as client:
                    for _ in range(5):  # a busy machine may miss the time that a decision has
                        reply = await client.post(f"{ports.http_url}/hooks/publish", content=body)
                        if reply.status_code == 302:
                            break
                assert reply.status_code == 302
                assert len(reply.headers["location"]) == 18, "a bare name, as it was sent"


async def test_only_the_ingest_reaches_the_hooks(ingest: IngestPorts, db: Pool) -> None:
    """Without the secret, or with another, nothing is looked at."""
    _, key = await make_channel(db, "Maria")
    body = f"app=live&addr=10.0.0.1&clientid=1&call=publish&name={key}"
    for path in ("publish", "publish_done"):
        url = f"http://127.0.0.1:{ingest.web}/hooks/{path}"
        for headers in ({}, {"X-Leams-Hook-Secret": "guess"}, {"X-Leams-Hook-Secret": "é"}):
            async with httpx.AsyncClient(trust_env=False) as client:
                encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
                assert (await client.post(url, content=body, headers=encoded)).status_code == 403
    assert await broadcasts(db) == []


async def test_the_hook_asked_twice_answers_the_same(ingest: IngestPorts, db: Pool, redis: Redis) -> None:
    """The proxy's second try gets the same name; there is one row and one job."""
    _, key = await make_channel(db, "Maria")
    first, second = await ask(ingest, key), await ask(ingest, key)
    assert (first.status_code, second.status_code) == (302, 302)
    assert first.headers["location"] == second.headers["location"] == (await broadcasts(db))[0]["public_id"]
    assert len(await jobs(redis)) == 1


async def test_an_encoder_that_comes_and_leaves_all_the_time_is_refused(
    ingest: IngestPorts, db: Pool, redis: Redis
) -> None:
    """A good key opens so many sessions a minute; then it waits, and the dashboard says why.  Other keys don't."""
    channel_id, key = await make_channel(db, "Maria")
    _, other = await make_channel(db, "Ann")
    statuses: list[int] = []
    while 403 not in statuses and len(statuses) < 2 * PUBLISHES_BY_KEY.most + 3:  # the minute may end meanwhile
        statuses.append((await ask(ingest, key, client_id=len(statuses) + 1)).status_code)
        await db.execute("UPDATE broadcasts SET state = 'interrupted', ingest_client_id = NULL, ingest_address = NULL")
    assert set(statuses[: PUBLISHES_BY_KEY.most]) == {302}
    assert statuses[-1] == 403
    assert (await ask(ingest, other)).status_code == 302
    assert b"too_many_sessions" in await until_refused(redis, channel_id)


@pytest.mark.parametrize("reason", ["stopped", "stopped_by_staff"])
async def test_an_encoder_that_tries_on_after_the_staffs_stop_stays_out(
    ingest: IngestPorts, db: Pool, redis: Redis, reason: str
) -> None:
    """OBS goes on by itself, ever more slowly: each try puts its return off; its owner's own stop does not last."""
    channel_id, key = await make_channel(db, "Maria")
    assert (await ask(ingest, key)).status_code == 302
    await db.execute(
        "UPDATE broadcasts SET state = 'ended', ended_at = now() - interval '100 s', end_reason = $1", reason
    )
    await db.execute("UPDATE channels SET publish_blocked_until = now() + interval '5 s'")
    assert (await ask(ingest, key)).status_code == 403
    assert b"blocked" in await until_refused(redis, channel_id)
    left = "SELECT extract(epoch FROM publish_blocked_until - now())::float FROM channels"

    async def is_put_off() -> bool:
        return float(await db.fetchval(left)) > 90

    if reason == "stopped_by_staff":
        await until(is_put_off, "a later end")
    await db.execute("UPDATE broadcasts SET ended_at = now() - interval '3 h'")
    assert (await ask(ingest, key)).status_code == 403
    expected = 1_000 if reason == "stopped_by_staff" else 5

    async def is_bounded() -> bool:
        return abs(float(await db.fetchval(left)) - expected) < 10

    await until(is_bounded, "an end within bounds")


async def test_publishing_goes_on_without_redis(
    settings: Settings, db: Pool, service_folder: Path, tmp_path: Path
) -> None:
    """A Redis that is away refuses nobody: the row stands, the reconciler will send the job."""
    away = without_redis(settings)
    with running_ingest(away, service_folder / tmp_path.name) as ports:
        _, key = await make_channel(db, "Maria")
        assert (await ask(ports, key)).status_code == 302
    assert [row["state"] for row in await broadcasts(db)] == ["starting"]


async def test_a_worker_that_does_not_come_keeps_nobody_out(ingest: IngestPorts, db: Pool, redis: Redis) -> None:
    """One is said to be about and never opens its tap: the encoder is let in within nginx' time, the job sent once."""
    await redis.set(WORKERS_KEY, b"1")
    _, key = await make_channel(db, "Maria")
    body = f"app=live&addr=10.0.0.1&clientid=1&call=publish&name={key}"
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(5):  # a busy machine may miss the time that a decision has
            reply = await client.post(f"{ingest.http_url}/hooks/publish", content=body)
            if reply.status_code == 302:
                break
    (row,) = await broadcasts(db)
    assert (reply.status_code, reply.headers["location"]) == (302, row["public_id"])
    assert {job.publish_count for job in await jobs(redis)} == {1}


async def test_the_hook_waits_for_the_tap(settings: Settings, db: Pool, redis: Redis, shards: Shards) -> None:
    """Until the worker plays this very session, and no longer; without a worker not at all."""
    _, key = await make_channel(db, "Maria")
    call = parse_hook_call(f"app=live&addr=10.0.0.1&clientid=1&call=publish&name={key}".encode())
    async with open_control(settings, db, redis, shards) as control, asyncio.timeout(10):
        row, _ = await _admit(control, call, RateLimiter(redis))
        assert await call_worker(control, row, 60), "nobody is waited for"
        await redis.set(WORKERS_KEY, b"1")
        calling = asyncio.create_task(call_worker(control, row, 60))

        async def is_sent() -> bool:
            return len(await jobs(redis)) == 2

        await until(is_sent, "the second job")
        public_id = row.broadcast.public_id
        await redis.lpush(tap_key(public_id, row.broadcast.publish_count + 1), b"1")
        await redis.ping()
        assert not calling.done(), "another session's tap is none"
        await redis.lpush(tap_key(public_id, row.broadcast.publish_count), b"1")
        assert await calling
        assert await call_worker(control, row, 0.05), "sent, though nobody came"


async def test_a_job_that_could_not_be_sent_is_left_to_others(
    settings: Settings, db: Pool, redis: Redis, shards: Shards
) -> None:
    """Redis is away: the hook goes on and knows that no job is sent; the reconciler sends it once Redis is back."""
    _, key = await make_channel(db, "Maria")
    call = parse_hook_call(f"app=live&addr=10.0.0.1&clientid=1&call=publish&name={key}".encode())
    away = Redis.from_url(without_redis(settings).redis_url, protocol=3)
    lost = dataclasses.replace(settings, ingest_http_url="http://127.0.0.1:1")
    async with away, open_control(lost, db, away, shards) as control:
        row, _ = await _admit(control, call, RateLimiter(redis))
        assert not await call_worker(control, row, 5)
    async with db.acquire() as connection:
        await connection.execute("UPDATE broadcasts SET published_at = published_at - interval '2 seconds'")
    async with open_control(lost, db, redis, shards) as control, db.acquire() as connection:
        await Reconciler(control).once(connection)
    (job,) = await jobs(redis)
    assert (job.public_id, job.publish_count) == (row.broadcast.public_id, 1)


async def test_an_encoder_takes_over_its_own_zombie(ingest: IngestPorts, db: Pool, tmp_path: Path) -> None:
    """A frozen encoder still holds the name; the same machine connects again, and nginx really lets it in."""
    _, key = await make_channel(db, "Maria")
    with admitted(ingest, key, tmp_path / "1.log") as zombie:
        row = await until_row(db, lambda row: row["state"] == "starting")
        await asyncio.to_thread(wait_for_publisher, ingest, row["public_id"])
        zombie.send_signal(signal.SIGSTOP)
        try:
            with insisting_encoder(ingest.address(key), tmp_path / "2.log"):
                taken = await until_row(db, lambda row: row["publish_count"] == 2)
                assert taken["public_id"] == row["public_id"], "the same broadcast"
                assert len(taken["takeovers"]) == 1

                def newcomer_delivers() -> bool:
                    stream = ingest.streams().get(row["public_id"])
                    if stream is None or stream.publisher is None:
                        return False
                    return stream.publisher.client_id == taken["ingest_client_id"] and stream.width > 0

                await eventually(newcomer_delivers, "the newcomer's picture")
                assert (await broadcasts(db))[-1]["state"] == "starting", "the old session's done hook ended nothing"
        finally:
            zombie.send_signal(signal.SIGCONT)


async def test_a_second_encoder_from_elsewhere_is_refused(
    ingest: IngestPorts, db: Pool, redis: Redis, tmp_path: Path
) -> None:
    """While the first delivers, another address gets nothing, the first goes on, and the dashboard is told."""
    channel_id, key = await make_channel(db, "Maria")
    with admitted(ingest, key, tmp_path / "1.log") as first, from_another_address(ingest.rtmp) as port:
        row = await until_row(db, lambda row: row["state"] == "starting")
        await asyncio.to_thread(wait_for_publisher, ingest, row["public_id"])
        with insisting_encoder(f"rtmp://127.0.0.1:{port}/live/{key}", tmp_path / "2.log"):
            note = await until_refused(redis, channel_id)
        assert first.poll() is None
        (after,) = await broadcasts(db)
        assert (after["publish_count"], after["ingest_client_id"]) == (1, row["ingest_client_id"])
        assert ingest.publishes(row["public_id"])
        assert b'"already_live"' in note


async def test_a_dead_encoder_is_dropped_within_ten_seconds(ingest: IngestPorts, db: Pool, tmp_path: Path) -> None:
    """Frozen, its connection open: the ingest itself lets go of it, and its broadcast is interrupted."""
    _, key = await make_channel(db, "Maria")
    with admitted(ingest, key, tmp_path / "1.log") as process:
        row = await until_row(db, lambda row: row["state"] == "starting")
        await asyncio.to_thread(wait_for_publisher, ingest, row["public_id"])
        process.send_signal(signal.SIGSTOP)
        frozen = time.monotonic()
        await until_row(db, lambda row: row["state"] == "interrupted", 12.0)
        assert time.monotonic() - frozen < 10.0
        process.send_signal(signal.SIGCONT)


async def test_an_encoder_that_comes_back_continues(ingest: IngestPorts, db: Pool, tmp_path: Path) -> None:
    """Gone and back within the grace: the same broadcast, Starting again under a new session."""
    _, key = await make_channel(db, "Maria")
    with admitted(ingest, key, tmp_path / "1.log"):
        row = await until_row(db, lambda row: row["state"] == "starting")
    await until_row(db, lambda row: row["state"] == "interrupted")
    with admitted(ingest, key, tmp_path / "2.log"):
        back = await until_row(db, lambda row: row["state"] == "starting")
        assert (back["public_id"], back["publish_count"]) == (row["public_id"], 2)
    assert len(await broadcasts(db)) == 1


async def test_nobody_plays_from_elsewhere(ingest: IngestPorts, db: Pool, tmp_path: Path) -> None:
    """The ingest serves players on loopback only: another address gets no stream."""
    _, key = await make_channel(db, "Maria")
    with admitted(ingest, key, tmp_path / "1.log"), from_another_address(ingest.rtmp) as port:
        row = await until_row(db, lambda row: row["state"] == "starting")
        await asyncio.to_thread(wait_for_publisher, ingest, row["public_id"])
        player = await asyncio.create_subprocess_exec(
            imageio_ffmpeg.get_ffmpeg_exe(),
            *("-loglevel", "error", "-rw_timeout", "5000000", "-i", f"rtmp://127.0.0.1:{port}/live/{row['public_id']}"),
            *("-t", "1", "-f", "null", "-"),
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert await asyncio.wait_for(player.wait(), 15) != 0


async def test_an_ingest_on_every_address_reaches_its_own_hooks(
    settings: Settings, service_folder: Path, tmp_path: Path, db: Pool
) -> None:
    """As in a container: the private port listens on 0.0.0.0, the hooks pass, and a call from elsewhere does not."""
    folder, ports = service_folder / tmp_path.name, IngestPorts.free()
    folder.mkdir()
    config = ingest_config(ports, folder, settings.hook_secret)
    config = config.replace(f"127.0.0.1:{ports.http}", f"0.0.0.0:{ports.http}")
    _, key = await make_channel(db, "ann")
    with running_web(settings, ports, folder / "web.log"), running_nginx(config, folder, ports.rtmp):
        with admitted(ports, key, folder / "encoder.log"):
            assert len(ports.publishers()) == 1
        elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(transport=elsewhere) as client:
            assert (await client.post(f"{ports.http_url}/hooks/publish")).status_code == 403


async def test_an_address_that_guesses_keys_is_refused_without_a_look(
    settings: Settings, db: Pool, tmp_path: Path
) -> None:
    """Twenty keys that open nothing in a minute: then even a good one is refused from there, and there alone."""
    _, key = await make_channel(db, "Maria")
    ports = IngestPorts.free()
    with running_web(settings, ports, tmp_path / "web.log"):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports.web}", headers=HEADERS) as client:

            async def publish(name: str, address: str) -> int:
                body = {"call": "publish", "app": "live", "name": name, "addr": address, "clientid": "7"}
                return (await client.post("/hooks/publish", data=body)).status_code

            for number in range(REFUSED_ENCODER_BY_ADDRESS.most + 1):
                assert await publish(f"guess{number}", "203.0.113.9") == 403

            async def is_limited() -> bool:
                page = (await client.get(f"http://127.0.0.1:{ports.metrics}/metrics")).text
                await publish("guess", "203.0.113.9")
                return 'answer="limited"' in page

            async with asyncio.timeout(10):
                while not await is_limited():
                    pass
            assert await publish(key, "203.0.113.9") == 403
            assert await publish(key, "203.0.113.10") == 302
