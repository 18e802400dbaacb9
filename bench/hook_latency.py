"""How long the publish hook takes to decide, at 50 a second: four good keys of four channels for each unknown one.

`python -m bench.hook_latency [--rate N] [--seconds N]`: the shipped ingest nginx, a real web process, durable Postgres
and Redis on loopback.  Each decision runs from its *scheduled* call (no coordinated omission) through nginx's hook
location to the moment the socket closes, for only then does nginx-rtmp act on the answer.
"""

import argparse
import asyncio
import dataclasses
import secrets
import sys
import time

import asyncpg
import uvloop

from bench.report import Figure, percentile, report
from bench.services import bench_folder, stores
from media.stream_key import RANDOM_BYTES, key_hash, mint
from server.settings import Settings
from tests.services.ingest import IngestPorts, running_ingest

GOAL_P99_MS = 15.0
WARM_UP_CALLS = 20
UNKNOWN_EACH = 5


@dataclasses.dataclass(slots=True)
class Tally:
    """What came back."""

    accepted_ms: list[float] = dataclasses.field(default_factory=list)
    refused_ms: list[float] = dataclasses.field(default_factory=list)
    wrong: int = 0


async def make_keys(database_url: str, count: int) -> list[str]:
    """So many channels, each with a key."""
    keys = [mint(secrets.token_bytes(RANDOM_BYTES)) for _ in range(count)]
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO accounts (name, display_name, password_hash)"
        " SELECT 'a' || n, 'a' || n, '' FROM generate_series(1, $1) n",
        count,
    )
    await connection.execute("INSERT INTO channels (owner_account_id, slug) SELECT id, name FROM accounts")
    channels = await connection.fetch("SELECT id FROM channels ORDER BY id LIMIT $1", count)
    await connection.executemany(
        "INSERT INTO stream_keys (channel_id, label, hash) VALUES ($1, 'bench', $2)",
        [(row["id"], key_hash(key)) for row, key in zip(channels, keys, strict=True)],
    )
    await connection.close()
    return keys


async def ask(ports: IngestPorts, key: str, number: int, due: float) -> tuple[int, float]:
    """Call as nginx-rtmp does; the status, and milliseconds since it was due."""
    body = (
        "app=live&flashver=FMLE/3.0&swfurl=&tcurl=rtmp://127.0.0.1/live&pageurl=&addr=127.0.0.1"
        f"&clientid={number}&call=publish&name={key}&type=live"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", ports.http)
    writer.write(
        f"POST /hooks/publish HTTP/1.0\r\nHost: x\r\nConnection: Close\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}".encode()
    )
    reply = await reader.read()
    took_ms = (time.perf_counter() - due) * 1000
    writer.close()
    return int(reply[9:12] or b"0"), took_ms


async def measure(database_url: str, ports: IngestPorts, rate: float, seconds: float) -> dict[str, Figure]:
    """Call at the rate, whether or not the answers keep up."""
    calls = int(rate * seconds)
    keys = iter(await make_keys(database_url, calls + WARM_UP_CALLS))
    tally = Tally()
    for number in range(WARM_UP_CALLS):
        await ask(ports, next(keys), number, time.perf_counter())

    async def one(number: int, due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        is_unknown = number % UNKNOWN_EACH == 0
        key = mint(secrets.token_bytes(RANDOM_BYTES)) if is_unknown else next(keys)
        status, took_ms = await ask(ports, key, 1000 + number, due)
        tally.wrong += status != (403 if is_unknown else 302)
        (tally.refused_ms if is_unknown else tally.accepted_ms).append(took_ms)

    begin = time.perf_counter() + 0.2
    async with asyncio.TaskGroup() as group:
        for number in range(calls):
            group.create_task(one(number, begin + number / rate))
    together = tally.accepted_ms + tally.refused_ms
    return {
        "p99": Figure(round(percentile(together, 0.99), 2), "ms", GOAL_P99_MS),
        "p50": Figure(round(percentile(together, 0.5), 2), "ms"),
        "max": Figure(round(max(together), 2), "ms"),
        "accepted_p99": Figure(round(percentile(tally.accepted_ms, 0.99), 2), "ms"),
        "refused_p99": Figure(round(percentile(tally.refused_ms, 0.99), 2), "ms"),
        "wrong": Figure(tally.wrong, "answers", 0),
        "rate": Figure(rate, "calls/s"),
    }


def main() -> int:
    """Run it; the exit status says whether the goal was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    with bench_folder() as folder, stores(folder) as backing:
        settings = Settings.from_env(
            {
                "LEAMS_DATABASE_URL": backing.database_url,
                "LEAMS_REDIS_URL": backing.redis_url,
                "LEAMS_HOOK_SECRET": secrets.token_hex(16),
                "MEDIA_STORE": (folder / "media").as_uri(),
            }
        )
        with running_ingest(settings, folder / "ingest") as ports:
            figures = uvloop.run(measure(backing.database_url, ports, arguments.rate, arguments.seconds))
    return report("hook_latency", figures)


if __name__ == "__main__":
    sys.exit(main())
