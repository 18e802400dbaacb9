"""Does anything grow with a broadcast's length, or with the number of broadcasts that came and went?

`python -m bench.soak [--hours N] [--broadcasts N] [--quick]`.  A day's segments of one broadcast, 43,200 of 2 s in
three renditions, through the worker's cutter, packager, store and Redis as fast as they go, while players reload every
kind of list at a web process; then short broadcasts one after the other through a real worker, ingest and FFmpeg.
Memory (PSS), descriptors and Redis' data are looked at each hour of media: the most of the last quarter beside the
most of the two hours after the rewind window was full.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvloop
from redis.asyncio import Redis

from bench.ladder_cost import make_source
from bench.report import Figure, report
from bench.services import Stores, bench_folder, pss_bytes, redis_server, stores, web_processes
from clients.publish import file_command
from media import jobs
from media.window import DVR_SECONDS
from tests.services.bare_ingest import bare_ingest
from tests.services.chat import WebProcess
from tests.services.processes import running
from tests.services.tape import SEGMENT_SECONDS
from tests.services.transcoders import Transcoding
from tests.services.waiting import eventually
from workbench.machine import free_port

PUBLIC_ID = "0123456789abcdef02"
HOURS = 24
QUICK_HOURS = 8
HOUR_SEGMENTS = round(3600 / SEGMENT_SECONDS)
FULL_HOURS = round(DVR_SECONDS / 3600)
"""Until then the spine grows, as it should."""
BROADCASTS = 30
QUICK_BROADCASTS = 8
WARM_BROADCASTS = 3
BROADCAST_SECONDS = 3.0
GOAL_RATIO = 1.05
SPARE_DESCRIPTORS = 4
"""Connections of players that come and go."""
RELOAD_SECONDS = 0.1
LISTS = ("index.m3u8", "v1/index.m3u8", "v2/index.m3u8", "audio/index.m3u8", "v1/iframes.m3u8")
REWIND = ("dvr.m3u8", "v1/dvr.m3u8?_HLS_skip=YES", "audio/dvr.m3u8", "v1/dvr-iframes.m3u8")


@dataclass(frozen=True, slots=True)
class Look:
    """What stood at some moment."""

    pss_bytes: dict[str, int]
    descriptors: dict[str, int]
    keys: int


async def look_at(pids: dict[str, int], redis: Redis) -> Look:
    """All processes, and how many keys Redis has."""
    memory = {name: pss_bytes(pid) for name, pid in pids.items()}
    memory["redis_data"] = int((await redis.info("memory"))["used_memory"])
    return Look(memory, {name: descriptors(pid) for name, pid in pids.items()}, await redis.dbsize())


def descriptors(pid: int) -> int:
    """How many files and sockets a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


