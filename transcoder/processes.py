"""Start a child as its own process group that dies with us, and end it for good."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

TERM_SECONDS = 2.0
STDERR_BYTES = 4_000


@asynccontextmanager
async def child(
    argv: Sequence[str], *, stdin: bool, stdout: int | None = None, descriptors: Sequence[int] = ()
) -> AsyncIterator[Process]:
    """Run `argv` for as long as the block lasts; its whole group is gone afterwards.

    `stdout` is an open descriptor for what it writes, if anybody wants it.  The kernel kills
    the child when we die, even by SIGKILL (`PR_SET_PDEATHSIG`).
    """
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", "--", *argv),
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL if stdout is None else stdout,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=descriptors,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await asyncio.shield(end(process))


def cpu_seconds(pid: int) -> float:
    """User's and system's time of a running child with its threads; 0 when it is gone.  Source: proc(5), stat."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def end(process: Process) -> None:
    """SIGTERM, two seconds, SIGKILL to the group; returns once the process is reaped."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), TERM_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def last_words(process: Process) -> str:
    """Read standard error to its end; returns at most the last `STDERR_BYTES`."""
    kept = b""
    if process.stderr is not None:
        while chunk := await process.stderr.read(4_096):
            kept = (kept + chunk)[-STDERR_BYTES:]
    return kept.decode(errors="replace").strip()
