"""The load generator as a bench sees it: compiled once, one process per crowd, one typed result per step.

`bench/load/README.md` tells the options and what the figures mean.
"""

import os
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

SOURCES = Path(__file__).resolve().parent
COMPILE = ("gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror")


class Spread(msgspec.Struct, frozen=True):
    """A distribution, in milliseconds, `max` exact and the rest at most 1.6 % too high."""

    count: int = 0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    max: float = 0.0


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What the measured time took of the processors."""

    cpu_seconds: dict[str, float | None]
    """Of the processes that `Crowd.watch` names; None: it ended meanwhile."""
    wall_seconds: float
    own_cpu_share: float
    """Of the generator: near 1 it is the limit, not the server."""
    closed: dict[str, int]
    """Connections by close code; below 1000: by the status of a refused handshake."""
    refused: dict[str, int]


class Ready(Cost, frozen=True, kw_only=True):
    """The rooms are full, or time is up."""

    members: int
    ready: int
    per_second: float
    enter_ms: Spread = Spread()
    """From a member's connect until it is where it wanted to be."""


class Step(Cost, frozen=True, kw_only=True):
    """What became of one schedule of messages; README.md tells each field."""

    members: int
    ready: int
    rate: float
    said: int
    measured: int
    sent: int
    acked: int
    unsent: int
    resent: int
    expected: int
    lost: int
    declared_lost: int
    lost_of_away: int
    twice: int
    disorder: int
    gaps: int
    faults: int
    overlaps: int
    deliveries: int
    foreign: int
    dropped: int
    recovered: int
    unrecovered: int
    reloads: int
    latency_ms: Spread = Spread()
    to_last_ms: Spread = Spread()
    ack_ms: Spread = Spread()
    recovered_latency_ms: Spread = Spread()
    slow_latency_ms: Spread = Spread()
    foreign_latency_ms: Spread = Spread()
    back_ms: Spread = Spread()
    drain_ms: float
    send_lag_max_ms: float
    bytes_in: int
    delivered_bytes: int

    @property
    def errors(self) -> int:
        """Whatever no server may do: lose, repeat, reorder, say nonsense."""
        return self.lost + self.declared_lost + self.lost_of_away + self.twice + self.disorder + self.gaps + self.faults

    def cpu(self, name: str) -> float:
        """CPU seconds of a process that lived to the end.

        Raises:
            RuntimeError: it did not.
        """
        seconds = self.cpu_seconds[name]
        if seconds is None:
            raise RuntimeError(f"{name} ended while it was measured")
        return seconds


_T = TypeVar("_T", bound=Cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Who comes, where to, and what they do; each field is the option of its name."""

    speech: Literal["leams", "plain", "socketio"]
    ports: Sequence[int]
    rooms: Sequence[str]
    path: str = "/ws"
    tokens: Path | None = None
    members: int = 1000
    senders: int = 50
    bytes: int = 150
    connecting: int = 64
    until: Literal["open", "welcome", "joined"] = "joined"
    drain: float = 5.0
    connect_seconds: float = 60.0
    drop_every: float = 0.0
    drop_for: float = 2.0
    stopped_share: float = 0.0
    stopped_seconds: float = 5.0
    receive_bytes: int = 0
    reconnect_ms: float = 1000.0
    storm: bool = False
    first_port_only: bool = False
    tickets: bool = False
    resend: bool = False
    watch: Mapping[str, int] = field(default_factory=dict)
    """Process ids by the name that the figures call them."""

    def argv(self) -> list[str]:
        """The command line."""
        words: list[str] = []
        for name in (each.name for each in fields(self)):
            value, option = getattr(self, name), "--" + name.replace("_", "-")
            if name == "watch":
                words += [word for watched, pid in self.watch.items() for word in (option, f"{watched}={pid}")]
            elif name in {"ports", "rooms"}:
                words += [option, ",".join(str(one) for one in value)]
            elif value is True:
                words.append(option)
            elif value is not False and value is not None:
                words += [option, str(value)]
        return words


class Load:
    """A crowd that is there; `talk` as often as you like."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.ready = self._read(Ready)

    def talk(self, rate: float, seconds: float, warm_up: float = 1.0) -> Step:
        """Say `rate` messages a second for so long, after a warm-up that is not timed; rate 0: only listen."""
        self._write(f"talk {rate} {seconds} {warm_up}")
        return self._read(Step)

    def begin_talk(self, rate: float, seconds: float, warm_up: float = 0.0) -> None:
        """As `talk`, without waiting: so that something can be done to the servers meanwhile; then `end_talk`."""
        self._write(f"talk {rate} {seconds} {warm_up}")

    def end_talk(self) -> Step:
        """The result of `begin_talk`."""
        return self._read(Step)

    def reconnect(self) -> Ready:
        """All leave, and come again with their positions and, if the crowd uses them, their tickets."""
        self._write("reconnect")
        return self._read(Ready)

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def _read(self, kind: type[_T]) -> _T:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load generator ended with {self._process.wait()}")
        return msgspec.json.decode(line, type=kind)


def compile_load(folder: Path, *flags: str) -> Path:
    """The program, compiled into `folder`."""
    program = folder / "load"
    subprocess.run([*COMPILE, *flags, "-o", str(program), *map(str, sorted(SOURCES.glob("*.c")))], check=True)
    return program


@contextmanager
def running_load(program: Path, crowd: Crowd, cores: Collection[int] | None = None) -> Iterator[Load]:
    """The crowd for as long as the block lasts, on these cores; entered once everybody is there (or time was up)."""
    process = subprocess.Popen(
        [str(program), *crowd.argv(), "--interactive"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    if cores is not None:
        os.sched_setaffinity(process.pid, cores)
    try:
        yield Load(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
