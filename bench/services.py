"""What a bench runs against: durable Postgres and Redis, web processes and `jobs`, each on the cores that it is given.

`server on one core, load on the other`: a process is pinned by its id after its start, with all its threads; what it
starts later inherits that.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from server.db.schema import migrate
from tests.services.chat import WebProcess, web_process
from tests.services.processes import listens, running
from workbench.machine import free_port, give_to_user
from workbench.postgres import create_cluster, postgres_command
from workbench.redis import redis_command

SERVER_CORES = frozenset({0})
"""Where what is measured runs."""
LOAD_CORES = frozenset({max(os.sched_getaffinity(0))})
"""Where everything else runs: the load, and unless a bench says otherwise Postgres and Redis."""


@dataclass(frozen=True, slots=True)
class Stores:
    """A running Postgres and Redis of a bench's own."""

    database_url: str
    redis_url: str
    postgres: "subprocess.Popen[bytes]"
    redis: "subprocess.Popen[bytes]"


@dataclass(frozen=True, slots=True)
class JobsProcess:
    """A running `python -m server jobs`."""

    metrics_port: int
    process: "subprocess.Popen[bytes]"
    log: Path


@contextmanager
def bench_folder() -> Iterator[Path]:
    """A folder for as long as the bench runs, that the servers' own user may enter too."""
    with tempfile.TemporaryDirectory(prefix="leams-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def stores(folder: Path, *, cores: Collection[int] | None = None) -> Iterator[Stores]:
    """Durable Postgres (migrated) and durable Redis on loopback."""
    postgres_port, redis_port = free_port(), free_port()
    with (
        postgres_server(folder, postgres_port, cores=cores) as postgres,
        redis_server(folder, redis_port, cores=cores) as redis,
    ):
        url = f"postgresql://leams@127.0.0.1:{postgres_port}/postgres"
        migrate(url)
        yield Stores(url, f"redis://127.0.0.1:{redis_port}/0", postgres, redis)


@contextmanager
def postgres_server(
    folder: Path, port: int, *, cores: Collection[int] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """The cluster in `folder`, made when it is not there: started again it is the same one."""
    create_cluster(folder / "postgres")
    command = postgres_command(folder / "postgres", port)
    with running(command, folder / "postgres.log", lambda: listens(port), drop_root=True) as process:
        pin(process.pid, cores)
        _wait_for_postgres(f"postgresql://leams@127.0.0.1:{port}/postgres")
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


@contextmanager
def redis_server(
    folder: Path, port: int, *, cores: Collection[int] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """The Redis whose data is in `folder`: killed and started again it holds what it acknowledged."""
    data = folder / "redis"
    data.mkdir(exist_ok=True)
    give_to_user(data)
    with running(redis_command(data, port), folder / "redis.log", lambda: listens(port), drop_root=True) as process:
        pin(process.pid, cores)
        yield process


def _wait_for_postgres(url: str) -> None:
    async def connect() -> None:
        for _ in range(100):
            with contextlib.suppress(OSError, asyncpg.PostgresError):
                await (await asyncpg.connect(url)).close()
                return
            await asyncio.sleep(0.1)

    asyncio.run(connect())


@contextmanager
def web_processes(
    backing: Stores, folder: Path, count: int = 1, *, cores: Collection[int] | None = None, **environment: str
) -> Iterator[list[WebProcess]]:
    """So many web processes, all on the same cores; `environment` holds further settings."""
    with ExitStack() as stack:
        webs = [
            stack.enter_context(web_process(backing.database_url, backing.redis_url, folder, port=None, **environment))
            for _ in range(count)
        ]
        for web in webs:
            pin(web.process.pid, cores)
        yield webs


@contextmanager
def jobs_process(
    backing: Stores, folder: Path, *, cores: Collection[int] | None = None, **environment: str
) -> Iterator[JobsProcess]:
    """One `jobs` process: archiver, relay, reconciler and the rest."""
    metrics_port = free_port()
    env = {
        "LEAMS_DATABASE_URL": backing.database_url,
        "LEAMS_REDIS_URL": backing.redis_url,
        "LEAMS_HOOK_SECRET": "hook-secret-of-the-benches",
        "LEAMS_METRICS_PORT": str(metrics_port),
        "MEDIA_STORE": (folder / "media").as_uri(),
        **environment,
    }
    log = folder / "jobs.log"
    command = [sys.executable, "-m", "server", "jobs"]
    with running(command, log, lambda: listens(metrics_port), env=env) as process:
        pin(process.pid, cores)
        yield JobsProcess(metrics_port, process, log)


def pin(pid: int, cores: Collection[int] | None) -> None:
    """Keep a process, its threads and its children on these cores; None leaves it where the kernel puts it."""
    if cores is None:
        return
    for one in (pid, *_descendants(pid)):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
            for thread in Path(f"/proc/{one}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)


def cpu_seconds(pid: int) -> float:
    """User and system time of one process with its threads.  Source: proc(5), fields 14 and 15 of stat."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tree_cpu_seconds(pid: int) -> float:
    """As `cpu_seconds`, with all descendants, those included that ended and were waited for: Postgres' backends.

    Source: proc(5), fields 14 to 17 of stat.
    """
    ticks = 0
    for one in (pid, *_descendants(pid)):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            ticks += sum(int(field) for field in _stat(one)[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def pss_bytes(pid: int) -> int:
    """A process's memory, where what it shares with others counts by its part.  Source: proc(5), smaps_rollup."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def _stat(pid: int) -> list[str]:
    """The fields of stat from the third on: the second, a program's name, may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _descendants(pid: int) -> list[int]:
    """All processes below this one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                children.setdefault(int(_stat(int(folder.name))[1]), []).append(int(folder.name))
    found, left = [], [pid]
    while left:
        below = children.get(left.pop(), [])
        found += below
        left += below
    return found
