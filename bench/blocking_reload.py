"""How fast, and how cheaply, players that wait for a part have it.

`python -m bench.blocking_reload [--quick]`: one web process alone on a core; players, the writer of the parts, Redis
and Postgres on the other.  Players of three lists reload without pause, as hls.js does: each asks for the next part
with `_HLS_msn`, `_HLS_part` and `_HLS_skip` the moment it has the last.  A wake lasts from the beginning of the write
to Redis to the last byte of the reply.  Renders and reads are the process's own counters, over parts of lists and over
writes.
"""

import argparse
import asyncio
import os
import re
import sys
import time
import urllib.request
from dataclasses import dataclass, field

import uvloop
from redis.asyncio import Redis

from bench.contest import raise_file_limit
from bench.report import Figure, percentile, report
from bench.services import LOAD_CORES, SERVER_CORES, bench_folder, cpu_seconds, stores, web_processes
from media.live import LiveWindows
from media.window import Live
from tests.services.lives import PARTS, live_of
from tests.services.waiting import eventually

PUBLIC_ID = "0123456789abcdef01"
FIRST_SEGMENTS = 30
PART_SECONDS = 1 / 3
GOAL_WAKE_P99_MS = 100.0
GOAL_PARKED = 5000
GOAL_RENDERS = 1.05
SHARES = ("v1", "v1", "v2", "audio")
"""Which list each fourth player watches."""


@dataclass(slots=True)
class Crowd:
    """What all players together have seen."""

    written: dict[int, float] = field(default_factory=dict)
    """When the write of each step began."""
    waits_ms: list[float] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)
    """Replies of each step."""
    wrong: int = 0


class Player(asyncio.Protocol):
    """One connection that asks for part after part."""

    def __init__(self, crowd: Crowd, name: str, step: int) -> None:
        self._crowd = crowd
        self._path = f"/live/{PUBLIC_ID}/{name}/index.m3u8"
        self.step = step
        """The part that is asked for, counted from the broadcast's first."""
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask at once."""
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        msn, part = divmod(self.step, PARTS)
        query = f"_HLS_msn={msn}&_HLS_part={part}&_HLS_skip=YES"
        head = f"GET {self._path}?{query} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
        self._transport.write(head.encode())  # type: ignore[attr-defined]  # uvloop's own class

    def data_received(self, data: bytes) -> None:
        """A whole reply is a wake; the next part is asked for."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = re.search(rb"content-length: (\d+)", head.lower())
        if length is None or len(body) < int(length[1]):
            return
        self._buffer = b""
        crowd = self._crowd
        if not head.startswith(b"HTTP/1.1 200") or self.step not in crowd.written:
            crowd.wrong += 1
            return
        crowd.waits_ms.append((time.perf_counter() - crowd.written[self.step]) * 1000)
        crowd.answers[self.step] = crowd.answers.get(self.step, 0) + 1
        self.step += 1
        self._ask()


class Writer:
    """Lets part after part out, in three lists at once."""

    def __init__(self, redis: Redis) -> None:
        self._windows = LiveWindows(redis)
        self.step = FIRST_SEGMENTS * PARTS - 1

    async def begin(self) -> None:
        """Everything up to the first step."""
        claimed = await self._windows.claim(PUBLIC_ID)
        assert claimed is not None
        self._generation = claimed.generation
        await self._show(live_of(FIRST_SEGMENTS))

    async def next_step(self, crowd: Crowd) -> None:
        """One part more of each."""
        self.step += 1
        segments, parts = divmod(self.step + 1, PARTS)
        live = live_of(segments, parts)
        crowd.written[self.step] = time.perf_counter()
        await self._show(live)

    async def _show(self, live: Live) -> None:
        records = live.records[-2:] if self.step >= FIRST_SEGMENTS * PARTS else live.records
        outcome = await self._windows.publish(PUBLIC_ID, self._generation, live.tails or {}, records, live.master)
        assert outcome == "written", outcome


