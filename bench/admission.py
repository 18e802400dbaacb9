"""Does one broadcast more ever slow an admitted one down, and do ladders cost what was predicted?

`python -m bench.admission [--broadcasts N] [--seconds N] [--quick]`.  One worker with its own calibration, nginx-rtmp,
Redis; encoders that publish a file as it is, one more every few seconds, far beyond what the worker can carry.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redis.asyncio import Redis

from bench.ladder_cost import make_source
from bench.report import Figure, report
from bench.services import cpu_seconds, redis_server, tree_cpu_seconds
from clients.publish import file_command
from media import jobs
from tests.services.bare_ingest import bare_ingest
from tests.services.processes import running
from tests.services.transcoders import Transcoding
from tests.services.waiting import eventually
from workbench.machine import free_port

BROADCASTS = 6
SECONDS = 30.0
QUICK_SECONDS = 16.0
CORES = 1.2
"""Of two: encoders, ingest and Redis need the rest."""
SETTLE_SECONDS = 8.0
TRIES = 3
"""Of a measurement within which a ladder changed."""
SPEED_GOAL = 0.995
"""1.0 to the accuracy of FFmpeg's reports over so many seconds."""
COST_GOAL = 0.15


@dataclass(slots=True)
class Broadcast:
    """One of them as the worker reports it."""

    transcoding: Transcoding
    reports: list[jobs.Health] = field(default_factory=list)

    @property
    def speed(self) -> float:
        """Mean of what was reported; 0: nothing was.  A run of less than three seconds has no speed yet."""
        known = [found.speed for found in self.reports if found.speed]
        return statistics.mean(known) if known else 0.0

    @property
    def rungs(self) -> int:
        """How many renditions with a picture it has now."""
        return sum(item.height > 0 for item in self.reports[-1].renditions) if self.reports else 0


@contextmanager
def publisher(source: Path, address: str, log: Path) -> Iterator[None]:
    """An encoder that costs next to nothing."""
    with running(file_command(source, address), log, lambda: True):
        yield


async def collect(reader: Transcoding, broadcasts: list[Broadcast], seconds: float) -> None:
    """Give every broadcast its reports of the next so many seconds; `reader` reads those of all."""
    await reader.read_reports()
    known = len(reader.reports)
    await asyncio.sleep(seconds)
    await reader.read_reports()
    by_id = {one.transcoding.public_id: one for one in broadcasts}
    for found in reader.reports[known:]:
        if isinstance(found, jobs.Health) and found.public_id in by_id:
            by_id[found.public_id].reports.append(found)


def runs(log: Path) -> list[tuple[str, float]]:
    """Whose run began, and what all ladders together were expected to take from then on, as the worker said then."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"run_started"' in line]
    return [(line["broadcast"], float(line["all_cores"])) for line in lines]


async def settle(log: Path, public_id: str) -> list[tuple[str, float]]:
    """Wait until this one runs and no run has begun for a while; returns all runs."""

    async def is_running() -> bool:
        return public_id in dict(await asyncio.to_thread(runs, log))

    await eventually(is_running, "the newest broadcast's run", 20)
    known = 0
    while known != len(found := await asyncio.to_thread(runs, log)):
        known = len(found)
        await asyncio.sleep(SETTLE_SECONDS)
    return found


async def measure(folder: Path, count: int, seconds: float) -> dict[str, Figure]:
    """Add broadcasts one by one; look at all of them after each."""
    source = folder / "source.flv"
    make_source(source, 30)
    port = free_port()
    speeds: list[float] = []
    misses: list[float] = []
    rungs: list[int] = []
    with ExitStack() as stack:
        stack.enter_context(redis_server(folder, port))
        pull_url = stack.enter_context(bare_ingest(folder / "ingest"))
        redis_url = f"redis://127.0.0.1:{port}/0"
        redis = Redis.from_url(redis_url, protocol=3)
        first = Transcoding(redis, redis_url, pull_url, folder / "media", "b0")
        calibration = {"LEAMS_CALIBRATION": str(folder / "calibration"), "LEAMS_TRANSCODER_CORES": str(CORES)}
        worker = stack.enter_context(first.worker("worker", **calibration))
        log = folder / "worker.log"

        async def is_calibrated() -> bool:
            return '"calibrated"' in await asyncio.to_thread(log.read_text)

        await eventually(is_calibrated, "the calibration", 60)
        idle = cpu_seconds(worker.pid)
        broadcasts: list[Broadcast] = []
        for number in range(count):
            one = Broadcast(Transcoding(redis, redis_url, pull_url, folder / "media", f"b{number}"))
            await one.transcoding.enqueue()
            stack.enter_context(publisher(source, one.transcoding.address, folder / f"encoder{number}.log"))
            broadcasts.append(one)
            for _ in range(TRIES):
                begun = await settle(log, one.transcoding.public_id)
                for each in broadcasts:
                    each.reports.clear()
                before = tree_cpu_seconds(worker.pid)
                await collect(first, broadcasts, seconds)
                taken = (tree_cpu_seconds(worker.pid) - before) / seconds
                speeds += [each.speed for each in broadcasts[:-1]]
                if runs(log) == begun:
                    break  # else it took neither what was predicted before nor what was after
            predicted = begun[-1][1]
            misses.append(abs(predicted - taken) / taken)
            rungs = [each.rungs for each in broadcasts]
            print(
                f"{number + 1} broadcasts: rungs {rungs}, cores {taken:.2f}, predicted {predicted:.2f},"
                f" speeds {[round(each.speed, 3) for each in broadcasts]}",
                flush=True,
            )
        print(f"python before the first: {idle:.1f} s")
        await redis.aclose()
    return {
        "lowest_admitted_speed": Figure(round(min(speeds), 4), "of real time", SPEED_GOAL, better="higher"),
        "prediction_error_first": Figure(round(misses[0], 3), "of measured", COST_GOAL),
        "prediction_error_worst": Figure(round(max(misses), 3), "of measured", COST_GOAL),
        "prediction_error_median": Figure(round(statistics.median(misses), 3), "of measured"),
        "broadcasts_served": Figure(sum(one > 0 for one in rungs), "broadcasts", count, better="higher"),
        "rungs_of_first": Figure(rungs[0], "rungs"),
        "rungs_of_last": Figure(rungs[-1], "rungs"),
    }


def main(argv: list[str]) -> int:
    """Run the bench; its last line is the JSON."""
    parser = argparse.ArgumentParser(prog="./run bench admission")
    parser.add_argument("--broadcasts", type=int, default=BROADCASTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--quick", action="store_true", help=f"four broadcasts, {QUICK_SECONDS:g} s each")
    arguments = parser.parse_args(argv)
    count, seconds = (4, QUICK_SECONDS) if arguments.quick else (arguments.broadcasts, arguments.seconds)
    with tempfile.TemporaryDirectory(prefix="leams-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        return report("admission", asyncio.run(measure(folder, count, seconds)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
