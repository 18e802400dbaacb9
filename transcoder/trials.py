"""Run a short FFmpeg to its end, and tell what it cost: nothing comes out but the processor's time."""

import asyncio
import os
import resource
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from subprocess import DEVNULL, Popen


@dataclass(frozen=True, slots=True)
class Trial:
    """How one ended."""

    is_good: bool
    cpu_seconds: float
    """User's and system's, of all its threads."""


async def attempt(argv: Sequence[str], timeout_seconds: float) -> Trial:
    """Run `argv` and wait for it; one that takes longer is killed and no good.

    It yields to everything else, and the kernel kills it when we die.
    """
    process = Popen(  # noqa: ASYNC220  # returns at once; asyncio's own child would hide what it cost
        ["setpriv", "--pdeathsig", "KILL", "--", "nice", "-n", "10", *argv],  # noqa: S607  # from the PATH, like FFmpeg's other runs
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        start_new_session=True,
    )
    waiting = asyncio.create_task(asyncio.to_thread(_reap, process))
    try:
        return await asyncio.wait_for(asyncio.shield(waiting), timeout_seconds)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        return Trial(is_good=False, cpu_seconds=(await waiting).cpu_seconds)
    except asyncio.CancelledError:
        os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(waiting)
        raise


def _reap(process: "Popen[bytes]") -> Trial:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # nobody else needs to wait for it
    return Trial(status == 0, _seconds(usage))


def _seconds(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
