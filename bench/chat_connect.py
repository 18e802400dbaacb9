"""Handshakes for each second of a core, and the storm after a web process was killed.

`python -m bench.chat_connect [--members N] [--rounds N] [--quick]`: a handshake is connect, upgrade, `hello` and
`welcome`; the token's Ed25519 signature is verified, or a reconnect ticket is read; a stock Starlette server that
answers any `hello` is the baseline.  The storm: all members, in 50 rooms, at one of two web processes, which is killed;
they come back to the other one with their positions, each after a random part of a second, as our clients do.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import asyncpg

from bench.contest import leams, leams_process, make_people, raise_file_limit
from bench.ladder import median_ratio
from bench.load.generator import Ready, Step, compile_load, running_load
from bench.overheard import Overheard
from bench.peers.servers import Contender, starlette_loop, versions
from bench.report import Figure, report
from bench.services import LOAD_CORES, SERVER_CORES, Stores, bench_folder, stores, web_processes

HANDSHAKES = 3000
CONNECTING = 64
STORM_ROOMS = 50
STORM_RATE = 20.0
STORM_SECONDS = 10.0
BACK_MS = 5000.0
IDLE_STATISTICS_SECONDS = 11.0
"""Postgres' idle backends report what they did every 10 s (PGSTAT_IDLE_INTERVAL)."""


# -- handshakes --


def per_core_second(ready: Ready) -> float:
    """Handshakes that one core would do in a second."""
    cpu = ready.cpu_seconds["web"]
    if cpu is None or ready.ready < ready.members:
        raise RuntimeError(f"not all members came in: {ready}")
    return ready.ready / cpu


def handshakes(program: Path, ours: Contender, stock: Contender, members: int, rounds: int) -> dict[str, Figure]:
    """With a token, with a ticket, and the baseline's, in turn."""
    rates: dict[str, list[float]] = {"token": [], "ticket": [], "stock": []}
    for _ in range(rounds):
        crowd = replace(ours.crowd(members, 0), until="welcome", connecting=CONNECTING, tickets=True)
        with running_load(program, crowd, LOAD_CORES) as load:
            rates["token"].append(_told("token", load.ready))
            rates["ticket"].append(_told("ticket", load.reconnect()))
        crowd = replace(crowd, ports=stock.ports, tickets=False, watch={"web": stock.pid})
        with running_load(program, crowd, LOAD_CORES) as load:
            rates["stock"].append(_told("stock", load.ready))
    middle = {name: round(median(row)) for name, row in rates.items()}
    return {
        "handshakes_token": Figure(middle["token"], "per core-second", 3000, middle["stock"], "higher"),
        "handshakes_ticket": Figure(middle["ticket"], "per core-second", 5000, middle["stock"], "higher"),
        "handshakes_stock": Figure(middle["stock"], "per core-second"),
        "token_to_stock": Figure(round(median_ratio(rates["token"], rates["stock"]), 2), "ratio", better="higher"),
    }


def _told(name: str, ready: Ready) -> float:
    rate = per_core_second(ready)
    print(
        f"{name:>8}: {rate:6.0f} per core-second ({1e6 / rate:.0f} us), {ready.per_second:.0f} a second, p99"
        f" {ready.enter_ms.p99:.0f} ms, load {ready.own_cpu_share:.2f}",
        flush=True,
    )
    return rate


# -- the storm --


@dataclass(frozen=True, slots=True)
class Storm:
    """What it took to get everybody back."""

    step: Step
    redis: Counter[str]
    postgres_transactions: float
    """Above what was asked in as much time before."""


def transactions(database_url: str) -> int:
    """All transactions of the database so far, once its backends have told theirs."""
    time.sleep(IDLE_STATISTICS_SECONDS)

    async def ask() -> int:
        connection = await asyncpg.connect(database_url)
        try:
            count = await connection.fetchval(
                "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
            )
        finally:
            await connection.close()
        return int(count)

    return asyncio.run(ask())


