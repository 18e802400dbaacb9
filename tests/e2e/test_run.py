"""What `./run` promises the person at the terminal."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from tests.services.processes import wait_until
from tests.services.stack import ROOT, Stack, running_stack, running_stack_in, state_folder


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def start_with(var: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "workbench.up", "--no-demo"],
        env={**os.environ, "LEAMS_VAR": str(var), "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_greeting_says_everything_and_sigterm_ends_every_process() -> None:
    """Addresses, key, admin and password are printed; after SIGTERM no process is left."""
    with running_stack("--no-demo") as stack:
        greeting = (stack.var / "log/run.log").read_text()
        for word in (stack.url, stack.rtmp, stack.stream_key, "admin", stack.admin_password, "Ctrl-C"):
            assert word in greeting
        pids = stack.pids()
        assert {"postgres", "redis", "web_1", "jobs", "transcoder_1", "transcoder_2", "nginx_ingest"} <= set(pids)
    wait_until(lambda: not any(is_alive(pid) for pid in pids.values()), "every process to end")


def test_the_demo_channel_is_live_through_the_front_door() -> None:
    """With the demo the channel `demo` goes live like any other."""
    with running_stack() as stack:

        def live() -> bool:
            return bool(httpx.get(f"{stack.url}/api/v1/channels/demo").json()["live"] == "live")

        wait_until(live, "the demo to be live")


async def test_the_stores_open_to_their_password_alone() -> None:
    """Another user of the machine reaches the ports, but neither Postgres nor Redis."""
    with running_stack("--no-demo") as stack:
        redis_port = urlsplit(stack.redis_url).port or 0
        redis = Redis(port=redis_port)
        with pytest.raises(AuthenticationError):
            await redis.ping()
        await redis.aclose()
        with pytest.raises(asyncpg.PostgresError, match="password"):
            await asyncpg.connect(f"postgresql://leams:guess@127.0.0.1:{redis_port - 1}/leams")


def test_the_operators_commands_find_the_stores() -> None:
    """`./run admin` needs no variable: a forgotten password is one command away."""
    with running_stack("--no-demo") as stack:
        done = subprocess.run(
            [sys.executable, "-m", "workbench.admin", "reset-password", "admin"],
            env={**os.environ, **stack.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        login = {"name": "admin", "password": done.stdout.strip().splitlines()[-1]}
        assert httpx.post(f"{stack.url}/api/v1/auth/login", json=login).status_code == 200


def test_before_the_first_start_the_operator_is_told_so() -> None:
    """One line, and what to do."""
    with state_folder() as var:
        done = subprocess.run(
            [sys.executable, "-m", "workbench.admin", "backup", "x"],
            env={**os.environ, "LEAMS_VAR": str(var), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "start ./run first" in done.stderr


def test_killing_the_supervisor_ends_its_children() -> None:
    """Children die with the supervisor, however it dies."""
    with running_stack("--no-demo") as stack:
        pids = stack.pids()
        os.kill(supervisor_of(stack), signal.SIGKILL)
        wait_until(lambda: not any(is_alive(pid) for pid in pids.values()), "every process to end")


def supervisor_of(stack: Stack) -> int:
    status = Path(f"/proc/{stack.pids()['redis']}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))


def test_started_again_it_is_ready_within_15_seconds() -> None:
    """Ctrl-C ends every process; the second start finds what the first one made, and its secrets."""
    with state_folder() as var:
        with running_stack_in(var, "--no-demo") as first:
            pids = first.pids()
            os.kill(supervisor_of(first), signal.SIGINT)
            wait_until(lambda: not any(is_alive(pid) for pid in pids.values()), "every process to end")
        (var / "log/run.log").unlink()
        started = time.monotonic()
        with running_stack_in(var, "--no-demo") as second:
            seconds = time.monotonic() - started
            assert second.stream_key == first.stream_key
            assert first.admin_password in (var / "log/run.log").read_text(), "nobody has used it yet"
    assert seconds < 15


@pytest.mark.parametrize("variable", ["LEAMS_PORT", "LEAMS_RTMP_PORT"])
def test_a_port_in_use_is_one_line_with_its_variable(variable: str) -> None:
    """The line names the port and the variable that moves it."""
    with state_folder() as var, socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = start_with(var, **{variable: port})
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"./run: port {port} is in use: stop what holds it, or set {variable} to another"
    ]


def test_state_that_cannot_be_written_is_one_line_with_its_variable() -> None:
    """Wherever in the start the disk says no: one line, no traceback."""
    for name in ("secrets", "run"):
        with state_folder() as var:
            (var / name).rmdir()
            (var / name).touch()
            done = start_with(var)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("./run: Not a directory")
        assert "LEAMS_VAR" in line


def test_a_second_run_on_the_same_state_is_refused() -> None:
    """Two supervisors never share a folder."""
    with running_stack("--no-demo") as stack:
        done = start_with(stack.var)
    assert done.returncode == 1
    assert "already runs" in done.stderr
