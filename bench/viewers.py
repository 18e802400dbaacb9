"""How right the shown number of viewers is while players come and go, and what a beacon costs.

`python -m bench.viewers [--quick]`: one real web process, Redis and Postgres on loopback.  10,000 players beacon every
five seconds, as the page does; then many come in a wave, many leave with a word and many without one (a killed tab),
while others come and go all the time.  The truth at each moment is who played within the seconds before.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import random
import secrets
import sys
import time

import asyncpg
import httpx
import uvloop
from redis.asyncio import Redis

from bench.report import Figure, percentile, report
from bench.services import LOAD_CORES, SERVER_CORES, Stores, bench_folder, cpu_seconds, pin, stores, web_processes
from chat.keys import room_key
from tests.services.chat import WebProcess

BEAT_SECONDS = 5.0
HOLDS_SECONDS = 15.0
"""What is called watching: to have beaconed within so long, unless it said that it ended."""
SETTLE_SECONDS = 5.0
"""The goal's: so long after a change, the number is to be right."""
CONNECTIONS = 32
LOOK_SECONDS = 0.5
GOAL_ERROR_RATIO = 0.02
SLUG = "busy"
PUBLIC_ID = "0123456789abcdef01"


class Crowd:
    """Players by session: when each last was heard; those that fell silent still count for a while."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.heard: dict[str, float] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.sent = 0
        self.refused = 0
        self.took_ms: list[float] = []
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def join(self, count: int, over_seconds: float) -> None:
        """So many begin, spread evenly."""
        for number in range(count):
            session = secrets.token_hex(12)
            self.tasks[session] = asyncio.create_task(self._play(session, over_seconds * number / count))

    def leave(self, count: int, *, is_polite: bool) -> None:
        """So many stop now, with an `end` or without a word."""
        for session in random.sample(sorted(self.tasks), min(count, len(self.tasks))):
            self.tasks.pop(session).cancel()
            if is_polite:
                self._queue.put_nowait((session, "end"))

    def truth(self, now: float) -> int:
        """How many watch."""
        return sum(now - heard < HOLDS_SECONDS for heard in self.heard.values())

    async def _play(self, session: str, wait_seconds: float) -> None:
        await asyncio.sleep(wait_seconds)
        event = "start"
        while True:
            self._queue.put_nowait((session, event))
            event = "beat"
            await asyncio.sleep(BEAT_SECONDS)

    async def carry(self) -> None:
        """One kept connection that sends what is due, until cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while True:
            session, event = await self._queue.get()
            began = time.perf_counter()
            body = _body(session, event)
            writer.write(
                b"POST /api/v1/beacons HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 204"):
                if event == "end":
                    self.heard.pop(session, None)
                elif event == "start" or session in self.heard:
                    self.heard[session] = time.monotonic()
            else:
                self.refused += 1
                length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length or b"0"))
            self.sent += 1
            self.took_ms.append((time.perf_counter() - began) * 1000)


def _body(session: str, event: str) -> bytes:
    told = {
        "session": session, "broadcast": PUBLIC_ID, "kind": "live", "event": event,
        "startup_ms": 900 if event == "start" else None, "played_ms": 5000, "stalls": 0, "stalled_ms": 0,
        "dropped_frames": 0, "frames": 300, "rung": "720p", "latency_ms": 1800,
    }  # fmt: skip
    return json.dumps(told).encode()


@dataclasses.dataclass(slots=True)
class Looks:
    """Errors of what was shown, by when it was looked at."""

    settled: list[float] = dataclasses.field(default_factory=list)
    moving: list[float] = dataclasses.field(default_factory=list)
    over_playing: list[float] = dataclasses.field(default_factory=list)
    """By how much of the players that really play at this moment more are shown: those that fell silent."""
    last_change: float = 0.0

    def changed(self) -> None:
        """A wave came or went."""
        self.last_change = time.monotonic()


