"""One room of 1,000 members: CPU per delivery, the highest throughput, and latency, beside the peers.

`python -m bench.chat_fanout [--members N] [--rounds N] [--quick]`: real web processes with durable Postgres and Redis
(tokens, rooms, archive) on core 0, reached at their own port; nginx-nchan, socket.io, `websockets.broadcast` and a
plain Starlette loop on the same core, one measured at a time; the load, Redis and Postgres on core 1.  All deliver
messages of one size.  The contenders take turns in every round; a ratio is the median of the rounds' own ratios.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.contest import leams_process, make_people, raise_file_limit
from bench.ladder import climb, median_ratio, search
from bench.load.generator import Crowd, Step, compile_load, running_load
from bench.peers.servers import Contender, nchan, socketio, starlette_loop, versions, websockets_broadcast
from bench.report import Figure, report
from bench.services import LOAD_CORES, SERVER_CORES, Stores, bench_folder, stores

FIXED_RATE = 200.0
FIXED_SENDERS = 50
"""Each 4 a second: a moderator's limit is 5."""
HOT_RATE = 1000.0
MOST_RATE = 4800.0
"""1,000 moderators may say 5,000 a second."""
MOST_P99_MS = 250.0
MOST_DRAIN_MS = 1000.0

Contenders = Mapping[str, Contender]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes."""

    members: int
    rounds: int
    seconds: float
    step_seconds: float
    warm_up: float


class Arena:
    """The contenders, and what a crowd of members sees at each."""

    def __init__(self, contenders: Contenders, load: Path, plan: Plan, redis_pid: int) -> None:
        self.contenders = contenders
        self._load, self._plan, self._redis_pid = load, plan, redis_pid

    def talk(self, name: str, rate: float, senders: int, seconds: float) -> Step:
        """A fresh crowd, one step."""
        crowd = self.contenders[name].crowd(self._plan.members, senders, redis=self._redis_pid)
        with running_load(self._load, crowd, LOAD_CORES) as load:
            step = load.talk(rate, seconds, self._plan.warm_up)
        _tell(name, step)
        return step

    def highest(self, name: str, best: float | None) -> float:
        """The highest rate that passes: a search the first time, afterwards a climb from the earlier result.

        A crowd stays for as long as its steps pass; what a failed step left behind must not burden the next one.
        """
        crowd = self.contenders[name].crowd(self._plan.members, self._plan.members)
        with ExitStack() as stack:
            load = stack.enter_context(running_load(self._load, crowd, LOAD_CORES))

            def passes(rate: float) -> bool:
                nonlocal load
                step = load.talk(rate, self._plan.step_seconds, 0.5)
                is_passing = passed(step)
                _tell(name, step, "passes" if is_passing else "fails")
                if not is_passing:
                    stack.close()
                    load = stack.enter_context(running_load(self._load, crowd, LOAD_CORES))
                return is_passing

            if best is None:
                return search(passes, FIXED_RATE, MOST_RATE)
            return climb(passes, best, MOST_RATE)


def passed(step: Step) -> bool:
    """Is this rate sustained: nothing lost, twice or out of order, nobody closed, in time, and no backlog."""
    return (
        step.errors == 0
        and not step.closed
        and not step.refused
        and step.latency_ms.p99 < MOST_P99_MS
        and step.drain_ms < MOST_DRAIN_MS
    )


def us_per_delivery(step: Step) -> float:
    """CPU of the server's process."""
    return step.cpu("web") / step.deliveries * 1e6


def _tell(name: str, step: Step, verdict: str = "") -> None:
    print(
        f"{name:>12} {step.rate:7.0f}/s {us_per_delivery(step) if step.deliveries else 0:6.2f} us/delivery"
        f"  p50 {step.latency_ms.p50:6.1f}  p99 {step.latency_ms.p99:6.1f} ms  server"
        f" {step.cpu('web') / step.wall_seconds:.2f}  load {step.own_cpu_share:.2f}  errors {step.errors} {verdict}",
        flush=True,
    )


# -- the three measurements --


def cost_at_fixed_rate(arena: Arena, plan: Plan) -> dict[str, Figure]:
    """CPU per delivery at 200 messages a second: without joining, with it, and nchan's."""
    steps: dict[str, list[Step]] = {"nchan": [], "unjoined": [], "leams": []}
    for _ in range(plan.rounds):
        for name, row in steps.items():
            row.append(arena.talk(name, FIXED_RATE, FIXED_SENDERS, plan.seconds))
    cost = {name: [us_per_delivery(step) for step in row] for name, row in steps.items()}
    base = round(median(cost["nchan"]), 2)
    figures = {
        "cost_unjoined_to_nchan": Figure(round(median_ratio(cost["unjoined"], cost["nchan"]), 3), "ratio", 1.1, base),
        "cost_joined_to_nchan": Figure(round(median_ratio(cost["leams"], cost["nchan"]), 3), "ratio", 0.65, base),
        "cost_unjoined": Figure(round(median(cost["unjoined"]), 2), "us/delivery"),
        "cost_joined": Figure(round(median(cost["leams"]), 2), "us/delivery"),
        "cost_nchan": Figure(base, "us/delivery"),
    }
    ours = steps["leams"] + steps["unjoined"]
    per_message = [step.cpu("redis") / step.measured * 1e6 for step in ours]
    figures["redis_cpu"] = Figure(round(median(per_message), 1), "us/message")
    figures["errors_at_fixed_rate"] = Figure(sum(step.errors for step in ours), "errors", 0)
    figures["load_cpu_share_max"] = Figure(
        max(step.own_cpu_share for row in steps.values() for step in row), "of a core"
    )
    for name, row in steps.items():
        figures[f"p99_at_fixed_rate_{name}"] = Figure(median(step.latency_ms.p99 for step in row), "ms")
    return figures


