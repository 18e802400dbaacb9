"""5,000 messages a second for a minute through the publish script, the archiver killed twice: each in Postgres once.

`python -m bench.chat_archive [--rate N] [--seconds N] [--rooms N]`: durable Postgres and Redis, a real `jobs` process
that is killed with -9 at a third and at two thirds of the time and started again after a second, as `./run` does.  This
process publishes at the planned times and looks at the streams itself: what waits there longest is the lag.
"""

import argparse
import asyncio
import random
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from redis.exceptions import RedisError

from bench.report import Figure, percentile, report
from bench.services import JobsProcess, Stores, bench_folder, cpu_seconds, jobs_process, stores, tree_cpu_seconds
from chat.archive import waiting
from chat.history import Moderation, archived_page
from chat.publisher import Published, Publisher, Stale, event_json
from chat.ratelimit import Allowance
from chat.room import Position, Refusal
from chat.shards import Shards, open_shards
from chat.wire import Author, Message
from server.db.pool import Pool, open_pool

TICK_SECONDS = 0.01
LOOK_SECONDS = 0.25
RESTART_SECONDS = 1.0
CAUGHT_UP_SECONDS = 8.0
"""After a kill, until the lag counts as that of an undisturbed archiver again: start, and what waited meanwhile."""
EMPTY_SECONDS = 60.0
PAGES = 300
GOAL_LAG_SECONDS = 3.0
GOAL_EMPTY_SECONDS = 5.0
GOAL_PAGE_MS = 10.0
UNLIMITED = Allowance(burst=1_000_000, refill_ms=1)


@dataclass(slots=True)
class Said:
    """What was published: acknowledged messages by id, and what was not taken."""

    positions: dict[str, tuple[int, Position]] = field(default_factory=dict)
    failed: int = 0


class Archiver:
    """The `jobs` process: it ends only to be started again, and the CPU of all counts, without that of their starts."""

    def __init__(self, backing: Stores, folder: Path, stack: ExitStack) -> None:
        self._backing, self._folder, self._stack = backing, folder, stack
        self._spent = 0.0
        self._jobs = self._start()
        self.kills: list[tuple[float, float]] = []
        """When it was killed and when it had caught up, in `time.time`."""

    def _start(self) -> JobsProcess:
        jobs = self._stack.enter_context(jobs_process(self._backing, self._folder))
        self._spent -= cpu_seconds(jobs.process.pid)
        return jobs

    async def kill(self) -> None:
        """Kill -9, then start another after as long as `./run` takes."""
        self._spent += cpu_seconds(self._jobs.process.pid)
        self._jobs.process.send_signal(signal.SIGKILL)
        self._jobs.process.wait()
        killed_at = time.time()
        await asyncio.sleep(RESTART_SECONDS)
        self._jobs = await asyncio.to_thread(self._start)
        self.kills.append((killed_at, time.time() + CAUGHT_UP_SECONDS))

    def cpu_seconds(self) -> float:
        """Of all of them so far."""
        return self._spent + cpu_seconds(self._jobs.process.pid)

    def was_disturbed(self, at: float) -> bool:
        """Was it dead, or about to catch up, at this time?"""
        return any(killed <= at <= caught_up for killed, caught_up in self.kills)


async def talk(shards: Shards, rooms: int, rate: float, seconds: float) -> Said:
    """Publish at the planned times; every room in turn, every message once."""
    publisher, said = Publisher(shards), Said()
    begin, total, number = time.perf_counter(), int(rate * seconds), 0
    while number < total:
        due = min(total, int((time.perf_counter() - begin) * rate))
        while number < due:
            _publish(publisher, said, 1 + number % rooms, number)
            number += 1
        await asyncio.sleep(TICK_SECONDS)
    while len(said.positions) + said.failed < total:  # noqa: ASYNC110  # counted, not told
        await asyncio.sleep(TICK_SECONDS)
    return said


def _publish(publisher: Publisher, said: Said, room: int, number: int) -> None:
    author = Author(1 + number % 997, "somebody")
    text = "lorem ipsum dolor sit amet, consetetur sadipscing elitr"[: 5 + number % 51]
    message = Message(f"m{number}", int(time.time() * 1000), author, text, nonce=f"n{number}")
    future = publisher.say(
        room,
        event_json(message),
        account_id=author.id,
        nonce=message.nonce,
        judged_by=0,
        slow_seconds=0,
        allowance=UNLIMITED,
    )

    def done(told: "asyncio.Future[Published | Stale | Refusal]") -> None:
        result = told.result() if told.exception() is None else None
        if isinstance(result, Published):
            said.positions[message.id] = room, result.position
        else:
            said.failed += 1

    future.add_done_callback(done)


