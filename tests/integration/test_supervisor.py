"""The supervisor keeps real processes running and leaves none behind."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.supervisor import Program, StartError, Supervisor


async def until(is_true: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not is_true():  # noqa: ASYNC110  # what we wait for is a foreign process
            await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sleeper(name: str) -> Program:
    return Program(name, [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"])


async def test_a_killed_process_comes_back_and_stop_ends_all(tmp_path: Path) -> None:
    """A process ended by SIGKILL is followed by a new process; stop() leaves nothing."""
    async with asyncio.TaskGroup() as group:
        supervisor = Supervisor(group, tmp_path, lambda _: None)
        await supervisor.start(sleeper("one"), sleeper("two"))
        await until(lambda: len(supervisor.pids()) == 2 and any(log.stat().st_size for log in tmp_path.glob("one.log")))
        first = supervisor.pids()["one"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.pids().get("one", first) != first)
        pids = supervisor.pids()
        await supervisor.stop()
    assert not any(is_alive(pid) for pid in pids.values())
    assert (tmp_path / "one.log").read_text().startswith("up")


async def test_what_a_dead_leader_leaves_behind_goes_too(tmp_path: Path) -> None:
    """A worker that holds its dead master's pipe and ports is ended before the restart."""
    script = "import os,time\nif os.fork() == 0: time.sleep(600)\nprint(os.getpid(), flush=True)\ntime.sleep(600)"
    workers: Callable[[], list[str]] = lambda: (tmp_path / "master.log").read_text().split()  # noqa: E731
    async with asyncio.TaskGroup() as group:
        supervisor = Supervisor(group, tmp_path, lambda _: None)
        await supervisor.start(Program("master", [sys.executable, "-c", script]))
        await until(lambda: (tmp_path / "master.log").exists() and bool(workers()))
        leader = supervisor.pids()["master"]
        children = children_of(leader)
        os.kill(leader, signal.SIGKILL)
        await until(lambda: len(workers()) == 2)
        assert children
        assert not any(is_alive(pid) for pid in children)
        await supervisor.stop()


async def test_a_program_that_never_serves_is_named_with_its_last_words(tmp_path: Path) -> None:
    """StartError says which program and what it printed."""

    async def never() -> bool:
        return False

    async with asyncio.TaskGroup() as group:
        supervisor = Supervisor(group, tmp_path, lambda _: None)
        command = [sys.executable, "-c", "print('no such folder')"]
        with pytest.raises(StartError, match="broken did not start: no such folder"):
            await supervisor.start(Program("broken", command, ready=never, ready_seconds=1.0))
        await supervisor.stop()


async def test_a_program_that_cannot_be_started_troubles_nobody_else(tmp_path: Path) -> None:
    """No file, no process: it is said and tried again; the others go on."""
    said: list[str] = []
    async with asyncio.TaskGroup() as group:
        supervisor = Supervisor(group, tmp_path, said.append)
        (tmp_path / "two.log").mkdir()  # its log can't be opened
        await supervisor.start(sleeper("one"), sleeper("two"))
        await until(lambda: len(said) >= 2)
        assert all(line.startswith("two ended") for line in said)
        assert "one" in supervisor.pids()
        pids = supervisor.pids()
        await supervisor.stop()
    assert not any(is_alive(pid) for pid in pids.values())


async def test_the_list_of_processes_follows_their_deaths(tmp_path: Path) -> None:
    """Whoever looks for a process finds the one that runs now; a list that can't be written ends nothing."""
    said: list[str] = []
    path = tmp_path / "pids.json"
    async with asyncio.TaskGroup() as group:
        supervisor = Supervisor(group, tmp_path, said.append)
        await supervisor.start(sleeper("one"))
        supervisor.tell_pids(path)
        first = json.loads(path.read_text())
        assert first == supervisor.pids()
        os.kill(first["one"], signal.SIGKILL)
        await until(lambda: json.loads(path.read_text()).get("one", first["one"]) != first["one"])
        assert json.loads(path.read_text()) == supervisor.pids()
        path.unlink()
        path.mkdir()
        os.kill(supervisor.pids()["one"], signal.SIGKILL)
        await until(lambda: any("could not be listed" in line for line in said))
        await supervisor.stop()
