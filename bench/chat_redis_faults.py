"""What Redis can do to a room, a row for each fault: nothing acknowledged is lost in silence, senders are told soon.

`python -m bench.chat_redis_faults [--readers N] [--rate N] [--only FAULT]`: two web processes, `jobs`, durable Postgres
and Redis, with a TCP proxy between the web processes and Redis.  For each fault a fresh room is filled, talk begins,
the fault happens, and talk goes on for some seconds.  `told` is the longest time from a sending to its answer, whatever
that was; `again` runs from the fault's end until a line said since then is acknowledged and everybody has it.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import uvloop
from redis.asyncio import Redis

from bench.chat_jitter import Pair, Room, fill, talk, until, whole
from bench.readers import settle
from bench.report import Figure, report
from bench.services import Stores, bench_folder, jobs_process, redis_server, stores

TOLD_GOAL_MS = 1000
AGAIN_GOAL_MS = 5000
"""A deaf subscription is found within 5 s; everything else is quicker."""
LOST_GOAL, TWICE_GOAL, DISORDER_GOAL = 0, 0, 0
BEFORE_SECONDS, AFTER_SECONDS = 2.0, 3.0
AGAIN_WITHIN_SECONDS = 20.0
STOP_SECONDS, HOLD_SECONDS, DEAD_SECONDS = 10.0, 5.0, 1.0


class Pipe:
    """A TCP proxy before Redis that can fall silent and cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._flows = asyncio.Event()
        self._flows.set()
        self._transports: set[asyncio.WriteTransport] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.reset()

    def hold(self) -> None:
        """Carry nothing any more, in neither direction."""
        self._flows.clear()

    def resume(self) -> None:
        """Carry on, with all that waits."""
        self._flows.set()

    def reset(self) -> None:
        """Cut every connection; new ones flow."""
        for transport in list(self._transports):
            transport.abort()
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer.transport, up_writer.transport}
        self._transports |= ends
        tasks = {
            asyncio.create_task(self._carry(reader, up_writer)),
            asyncio.create_task(self._carry(up_reader, writer)),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for transport in ends:
                transport.abort()
            self._transports -= ends

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)


@dataclass(slots=True)
class Ground:
    """What a fault has at hand."""

    folder: Path
    backing: Stores
    pipe: Pipe
    redis: Redis
    stack: ExitStack
    pid: int = field(init=False)

    def __post_init__(self) -> None:
        self.pid = self.backing.redis.pid

    # -- the faults: each returns when it is over --

    async def killed(self) -> None:
        """Kill -9, and a second later a new process on the same data."""
        port = urlsplit(self.backing.redis_url).port
        assert port is not None
        os.kill(self.pid, signal.SIGKILL)
        await asyncio.sleep(DEAD_SECONDS)
        process = await asyncio.to_thread(self.stack.enter_context, redis_server(self.folder, port))
        self.pid = process.pid

    async def flushed(self) -> None:
        """FLUSHALL: the one declared loss."""
        await self.redis.flushall()

    async def subscribers_cut(self) -> None:
        """CLIENT KILL TYPE pubsub."""
        await self.redis.client_kill_filter(_type="pubsub")

    async def clients_cut(self) -> None:
        """CLIENT KILL of everybody else."""
        for kind in ("pubsub", "normal"):
            await self.redis.client_kill_filter(_type=kind, skipme=True)

    async def stopped(self) -> None:
        """SIGSTOP for ten seconds."""
        os.kill(self.pid, signal.SIGSTOP)
        await asyncio.sleep(STOP_SECONDS)
        os.kill(self.pid, signal.SIGCONT)

    async def silent(self) -> None:
        """No byte passes for five seconds, then all of them do."""
        self.pipe.hold()
        await asyncio.sleep(HOLD_SECONDS)
        self.pipe.resume()

    async def cut_after_silence(self) -> None:
        """No byte passes for five seconds, then every connection is reset."""
        self.pipe.hold()
        await asyncio.sleep(HOLD_SECONDS)
        self.pipe.reset()