async def reload(port: int, counted: dict[int, int]) -> None:
    """Every list, again and again, as players of all kinds do; until cancelled."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/live/{PUBLIC_ID}/", timeout=10) as http:
        while True:
            for name in (*LISTS, *REWIND):
                with suppress(httpx.TransportError):
                    status = (await http.get(name)).status_code
                    counted[status] = counted.get(status, 0) + 1
                await asyncio.sleep(RELOAD_SECONDS)  # the pace of the load


async def long_broadcast(hours: int, folder: Path, backing: Stores, web: WebProcess) -> dict[str, Figure]:
    """One of so many hours."""
    looks: list[Look] = []
    statuses: dict[int, int] = {}
    redis = Redis.from_url(backing.redis_url, protocol=3)
    command = [sys.executable, "-m", "tests.services.tape", PUBLIC_ID, str(hours * HOUR_SEGMENTS)]
    command += [str(HOUR_SEGMENTS), backing.redis_url, (folder / "media").as_uri()]
    writer = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdin is not None
    pids = {"writer": writer.pid, "web": web.process.pid, "redis": backing.redis.pid}
    players = asyncio.create_task(reload(web.port, statuses))
    try:
        for hour in range(hours):
            assert await writer.stdout.readline(), "the writer ended early"
            looks.append(await look_at(pids, redis))
            print(f"hour {hour + 1}: {looks[-1]}", flush=True)
            writer.stdin.write(b"\n")
            await writer.stdin.drain()
    finally:
        players.cancel()
        writer.stdin.close()  # a line, for who waits for one
        await writer.wait()
        await redis.aclose()
    early, late = looks[FULL_HOURS + 1 : FULL_HOURS + 3], looks[-max(1, hours // 4) :]
    refused = sum(count for status, count in statuses.items() if status != 200)
    return {
        **compared("long", early, late),
        "long_segments": Figure(hours * HOUR_SEGMENTS, "segments"),
        "long_reloads": Figure(statuses.get(200, 0), "replies"),
        "long_reloads_refused": Figure(refused, "replies, before the first segment", len(LISTS) + len(REWIND)),
    }


async def many_broadcasts(count: int, folder: Path) -> dict[str, Figure]:
    """So many short ones, one after the other, of one worker."""
    looks: list[Look] = []
    port = free_port()
    source = folder / "source.flv"
    make_source(source, 30)
    async with AsyncExitStack() as stack:
        server = stack.enter_context(redis_server(folder, port))
        pull_url = stack.enter_context(bare_ingest(folder / "ingest"))
        redis_url = f"redis://127.0.0.1:{port}/0"
        redis = Redis.from_url(redis_url, protocol=3)
        stack.push_async_callback(redis.aclose)
        media = folder / "many"
        worker = stack.enter_context(Transcoding(redis, redis_url, pull_url, media).worker("worker"))
        pids = {"worker": worker.pid, "redis": server.pid}
        for number in range(count):
            one = Transcoding(redis, redis_url, pull_url, media, f"m{number}")
            await one.enqueue()
            with running(file_command(source, one.address), folder / "encoder.log", lambda: True):
                await one.report(jobs.FirstSegment)
                await asyncio.sleep(BROADCAST_SECONDS)  # a broadcast's length
            await one.report(jobs.Gone, 40)
            await eventually(lambda: _has_no_children(worker.pid), "the end of FFmpeg", 20)
            looks.append(await look_at(pids, redis))
            print(f"broadcast {number + 1}: {looks[-1]}", flush=True)
    early, late = looks[WARM_BROADCASTS - 1 : WARM_BROADCASTS + 1], looks[-max(1, count // 4) :]
    figures = compared("many", early, late)
    figures.pop("many_redis_data")  # windows of ended broadcasts are kept for an hour
    figures.pop("many_redis_memory")
    return figures | {"many_broadcasts": Figure(count, "broadcasts")}


async def _has_no_children(pid: int) -> bool:
    return not await asyncio.to_thread(_children, pid)


def _children(pid: int) -> list[str]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [child for path in tasks for child in path.read_text().split()]


def compared(prefix: str, early: list[Look], late: list[Look]) -> dict[str, Figure]:
    """The most of `late` over the most of `early`, for each process; descriptors as a difference."""
    figures: dict[str, Figure] = {}
    for name in early[0].pss_bytes:
        before, after = (max(look.pss_bytes[name] for look in looks) for looks in (early, late))
        what = name if name == "redis_data" else f"{name}_memory"
        ratio = round(after / before, 3)
        figures[f"{prefix}_{what}"] = Figure(ratio, "of what it was", GOAL_RATIO, f"{before >> 10} KiB")
    for name in early[0].descriptors:
        before, after = (max(look.descriptors[name] for look in looks) for looks in (early, late))
        figures[f"{prefix}_{name}_descriptors"] = Figure(after - before, "more", SPARE_DESCRIPTORS, before)
    return figures


def main(argv: list[str]) -> int:
    """Run the bench; its last line is the JSON."""
    parser = argparse.ArgumentParser(prog="./run bench soak")
    parser.add_argument("--hours", type=int, default=HOURS, help=f"of media, at least {QUICK_HOURS}")
    parser.add_argument("--broadcasts", type=int, default=BROADCASTS)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_HOURS} hours, {QUICK_BROADCASTS} broadcasts")
    arguments = parser.parse_args(argv)
    hours, count = (QUICK_HOURS, QUICK_BROADCASTS) if arguments.quick else (arguments.hours, arguments.broadcasts)
    if hours < QUICK_HOURS or count <= WARM_BROADCASTS:
        parser.error(f"at least {QUICK_HOURS} hours and {WARM_BROADCASTS + 1} broadcasts")
    with bench_folder() as folder:
        with stores(folder) as backing, web_processes(backing, folder, LEAMS_LOG_LEVEL="warning") as (web,):
            figures = uvloop.run(long_broadcast(hours, folder, backing, web))
        figures |= uvloop.run(many_broadcasts(count, folder))
    return report("soak", figures)


if __name__ == "__main__":
    os.environ["PYTHONUNBUFFERED"] = "1"
    sys.exit(main(sys.argv[1:]))