def storm(program: Path, backing: Stores, contender: Contender, kill: Callable[[], None]) -> Storm:
    """Everybody talks a little, the process is killed in the middle, and everybody is back."""
    members = contender_members(contender)
    crowd = replace(contender.crowd(members, members), first_port_only=True, tickets=True, resend=True, drain=20)
    with running_load(program, crowd, LOAD_CORES) as load:
        load.talk(STORM_RATE, 2, 0)
        first = (time.monotonic(), transactions(backing.database_url))
        load.talk(STORM_RATE, STORM_SECONDS, 0)
        quiet = (time.monotonic(), transactions(backing.database_url))
        overheard = Overheard(backing.redis_url)
        load.begin_talk(STORM_RATE, STORM_SECONDS)
        time.sleep(1)
        kill()
        step = load.end_talk()
        redis, about_rooms = overheard.stop()
        last = (time.monotonic(), transactions(backing.database_url))
    print(f"storm: {step}\nRedis: {dict(redis)}, about rooms {dict(about_rooms)}", flush=True)
    usual = (quiet[1] - first[1]) / (quiet[0] - first[0]) * (last[0] - quiet[0])
    print(f"Postgres: {last[1] - quiet[1]} transactions, {usual:.0f} in as much time before", flush=True)
    return Storm(step, redis, max(0.0, last[1] - quiet[1] - usual))


def contender_members(contender: Contender) -> int:
    """As many as there are tokens."""
    assert contender.tokens is not None
    with contender.tokens.open() as lines:
        return sum(1 for _ in lines)


def storm_figures(found: Storm, members: int, rooms: int) -> dict[str, Figure]:
    """Back within 5 s, whole, and cheap for the stores."""
    step = found.step
    in_time = step.back_ms.count if step.back_ms.max <= BACK_MS else 0.999 * step.back_ms.count
    share = in_time / members if step.back_ms.p999 <= BACK_MS else 0.0
    return {
        "storm_back_in_time": Figure(round(share, 5), "of the members", 0.999, better="higher"),
        "storm_recovered": Figure(round(step.recovered / members, 5), "of the members", 0.999, better="higher"),
        "storm_back_p50": Figure(round(step.back_ms.p50), "ms"),
        "storm_back_p99": Figure(round(step.back_ms.p99), "ms"),
        "storm_back_max": Figure(round(step.back_ms.max), "ms"),
        "storm_errors": Figure(step.errors, "errors", 0),
        "storm_redis_commands": Figure(round(found.redis["room"] / rooms, 2), "per room", 2.0),
        "storm_redis_beats": Figure(round(found.redis["beat"] / rooms, 2), "per room"),
        "storm_postgres": Figure(round(found.postgres_transactions / members, 4), "transactions/member", 0.1),
    }


def main() -> int:
    """Run it; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=5000, help="of the storm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, a tenth of the members")
    arguments = parser.parse_args()
    rounds, part = (1, 10) if arguments.quick else (arguments.rounds, 1)
    members, rooms = arguments.members // part, STORM_ROOMS // part
    raise_file_limit()
    print(f"peers: {versions()}", flush=True)
    with bench_folder() as folder, stores(folder, cores=LOAD_CORES) as backing:
        program, tokens = compile_load(folder), folder / "tokens"
        names = make_people(backing, tokens, members, rooms)
        with (
            leams_process("leams", backing, folder, names, tokens, SERVER_CORES) as ours,
            starlette_loop(folder, ("room",), 0, SERVER_CORES) as stock,
        ):
            figures = handshakes(program, ours, stock, min(HANDSHAKES, members), rounds)
        with web_processes(backing, folder, 2, cores=SERVER_CORES) as webs:
            contender = leams("leams", webs, names, tokens)
            found = storm(program, backing, contender, lambda: webs[0].process.send_signal(signal.SIGKILL))
    return report("chat_connect", figures | storm_figures(found, members, rooms))


if __name__ == "__main__":
    sys.exit(main())
