"""Start processes in order, keep them running, end them all: children never outlive the supervisor.

A process that dies is started again within a second, then with doubling pauses while it keeps dying.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from workbench.logfile import LogFile

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 15.0
STEADY_SECONDS = 30.0
"""A process that ran this long is started again without a longer pause."""

Ready = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, how to know that it serves, how to ask it to stop."""

    name: str
    command: list[str]
    ready: Ready | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    ready_seconds: float = 30.0


class StartError(Exception):
    """A program did not come up; the message names its log."""


class Supervisor:
    """Runs programs as tasks of one group; `stop()` ends them in reverse order of their start."""

    def __init__(self, group: asyncio.TaskGroup, log_folder: Path, say: Callable[[str], None]) -> None:
        self._group = group
        self._log_folder = log_folder
        self._say = say
        self._children: list[_Child] = []
        self._pids_path: Path | None = None

    def tell_pids(self, path: Path) -> None:
        """Keep the processes that run, by name, in this file as JSON from now on."""
        self._pids_path = path
        self._write_pids()

    def _write_pids(self) -> None:
        if self._pids_path is not None:
            fresh = self._pids_path.with_suffix(".new")
            try:
                fresh.write_text(json.dumps(self.pids()))
                fresh.replace(self._pids_path)
            except OSError as error:  # a full disk ends no process
                self._say(f"the processes could not be listed: {error}")

    async def start(self, *programs: Program) -> None:
        """Start several at once and wait until each is ready.

        Raises:
            StartError: one was not ready in time.
        """
        children = [_Child(program, self._log_folder, self._say, self._write_pids) for program in programs]
        for child in children:
            self._children.append(child)
            child.task = self._group.create_task(child.keep_running(), name=child.program.name)
        await asyncio.gather(*(child.wait_ready() for child in children))

    async def stop(self, *first: str) -> None:
        """End every process: those named `first` side by side, then the last started first."""
        for child in self._children:
            child.is_stopping = True
        await asyncio.gather(*(self._end(child) for child in self._children if child.program.name in first))
        for child in reversed(self._children):
            await self._end(child)

    async def _end(self, child: "_Child") -> None:
        await child.end()
        if child.task is not None:
            child.task.cancel()
            with suppress(asyncio.CancelledError):
                await child.task

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        return {
            child.program.name: child.process.pid
            for child in self._children
            if child.process is not None and child.process.returncode is None
        }


class _Child:
    def __init__(
        self, program: Program, log_folder: Path, say: Callable[[str], None], on_start: Callable[[], None]
    ) -> None:
        self.program = program
        self.process: asyncio.subprocess.Process | None = None
        self.task: asyncio.Task[None] | None = None
        self.is_stopping = False
        self._log_path = log_folder / f"{program.name}.log"
        self._say = say
        self._on_start = on_start

    async def keep_running(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            try:
                ended = _told(await self._run_once())
            except* OSError as errors:  # no process or file to be had now: one program's trouble, not everybody's
                ended = str(errors.exceptions[0])
            if self.is_stopping:
                return
            if time.monotonic() - started > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._say(f"{self.program.name} ended ({ended}); starting it again (log: {self._log_path})")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _run_once(self) -> int:
        # setpriv makes the kernel end the child when the supervisor dies, however it dies (prctl(2), PR_SET_PDEATHSIG).
        guard = ["setpriv", "--pdeathsig", self.program.stop_signal.name.removeprefix("SIG"), "--"]
        # A pipe of our own: asyncio's would keep `wait()` from returning while a surviving worker holds its other end.
        reading, writing = os.pipe()
        try:
            self.process = await asyncio.create_subprocess_exec(
                *guard,
                *self.program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                env={**os.environ, **self.program.environment},
                start_new_session=True,
            )
        finally:
            os.close(writing)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_log(reading))
            self._on_start()
            status = await self.process.wait()
            self._end_group()  # also closes the pipe's last writers, and so ends the log's task
        return status

    async def _keep_log(self, reading: int) -> None:
        stream = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", 0)
        )
        try:
            with LogFile(self._log_path) as log:
                while chunk := await stream.read(65536):
                    log.write(chunk)
        finally:
            transport.close()

    def _end_group(self) -> None:
        """What a dead leader left behind (nginx's workers hold its ports) goes too."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def wait_ready(self) -> None:
        if self.program.ready is None:
            return
        try:
            async with asyncio.timeout(self.program.ready_seconds):
                # a foreign program tells nothing, so we ask
                while not (self._is_running() and await self.program.ready()):  # noqa: ASYNC110  # see above
                    await asyncio.sleep(0.05)
        except TimeoutError:
            tail = (
                self._log_path.read_text(errors="replace").strip().splitlines()[-1:] if self._log_path.exists() else []
            )
            raise StartError(
                f"{self.program.name} did not start: {' '.join(tail) or 'no output'} (log: {self._log_path})"
            ) from None

    def _is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def end(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(self.program.stop_signal)
        try:
            async with asyncio.timeout(self.program.stop_seconds):
                await self.process.wait()
        except TimeoutError:
            self._end_group()
            await self.process.wait()
        self._end_group()


def _told(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    return signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
