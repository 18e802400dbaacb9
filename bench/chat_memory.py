"""What an idle member costs in memory, and a broadcast to 15,000 on one web process and to 20,000 on two.

`python -m bench.chat_memory [--members N] [--quick]`: the proportional set size (PSS) of the server's process before
the members come and after, divided by their number; members are signed in, in one room, and silent.  The kernel's
socket buffers are not counted, for nobody.  nginx-nchan and a stock Starlette server are measured in the same run.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.contest import leams, leams_process, make_people, raise_file_limit
from bench.load.generator import Crowd, Load, Step, compile_load, running_load
from bench.peers.servers import Contender, nchan, starlette_loop, versions
from bench.report import Figure, report
from bench.services import LOAD_CORES, SERVER_CORES, bench_folder, pss_bytes, stores, web_processes

WARM_MEMBERS = 200
"""Come and go before the first look: what the first member causes is no member's memory."""
PEER_MEMBERS = 5000
EVENT_BYTES = 280
SETTLE_SECONDS = 10.0
STEADY = 0.002
"""Between two looks a second apart."""


def steady_pss_bytes(pid: int) -> int:
    """The process's memory once it stays the same."""
    deadline, last = time.monotonic() + SETTLE_SECONDS, pss_bytes(pid)
    while time.monotonic() < deadline:
        time.sleep(1)
        now = pss_bytes(pid)
        if abs(now - last) < last * STEADY:
            return now
        last = now
    return last


@contextmanager
def seated(program: Path, crowd: Crowd) -> Iterator[Load]:
    """The crowd, all of it.

    Raises:
        RuntimeError: not all came.
    """
    with running_load(program, crowd, LOAD_CORES) as load:
        if load.ready.ready < crowd.members:
            raise RuntimeError(f"{load.ready.ready} of {crowd.members} came: {load.ready}")
        yield load


def kb_per_member(program: Path, contender: Contender, members: int) -> tuple[float, Step]:
    """The growth for each member; and what became of one message to all of them."""
    with seated(program, contender.crowd(WARM_MEMBERS, 1)) as load:
        load.talk(10, 1, 0)
    before = steady_pss_bytes(contender.pid)
    with seated(program, replace(contender.crowd(members, 1), drain=20)) as load:
        grown = steady_pss_bytes(contender.pid) - before
        step = load.talk(1, 1, 0)
    kilobytes = grown / members / 1024
    print(
        f"{contender.name:>10}: {members} members, {before / 2**20:.1f} + {grown / 2**20:.1f} MiB,"
        f" {kilobytes:.2f} KiB each; one message: {step.deliveries} deliveries, p99 {step.latency_ms.p99:.0f} ms,"
        f" {step.cpu('web') / max(1, step.deliveries) * 1e6:.1f} us each",
        flush=True,
    )
    return kilobytes, step


def kb_beyond_a_third(program: Path, contender: Contender, members: int) -> float:
    """The growth for each member after the first third.

    A start leaves free memory behind that the first thousands fill, so that they look cheaper than those after them.
    """
    taken = []
    for count in (members // 3, members):
        with seated(program, contender.crowd(count, 1)):
            taken.append(steady_pss_bytes(contender.pid))
    return (taken[1] - taken[0]) / (members - members // 3) / 1024


def broadcast_over_two(program: Path, contender: Contender, tokens: list[Path], members: int) -> tuple[int, float]:
    """Half of the members on each of two web processes; deliveries of one message, and the slowest in ms."""
    half = members // 2
    crowds = [
        replace(contender.crowd(half, 1), ports=(port,), tokens=file, drain=20, watch={})
        for port, file in zip(contender.ports, tokens, strict=True)
    ]
    with seated(program, crowds[0]) as speaking, seated(program, crowds[1]) as listening:
        listening.begin_talk(0, 8)
        said = speaking.talk(1, 2, 1)
        heard = listening.end_talk()
    print(
        f"two processes: {said.expected - said.lost} + {heard.foreign} deliveries of {said.said} messages", flush=True
    )
    lost = members * said.said - (said.expected - said.lost) - heard.foreign
    return lost, max(said.latency_ms.max, heard.foreign_latency_ms.max)


def main() -> int:
    """Run it; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=15_000, help="on one process; a third more on two")
    parser.add_argument("--quick", action="store_true", help="a tenth of the members; its figures say little")
    arguments = parser.parse_args()
    part = 10 if arguments.quick else 1
    one, two, others = arguments.members // part, arguments.members * 4 // 3 // part, PEER_MEMBERS // part
    files = raise_file_limit()
    print(f"peers: {versions()}; open files: {files}", flush=True)
    with bench_folder() as folder, stores(folder, cores=LOAD_CORES) as backing:
        program, tokens = compile_load(folder), folder / "tokens"
        rooms = make_people(backing, tokens, two)
        figures: dict[str, Figure] = {}
        for peer in (starlette_loop, nchan):
            with peer(folder, ("room",), EVENT_BYTES, SERVER_CORES) as contender:
                cost, _ = kb_per_member(program, contender, others)
            figures[f"memory_{contender.name}"] = Figure(round(cost, 2), "KiB/member")
        with leams_process("leams", backing, folder, rooms, tokens, SERVER_CORES) as ours:
            later_cost = kb_beyond_a_third(program, ours, one)
        with leams_process("leams", backing, folder, rooms, tokens, SERVER_CORES) as ours:
            cost, step = kb_per_member(program, ours, one)
        figures["memory_leams"] = Figure(round(cost, 2), "KiB/member", 5.0, figures["memory_nchan"].value)
        figures["memory_leams_beyond_a_third"] = Figure(round(later_cost, 2), "KiB/member", 5.0)
        figures["lost_of_one_process"] = Figure(one * step.said - step.expected + step.lost, "deliveries", 0)
        figures["one_process_p99"] = Figure(round(step.latency_ms.p99, 1), "ms")
        lines = tokens.read_text().splitlines(keepends=True)
        halves = [folder / "tokens-1", folder / "tokens-2"]
        for file, half in zip(halves, (lines[: two // 2], lines[two // 2 :]), strict=True):
            file.write_text("".join(half))
        with web_processes(backing, folder, 2, cores=SERVER_CORES) as webs:
            lost, slowest = broadcast_over_two(program, leams("leams", webs, rooms, tokens), halves, two)
        figures["lost_of_two_processes"] = Figure(lost, "deliveries", 0)
        figures["two_processes_max"] = Figure(round(slowest, 1), "ms")
        figures["members_of_one_process"] = Figure(one, "members")
        figures["members_of_two_processes"] = Figure(two, "members")
        figures["open_files_limit"] = Figure(files, "files")
    return report("chat_memory", figures)


if __name__ == "__main__":
    sys.exit(main())