def counters(metrics_port: int) -> dict[str, float]:
    """What the web process counted so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=5) as reply:
        text = reply.read().decode()
    return {name: float(value) for name, value in re.findall(r"^(leams_playlist_\w+) (\S+)$", text, re.MULTILINE)}


async def connect(crowd: Crowd, port: int, players: int, step: int) -> list[asyncio.BaseTransport]:
    """Players who wait for this step."""
    loop = asyncio.get_running_loop()
    transports: list[asyncio.BaseTransport] = []
    for first in range(0, players, 200):
        made = [
            loop.create_connection(lambda name=name: Player(crowd, name, step), "127.0.0.1", port)  # type: ignore[misc]
            for name in (SHARES[number % len(SHARES)] for number in range(first, min(players, first + 200)))
        ]
        transports += [transport for transport, _ in await asyncio.gather(*made)]
    return transports


async def parked(metrics_port: int, least: int) -> float:
    """Wait until so many requests wait; how many do."""

    async def look() -> float | None:
        count = (await asyncio.to_thread(counters, metrics_port))["leams_playlist_parked"]
        return count if count >= least else None

    return await eventually(look, f"{least} parked requests", 60)


async def watch(writer: Writer, port: int, metrics_port: int, pid: int, players: int, steps: int) -> dict[str, float]:
    """So many players for so many parts."""
    crowd = Crowd()
    before_us = counters(metrics_port)["leams_playlist_parked"]  # players of before, who are gone and still wait
    transports = await connect(crowd, port, players, writer.step + 1)
    most = await parked(metrics_port, players + int(before_us)) - before_us
    before, cpu = counters(metrics_port), cpu_seconds(pid)
    first = writer.step + 1
    for number in range(steps):
        due = asyncio.get_running_loop().time() + PART_SECONDS
        await writer.next_step(crowd)
        step = first + number

        async def all_have_it(step: int = step) -> bool:
            return crowd.answers.get(step, 0) + crowd.wrong >= players

        await eventually(all_have_it, f"part {step} for all of {players} players", 20)
        await asyncio.sleep(max(0, due - asyncio.get_running_loop().time()))
    await parked(metrics_port, players - crowd.wrong)
    after, spent = counters(metrics_port), cpu_seconds(pid) - cpu
    for transport in transports:
        transport.abort()  # type: ignore[attr-defined]  # uvloop's own class
    lists = steps * len(set(SHARES))
    return {
        "parked": most,
        "wrong": crowd.wrong,
        "p99_ms": percentile(crowd.waits_ms, 0.99),
        "p50_ms": percentile(crowd.waits_ms, 0.5),
        "max_ms": max(crowd.waits_ms),
        "renders": (after["leams_playlist_renders_total"] - before["leams_playlist_renders_total"]) / lists,
        "reads": (after["leams_playlist_reads_total"] - before["leams_playlist_reads_total"]) / steps,
        "cpu_us": spent * 1e6 / len(crowd.waits_ms),
    }


async def run(redis_url: str, port: int, metrics_port: int, pid: int, *, is_quick: bool) -> dict[str, Figure]:
    """A thousand for a while, then as many as five thousand."""
    redis = Redis.from_url(redis_url, protocol=3)
    writer = Writer(redis)
    await writer.begin()
    warm = await watch(writer, port, metrics_port, pid, 50, 6)
    many = await watch(writer, port, metrics_port, pid, 1000, 30 if is_quick else 90)
    most = await watch(writer, port, metrics_port, pid, GOAL_PARKED + 1000, 3 if is_quick else 10)
    await redis.aclose()
    return {
        "wake_p99": Figure(round(many["p99_ms"], 1), "ms", GOAL_WAKE_P99_MS),
        "wake_p50": Figure(round(many["p50_ms"], 1), "ms"),
        "wake_max": Figure(round(many["max_ms"], 1), "ms"),
        "renders_per_part": Figure(round(many["renders"], 3), "renders a part and list", GOAL_RENDERS),
        "reads_per_part": Figure(round(many["reads"], 3), "Redis reads a part of all lists", GOAL_RENDERS),
        "cpu_per_reply": Figure(round(many["cpu_us"], 1), "us"),
        "parked": Figure(most["parked"], "requests on one core", GOAL_PARKED, better="higher"),
        "parked_wake_p99": Figure(round(most["p99_ms"], 1), "ms"),
        "wrong_replies": Figure(warm["wrong"] + many["wrong"] + most["wrong"], "replies", 0),
    }


def main(argv: list[str]) -> int:
    """Start everything, watch, report."""
    parser = argparse.ArgumentParser(prog="python -m bench.blocking_reload")
    parser.add_argument("--quick", action="store_true", help="a third of the parts")
    arguments = parser.parse_args(argv)
    raise_file_limit()
    os.sched_setaffinity(0, LOAD_CORES)
    with (
        bench_folder() as folder,
        stores(folder, cores=LOAD_CORES) as backing,
        web_processes(backing, folder, cores=SERVER_CORES, LEAMS_LOG_LEVEL="warning") as (web,),
    ):
        figures = uvloop.run(
            run(backing.redis_url, web.port, web.metrics_port, web.process.pid, is_quick=arguments.quick)
        )
    return report("blocking_reload", figures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