async def look(port: int, crowd: Crowd, looks: Looks) -> None:
    """Compare what the channel's page is told with the truth, until cancelled."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            before = crowd.truth(time.monotonic())
            shown = (await client.get(f"/api/v1/channels/{SLUG}")).json()["viewers"]
            after = crowd.truth(time.monotonic())
            # the truth moves while the question is on its way: what was true at either end is right
            nearest = min(max(shown, min(before, after)), max(before, after))
            error = abs(shown - nearest) / max(1, nearest)
            is_settled = time.monotonic() - looks.last_change > SETTLE_SECONDS
            (looks.settled if is_settled else looks.moving).append(error)
            looks.over_playing.append(shown / max(1, len(crowd.tasks)) - 1)


async def churn(crowd: Crowd, share_per_second: float) -> None:
    """Some come and some go, all the time, half of them without a word."""
    while True:
        await asyncio.sleep(1.0)
        moved = int(len(crowd.tasks) * share_per_second)
        crowd.leave(moved // 2, is_polite=True)
        crowd.leave(moved - moved // 2, is_polite=False)
        crowd.join(moved, 1.0)


async def measure(web: WebProcess, backing: Stores, viewers: int, seconds: float) -> dict[str, Figure]:
    """Waves over a crowd, then the figures."""
    room_id, redis_pid = await put_on_air(backing.database_url), backing.redis.pid
    crowd, looks = Crowd(web.port), Looks()
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(crowd.carry()) for _ in range(CONNECTIONS)]
        looks.changed()
        crowd.join(viewers, BEAT_SECONDS)
        workers.append(group.create_task(look(web.port, crowd, looks)))
        await asyncio.sleep(BEAT_SECONDS * 2)
        memory_bytes = await viewer_bytes(backing.redis_url, room_id)
        began, sent_before = time.monotonic(), crowd.sent
        web_before, redis_before = cpu_seconds(web.process.pid), cpu_seconds(redis_pid)
        workers.append(group.create_task(churn(crowd, 0.01)))
        for is_polite in (True, False):
            await asyncio.sleep(seconds / 4)
            looks.changed()
            crowd.leave(viewers // 5, is_polite=is_polite)
            await asyncio.sleep(seconds / 4)
            looks.changed()
            crowd.join(viewers // 5, 1.0)
        await asyncio.sleep(SETTLE_SECONDS * 2)
        sent, took = crowd.sent - sent_before, time.monotonic() - began
        web_us = (cpu_seconds(web.process.pid) - web_before) / sent * 1e6
        redis_us = (cpu_seconds(redis_pid) - redis_before) / sent * 1e6
        for task in (*workers, *crowd.tasks.values()):
            task.cancel()
    return {
        "error_settled_max": Figure(round(max(looks.settled), 4), "ratio", GOAL_ERROR_RATIO),
        "error_settled_p50": Figure(round(percentile(looks.settled, 0.5), 4), "ratio"),
        "error_moving_max": Figure(round(max(looks.moving), 4), "ratio"),
        "over_playing_p50": Figure(round(percentile(looks.over_playing, 0.5), 4), "ratio"),
        "refused": Figure(crowd.refused, "beacons", 0),
        "beacons_per_second": Figure(round(sent / took), "1/s"),
        "web_cpu_per_beacon": Figure(round(web_us, 1), "us"),
        "redis_cpu_per_beacon": Figure(round(redis_us, 1), "us"),
        "redis_memory_per_viewer": Figure(round(memory_bytes), "bytes"),
        "answer_p99": Figure(round(percentile(crowd.took_ms, 0.99), 2), "ms"),
        "looks": Figure(len(looks.settled), "looks"),
        "viewers": Figure(viewers, "players"),
    }


async def viewer_bytes(redis_url: str, room_id: int) -> float:
    """What Redis keeps for each player."""
    redis = Redis.from_url(redis_url, protocol=3)
    key = room_key(room_id, "viewers")
    taken = await redis.memory_usage(key, samples=0) or 0
    players: int = await redis.zcard(key)
    await redis.aclose()
    return taken / players


async def put_on_air(database_url: str) -> int:
    """A channel with a live broadcast; its id."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("INSERT INTO accounts (name, display_name, password_hash) VALUES ($1, $1, '')", SLUG)
    await connection.execute("INSERT INTO channels (owner_account_id, slug) SELECT id, name FROM accounts")
    await connection.execute(
        "INSERT INTO broadcasts (public_id, channel_id, state, title, category, live_at)"
        " SELECT $1, id, 'live', '', '', now() FROM channels",
        PUBLIC_ID,
    )
    channel_id: int = await connection.fetchval("SELECT id FROM channels")
    await connection.close()
    return channel_id


def main() -> int:
    """Run it; the exit status says whether the goal was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="a minute instead of two and a half")
    arguments = parser.parse_args()
    with (
        bench_folder() as folder,
        stores(folder, cores=LOAD_CORES) as backing,
        web_processes(backing, folder, cores=SERVER_CORES) as (web,),
    ):
        pin(os.getpid(), LOAD_CORES)
        seconds = 40.0 if arguments.quick else 120.0
        figures = uvloop.run(measure(web, backing, arguments.viewers, seconds))
    return report("viewers", figures)


if __name__ == "__main__":
    sys.exit(main())