def latency_when_hot(arena: Arena, plan: Plan) -> dict[str, Figure]:
    """1,000 messages a second to 1,000 members."""
    steps = [arena.talk("leams", HOT_RATE, plan.members // 4, plan.seconds) for _ in range(plan.rounds)]
    return {
        "hot_p99": Figure(round(median(step.latency_ms.p99 for step in steps), 1), "ms", 35.0),
        "hot_p50": Figure(round(median(step.latency_ms.p50 for step in steps), 1), "ms"),
        "hot_cost": Figure(round(median(map(us_per_delivery, steps)), 3), "us/delivery"),
        "hot_errors": Figure(sum(step.errors for step in steps), "errors", 0),
        "hot_refused": Figure(sum(sum(step.refused.values()) for step in steps), "messages", 0),
    }


def throughput(arena: Arena, plan: Plan) -> dict[str, Figure]:
    """The highest rate of one room; those without a goal have one round."""
    rates: dict[str, list[float]] = {name: [] for name in arena.contenders if name != "unjoined"}
    for number in range(plan.rounds):
        for name, row in rates.items():
            if number == 0 or name in {"leams", "nchan", "starlette"}:
                row.append(arena.highest(name, median(row) if row and median(row) else None))
    thousands = {name: round(median(row) * plan.members / 1000, 1) for name, row in rates.items()}
    figures = {
        f"highest_to_{peer}": Figure(
            round(median_ratio(rates["leams"], rates[peer]), 2), "ratio", goal, thousands[peer], "higher"
        )
        for peer, goal in (("nchan", 5.0), ("starlette", 10.0))
    }
    return figures | {f"highest_{name}": Figure(value, "thousand deliveries/s") for name, value in thousands.items()}


@contextmanager
def contenders(folder: Path, backing: Stores, members: int, *, with_all: bool) -> Iterator[Contenders]:
    """All servers, on core 0; peers' messages are as long as what Leams delivers."""
    raise_file_limit()
    tokens, other = folder / "tokens", folder / "other-tokens"
    rooms, other_rooms = make_people(backing, tokens, members), make_people(backing, other, members)
    with ExitStack() as stack:

        def enter(name: str, rooms: tuple[str, ...], tokens: Path, **environment: str) -> Contender:
            return stack.enter_context(leams_process(name, backing, folder, rooms, tokens, SERVER_CORES, **environment))

        ours = {
            "leams": enter("leams", rooms, tokens),
            "unjoined": enter("unjoined", other_rooms, other, LEAMS_CHAT_JOIN_MS="0"),
        }
        size = event_bytes(compile_load(folder), ours["leams"].crowd(2, 1))
        peers = (nchan, starlette_loop, socketio, websockets_broadcast) if with_all else (nchan, starlette_loop)
        yield ours | {
            one.name: one
            for one in (stack.enter_context(peer(folder, ("room",), size, SERVER_CORES)) for peer in peers)
        }


def event_bytes(load: Path, crowd: Crowd) -> int:
    """How long a message is when Leams delivers it."""
    with running_load(load, crowd, LOAD_CORES) as two:
        step = two.talk(5, 2, 0)
    return round(step.delivered_bytes / step.deliveries)


def main() -> int:
    """Run it; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one short round; without socket.io and websockets")
    arguments = parser.parse_args()
    plan = Plan(arguments.members, arguments.rounds, 5.0, 2.5, 1.0)
    if arguments.quick:
        plan = Plan(arguments.members, 1, 3.0, 2.0, 1.0)
    print(f"peers: {versions()}", flush=True)
    with (
        bench_folder() as folder,
        stores(folder, cores=LOAD_CORES) as backing,
        contenders(folder, backing, plan.members, with_all=not arguments.quick) as all_of_them,
    ):
        arena = Arena(all_of_them, compile_load(folder), plan, backing.redis.pid)
        print(f"messages of {all_of_them['nchan'].bytes} bytes", flush=True)
        figures = cost_at_fixed_rate(arena, plan) | latency_when_hot(arena, plan) | throughput(arena, plan)
    return report("chat_fanout", figures)


if __name__ == "__main__":
    sys.exit(main())
