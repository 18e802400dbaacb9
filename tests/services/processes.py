"""Start a real server for a test, wait until it answers, end it by its process id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.machine import unprivileged_user

START_SECONDS = 30.0


@contextmanager
def running(
    command: list[str],
    log: Path,
    ready: Callable[[], bool],
    *,
    env: dict[str, str] | None = None,
    drop_root: bool = False,
    seconds: float = START_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` as the leader of its own process group for as long as the block lasts; its output goes to `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=None if env is None else {**os.environ, **env},
            user=unprivileged_user() if drop_root else None,
            start_new_session=True,
        )
    try:
        wait_until(lambda: ready() or process.poll() is not None, f"{command[0]} to be ready", seconds)
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}: {log.read_text()[-2000:]}")
        yield process
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]", sig: signal.Signals = signal.SIGTERM) -> None:
    """Ask the process to stop, then end its whole group."""
    if process.poll() is None:
        process.send_signal(sig)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until(is_true: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Poll a condition from a synchronous fixture; fails loudly when it does not come true."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Does something accept connections on this loopback port?"""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