async def look(shards: Shards, lags: list[tuple[float, float]]) -> None:
    """Note the age of the oldest waiting event, again and again: (when, seconds)."""
    while True:
        try:
            waits = await waiting(shards)
        except RedisError:
            continue
        now = time.time()
        lags.append((now, max((now - wait.since_ms / 1000 for wait in waits.values()), default=0.0)))
        await asyncio.sleep(LOOK_SECONDS)


async def emptied_after(shards: Shards) -> float:
    """How long it takes until nothing waits."""
    begin = time.perf_counter()
    async with asyncio.timeout(EMPTY_SECONDS):
        while await waiting(shards):  # noqa: ASYNC110  # another process empties it
            await asyncio.sleep(0.02)
    return time.perf_counter() - begin


async def check(db: Pool, said: Said) -> dict[str, Figure]:
    """Is everything that was acknowledged there, at its place, and once?"""
    rows = await db.fetch("SELECT channel_id, epoch, \"offset\", event->>'id' AS id FROM chat_events", timeout=60)
    stored = {row["id"]: (row["channel_id"], Position(row["epoch"], row["offset"])) for row in rows}
    holes = await db.fetchval(
        'SELECT count(*) FROM (SELECT 1 FROM chat_events GROUP BY channel_id, epoch HAVING max("offset") <> count(*)) r'
    )
    return {
        "missing": Figure(sum(stored.get(name) != place for name, place in said.positions.items()), "messages", 0),
        "twice": Figure(len(rows) - len(stored), "messages", 0),
        "rooms_with_holes": Figure(holes, "rooms", 0),
        "archived": Figure(len(rows), "messages"),
    }


async def page_p99_ms(db: Pool, said: Said) -> float:
    """Pages of 50 before places all over the archive."""
    took = []
    async with db.acquire() as connection:
        for room, position in random.choices(list(said.positions.values()), k=PAGES):
            begin = time.perf_counter()
            await archived_page(connection, room, position, Moderation(), 50)
            took.append((time.perf_counter() - begin) * 1000)
    return percentile(took, 0.99)


async def measure(backing: Stores, archiver: Archiver, rooms: int, rate: float, seconds: float) -> dict[str, Figure]:
    """Talk, kill, wait until it is empty, count."""
    lags: list[tuple[float, float]] = []

    async def kill_twice() -> None:
        for _ in range(2):
            await asyncio.sleep(seconds / 3 * random.uniform(0.95, 1.0))
            await archiver.kill()

    async with open_pool(backing.database_url) as db, open_shards(backing.redis_url) as shards:
        before = archiver.cpu_seconds(), tree_cpu_seconds(backing.postgres.pid), cpu_seconds(backing.redis.pid)
        own_before = time.process_time()
        looking = asyncio.create_task(look(shards, lags))
        killing = asyncio.create_task(kill_twice())
        said = await talk(shards, rooms, rate, seconds)
        own = time.process_time() - own_before
        await killing
        empty_seconds = await emptied_after(shards)
        looking.cancel()
        after = archiver.cpu_seconds(), tree_cpu_seconds(backing.postgres.pid), cpu_seconds(backing.redis.pid)
        found = await check(db, said)
        await db.execute("ANALYZE chat_events")
        page_ms = await page_p99_ms(db, said)
    archiver_cpu, postgres_cpu, redis_cpu = (
        Figure(round((now - then) / max(1, len(said.positions)) * 1e6, 1), "us")
        for then, now in zip(before, after, strict=True)
    )
    undisturbed = [lag for at, lag in lags if not archiver.was_disturbed(at)]
    return found | {
        "unacknowledged": Figure(said.failed, "messages", 0),
        "lag_undisturbed_max": _seconds(undisturbed, GOAL_LAG_SECONDS),
        "lag_max": _seconds(lag for _, lag in lags),
        "empty_after_last_message": _seconds([empty_seconds], GOAL_EMPTY_SECONDS),
        "archiver_cpu_per_message": archiver_cpu,
        "postgres_cpu_per_message": postgres_cpu,
        "redis_cpu_per_message": redis_cpu,
        "publisher_cpu_share": Figure(round(own / seconds * 100), "%"),
        "page_of_50_p99": Figure(round(page_ms, 2), "ms", GOAL_PAGE_MS),
    }


def _seconds(values: Iterable[float], goal: float | None = None) -> Figure:
    return Figure(round(max(values), 2), "s", goal)


def main() -> int:
    """Run it; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=5000.0, help="messages a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rooms", type=int, default=128)
    arguments = parser.parse_args()
    with bench_folder() as folder, stores(folder) as backing, ExitStack() as stack:
        archiver = Archiver(backing, folder, stack)
        figures = uvloop.run(measure(backing, archiver, arguments.rooms, arguments.rate, arguments.seconds))
    return report("chat_archive", figures)


if __name__ == "__main__":
    sys.exit(main())
