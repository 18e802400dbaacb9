"""100 rooms of 10 members, 2,000 messages a second in all: CPU of the web process for each message, beside nchan's.

`python -m bench.chat_small_rooms [--rooms N] [--rounds N] [--quick]`: as chat_fanout, but here what comes in, is judged
and goes through Redis weighs more than what goes out.  Where Leams can't carry 2,000 a second, all get what it can.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.contest import leams_process, make_people, raise_file_limit
from bench.ladder import median_ratio
from bench.load.generator import Step, compile_load, running_load
from bench.peers.servers import Contender, nchan, starlette_loop, versions
from bench.report import Figure, report
from bench.services import LOAD_CORES, SERVER_CORES, bench_folder, stores

ROOM_MEMBERS = 10
RATES = (2000.0, 1000.0, 500.0, 250.0)
MOST_P99_MS = 250.0
EVENT_BYTES = 280
"""About what Leams delivers for a line of `contest.TEXT_BYTES`."""


def talk(load_program: Path, contender: Contender, redis_pid: int, rate: float, seconds: float) -> Step:
    """A fresh crowd, everybody of it speaking in turn."""
    members = len(contender.rooms) * ROOM_MEMBERS
    with running_load(load_program, contender.crowd(members, members, redis=redis_pid), LOAD_CORES) as load:
        step = load.talk(rate, seconds)
    redis = step.cpu("redis") / step.measured * 1e6
    print(
        f"{contender.name:>10} {rate:6.0f}/s {us_per_message(step):7.1f} us/message  redis {redis:6.1f}"
        f"  p50 {step.latency_ms.p50:6.2f}  p99 {step.latency_ms.p99:6.1f} ms"
        f"  server {step.cpu('web') / step.wall_seconds:.2f}  load {step.own_cpu_share:.2f}  errors {step.errors}",
        flush=True,
    )
    return step


def us_per_message(step: Step) -> float:
    """CPU of the server's process for a message that was published and delivered to the ten."""
    return step.cpu("web") / step.deliveries * ROOM_MEMBERS * 1e6


def is_carried(step: Step) -> bool:
    """Nothing lost, refused or late."""
    return step.errors == 0 and not step.refused and step.latency_ms.p99 < MOST_P99_MS


def main() -> int:
    """Run it; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--quick", action="store_true", help="one short round")
    arguments = parser.parse_args()
    rounds, seconds = (1, 2.0) if arguments.quick else (arguments.rounds, arguments.seconds)
    print(f"peers: {versions()}", flush=True)
    raise_file_limit()
    steps: dict[str, list[Step]] = {"leams": [], "nchan": [], "starlette": []}
    with bench_folder() as folder, stores(folder, cores=LOAD_CORES) as backing, ExitStack() as stack:
        load, tokens = compile_load(folder), folder / "tokens"
        rooms = make_people(backing, tokens, arguments.rooms * ROOM_MEMBERS, arguments.rooms)
        ours = stack.enter_context(leams_process("leams", backing, folder, rooms, tokens, SERVER_CORES))
        peers = [
            stack.enter_context(peer(folder, rooms, EVENT_BYTES, SERVER_CORES)) for peer in (nchan, starlette_loop)
        ]
        redis_pid = backing.redis.pid
        rate = next((rate for rate in RATES if is_carried(talk(load, ours, redis_pid, rate, seconds))), RATES[-1])
        for _ in range(rounds):
            for contender in (ours, *peers):
                steps[contender.name].append(talk(load, contender, redis_pid, rate, seconds))
    return report("chat_small_rooms", figures(steps, rate))


def figures(steps: dict[str, list[Step]], rate: float) -> dict[str, Figure]:
    """Ratios to nchan, and what they are made of."""
    cost = {name: [us_per_message(step) for step in row] for name, row in steps.items()}
    base = round(median(cost["nchan"]), 1)
    ours = steps["leams"]
    return {
        "cost_to_nchan": Figure(round(median_ratio(cost["leams"], cost["nchan"]), 2), "ratio", 5.0, base),
        "cost_to_starlette": Figure(round(median_ratio(cost["leams"], cost["starlette"]), 2), "ratio"),
        **{f"cost_{name}": Figure(round(median(row), 1), "us/message") for name, row in cost.items()},
        **{f"p99_{name}": Figure(round(median(s.latency_ms.p99 for s in row), 1), "ms") for name, row in steps.items()},
        "redis_cpu": Figure(round(median(step.cpu("redis") / step.measured * 1e6 for step in ours), 1), "us/message"),
        "rate": Figure(rate, "messages/s", RATES[0], better="higher"),
        "errors": Figure(sum(step.errors for step in ours), "errors", 0),
        "load_cpu_share_max": Figure(max(s.own_cpu_share for row in steps.values() for s in row), "of a core"),
    }


if __name__ == "__main__":
    sys.exit(main())