FAULTS: dict[str, Callable[[Ground], Awaitable[None]]] = {
    "killed": Ground.killed,
    "flushed": Ground.flushed,
    "subscribers_cut": Ground.subscribers_cut,
    "clients_cut": Ground.clients_cut,
    "stopped": Ground.stopped,
    "silent": Ground.silent,
    "cut_after_silence": Ground.cut_after_silence,
}


async def suffer(ground: Ground, room: Room, rate: float, fault: Callable[[Ground], Awaitable[None]]) -> list[float]:
    """Talk through the fault; answers when it began and ended, and when all was well again (0: never)."""
    talking = asyncio.create_task(talk(room, rate, 3600))
    try:
        await asyncio.sleep(BEFORE_SECONDS)
        begun = time.monotonic()
        await fault(ground)
        ended, since = time.monotonic(), room.said
        again = 0.0
        if await until(lambda: everybody_has_one_of(room, since), AGAIN_WITHIN_SECONDS):
            again = time.monotonic()
        await asyncio.sleep(AFTER_SECONDS)
    finally:
        talking.cancel()
    await whole(room)
    return [begun, ended, again]


def everybody_has_one_of(room: Room, since: int) -> bool:
    """Is there an acknowledged line from this number on that all have?"""
    return any(
        all(number in reader.shown for reader in room.readers) for number in room.ledger.acknowledged if number >= since
    )


def figures(name: str, room: Room, times: list[float]) -> dict[str, Figure]:
    """One fault's row."""
    begun, ended, again = times
    ledger, sum_ = room.ledger, settle(room.ledger, room.readers)
    told = max((took for sent, took in ledger.told_seconds if sent >= begun - 1), default=0.0)
    never = sum(reader.unanswered for reader in room.readers)
    rows = {
        "silently_lost": Figure(sum_.lost, "deliveries", LOST_GOAL),
        "declared_lost": Figure(sum_.declared, "deliveries"),
        "shown_twice": Figure(sum_.twice, "deliveries", TWICE_GOAL),
        "out_of_order": Figure(ledger.disorder, "deliveries", DISORDER_GOAL),
        "never_told": Figure(never, "messages", 0),
        "told": Figure(round(told * 1000), "ms", TOLD_GOAL_MS),
        "again": Figure(round((again - ended) * 1000) if again else 1e9, "ms", AGAIN_GOAL_MS),
        "said": Figure(room.said, "messages"),
        "acknowledged": Figure(len(ledger.acknowledged), "messages"),
    }
    line = ", ".join(f"{key} {figure.value:g}" for key, figure in rows.items())
    print(f"{name}: {line}; {ledger.answers}, {ledger.reloads} reloads, {ledger.cuts} cut", flush=True)
    return {f"{name}_{key}": figure for key, figure in rows.items()}


async def measure(backing: Stores, folder: Path, count: int, rate: float, only: str | None) -> dict[str, Figure]:
    """Every fault in turn, each in a room of its own."""
    rows: dict[str, Figure] = {}
    parts = urlsplit(backing.redis_url)
    assert parts.port is not None
    redis = Redis.from_url(backing.redis_url)
    with ExitStack() as stack:
        async with Pipe(parts.port) as pipe:
            behind = replace(backing, redis_url=f"redis://127.0.0.1:{pipe.port}/0")
            ground = Ground(folder, backing, pipe, redis, stack)
            with Pair(behind, folder) as pair:
                for name, fault in FAULTS.items():
                    if only not in {None, name}:
                        continue
                    async with AsyncExitStack() as people:
                        room = await fill(backing.database_url, count, pair, people)
                        rows |= figures(name, room, await suffer(ground, room, rate, fault))
    await redis.aclose()
    return rows


def main() -> int:
    """Run it; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second")
    parser.add_argument("--only", choices=FAULTS, help="one fault alone")
    arguments = parser.parse_args()
    with bench_folder() as folder, stores(folder) as backing, jobs_process(backing, folder):
        result = uvloop.run(measure(backing, folder, arguments.readers, arguments.rate, arguments.only))
    return report("chat_redis_faults", result)


if __name__ == "__main__":
    sys.exit(main())
