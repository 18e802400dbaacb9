"""One reader in a hundred stops reading: what the others feel of it, what it costs in memory, how the slow come back.

`python -m bench.chat_slow [--members N] [--rate N] [--seconds N] [--rounds N]`: two crowds in two rooms of one web
process, one of which has readers who stop for 7 s; they talk in turn, so that each round compares like with like.  Who
is that slow is closed, comes back, and gets everything.  A third, small crowd stops for 1 s only, and is not even
closed.  Who is closed as SLOW while it reads nothing finds its connection cut (1006); so the server's own count is
compared.  Servers on one core, load on the other.
"""

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx

from bench.contest import make_people, raise_file_limit
from bench.ladder import median_ratio
from bench.load.generator import Crowd, Load, Step, compile_load, running_load
from bench.report import Figure, report
from bench.services import LOAD_CORES, SERVER_CORES, bench_folder, jobs_process, stores, web_processes
from tests.services.chat import WebProcess

STOPPED_SHARE = 0.01
RECEIVE_BYTES = 4096
"""The kernel's buffer of those who stop: what they don't read waits in the server."""
TEXT_BYTES = 450
STOPPED_SECONDS = 7.0
"""Long enough to be closed as SLOW after 2 to 3, short enough to recover whole: 1,400 messages of 3,000."""
READ_ON_SECONDS = 5.0
BRIEF_MEMBERS, BRIEF_SECONDS = 200, 1.0
OUTBOX_MIB, SMALL_MIB = 0.25, 8.0
"""What one slow reader may cost, and what a process's memory moves by itself."""
RATIO_GOAL = 1.10
SAMPLE_SECONDS = 0.25


class Memory:
    """The most memory a process had while it was looked at, beyond what it had before."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._done = threading.Event()
        self.before_mib = self.most_mib = self._rss_mib()

    def _rss_mib(self) -> float:
        """Source: proc(5), status."""
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def _look(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self.most_mib = max(self.most_mib, self._rss_mib())

    @property
    def growth_mib(self) -> float:
        """At the worst moment."""
        return self.most_mib - self.before_mib

    @contextmanager
    def watched(self) -> "Iterator[Memory]":
        """Look at it for as long as the block lasts."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield self
        finally:
            self._done.set()
            thread.join()


@dataclass(slots=True)
class Stage:
    """The process that is measured, its crowds, and what they saw."""

    web: WebProcess
    loads: dict[str, Load] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    growth_mib: list[float] = field(default_factory=list)
    overflows: list[int] = field(default_factory=list)
    """Sockets that the server closed as too slow, in each step of the slow crowd."""

    def talk(self, name: str, rate: float, seconds: float) -> None:
        """One step of one crowd, and how much the process grew in it."""
        overflows = self._overflows()
        with Memory(self.web.process.pid).watched() as memory:
            step = self.loads[name].talk(rate, seconds)
        overflows = self._overflows() - overflows
        self.steps.setdefault(name, []).append(step)
        if name == "slow":
            self.growth_mib.append(memory.growth_mib)
            self.overflows.append(overflows)
        print(
            f"{name:>6}: p50 {step.latency_ms.p50:.1f}  p99 {step.latency_ms.p99:.1f} ms  web {step.cpu('web'):.1f} s"
            f"  load {step.own_cpu_share:.2f}  grew {memory.growth_mib:.1f} MiB  too slow {overflows}"
            f"  closed {step.closed}  lost {step.lost}  declared {step.declared_lost}  away {step.lost_of_away}"
            f"  back {step.recovered}+{step.unrecovered}",
            flush=True,
        )

    def _overflows(self) -> int:
        text = httpx.get(f"http://127.0.0.1:{self.web.metrics_port}/metrics").text
        line = next(line for line in text.splitlines() if line.startswith("leams_chat_outbox_overflow_total "))
        return int(float(line.split()[1]))


def main() -> int:
    """Run it; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200.0, help="messages a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each step")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    raise_file_limit()
    with ExitStack() as stack:
        folder = stack.enter_context(bench_folder())
        backing = stack.enter_context(stores(folder, cores=LOAD_CORES))
        stack.enter_context(jobs_process(backing, folder, cores=LOAD_CORES))
        program, count = compile_load(folder), arguments.members
        sizes = {"quiet": count, "slow": count, "brief": BRIEF_MEMBERS}
        rooms = {name: make_people(backing, folder / name, size) for name, size in sizes.items()}
        stops = {"quiet": 0.0, "slow": STOPPED_SECONDS, "brief": BRIEF_SECONDS}
        [web] = stack.enter_context(web_processes(backing, folder, cores=SERVER_CORES))
        stage = Stage(web)
        for name, size in sizes.items():
            crowd = Crowd(
                speech="leams",
                ports=[web.port],
                rooms=rooms[name],
                tokens=folder / name,
                members=size,
                bytes=TEXT_BYTES,
                stopped_share=STOPPED_SHARE if stops[name] else 0.0,
                stopped_seconds=stops[name],
                receive_bytes=RECEIVE_BYTES if stops[name] else 0,
                watch={"web": web.process.pid},
            )
            stage.loads[name] = stack.enter_context(running_load(program, crowd, LOAD_CORES))
        for _ in range(arguments.rounds):
            stage.talk("quiet", arguments.rate, arguments.seconds)
            stage.talk("slow", arguments.rate, arguments.seconds)
        stage.talk("brief", arguments.rate, READ_ON_SECONDS + BRIEF_SECONDS)
    return report("chat_slow", figures(stage, round(count * STOPPED_SHARE)))


def figures(stage: Stage, stopped: int) -> dict[str, Figure]:
    """The others' time beside that of a room without slow readers; what the slow cost, and what became of them."""
    quiet, slow, [brief] = stage.steps["quiet"], stage.steps["slow"], stage.steps["brief"]
    p99, base = ([step.latency_ms.p99 for step in steps] for steps in (slow, quiet))
    everyone = [*quiet, *slow, brief]
    ended = sum(sum(step.closed.values()) for step in slow)
    return {
        "p99_of_the_rest_ratio": Figure(round(median_ratio(p99, base), 3), "ratio", RATIO_GOAL, round(median(base), 1)),
        "p99_of_the_rest": Figure(round(median(p99), 1), "ms"),
        "memory_growth": Figure(round(max(stage.growth_mib), 1), "MiB", stopped * OUTBOX_MIB + SMALL_MIB),
        "slow_readers": Figure(stopped, "sockets"),
        "closed_as_slow": Figure(min(stage.overflows), "sockets", stopped, better="higher"),
        "others_closed": Figure(ended - sum(stage.overflows), "sockets", 0),
        "came_back": Figure(
            min(step.recovered + step.unrecovered for step in slow), "sockets", stopped, better="higher"
        ),
        "silently_lost": Figure(sum(step.lost + step.lost_of_away for step in everyone), "deliveries", 0),
        "not_whole": Figure(sum(step.unrecovered for step in slow), "sockets", 0),
        "declared_lost": Figure(sum(step.declared_lost for step in slow), "deliveries", 0),
        "twice_or_out_of_order": Figure(sum(s.twice + s.disorder + s.gaps for s in everyone), "deliveries", 0),
        "brief_closed_or_lost": Figure(sum(brief.closed.values()) + brief.declared_lost, "sockets, deliveries", 0),
        "load_cpu_share_max": Figure(max(step.own_cpu_share for step in everyone), "of a core"),
    }


if __name__ == "__main__":
    sys.exit(main())
