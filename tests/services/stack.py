"""The whole platform as `./run` starts it, in a folder and on ports of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clients.publish import Picture
from clients.publish import test_picture_command as picture_command
from tests.services.processes import running
from workbench.addresses import PORTS
from workbench.machine import free_port
from workbench.provision import own_state

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0

SMALL_PICTURE = Picture(width=640, height=360, fps=30, video_kbps=800, preset="ultrafast")
"""Light enough that two cores carry the encoder, the ladder, the servers and a browser."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Where everything of one running platform is."""

    var: Path
    url: str
    rtmp: str
    redis_url: str
    admin_password: str
    stream_key: str
    """A key of the channel `admin`."""
    environment: dict[str, str]
    """What it was started with."""

    def pids(self) -> dict[str, int]:
        """The supervised processes that run now, by name."""
        found: dict[str, int] = json.loads((self.var / "run/pids.json").read_text())
        return found

    @contextmanager
    def publishing(
        self, key: str | None = None, picture: Picture = SMALL_PICTURE
    ) -> "Iterator[subprocess.Popen[bytes]]":
        """A real encoder publishes for as long as the block lasts."""
        command = picture_command(picture, f"{self.rtmp}/{key or self.stream_key}")
        with running(command, self.var / "log/encoder.log", lambda: True) as process:
            yield process


@contextmanager
def running_stack(*flags: str, environment: dict[str, str] | None = None) -> Iterator[Stack]:
    """Start the platform, wait for its greeting, stop it."""
    with state_folder() as var, running_stack_in(var, *flags, environment=environment) as stack:
        yield stack


@contextmanager
def running_stack_in(var: Path, *flags: str, environment: dict[str, str] | None = None) -> Iterator[Stack]:
    """The same on state that is kept."""
    port, rtmp_port, internal = free_port(), free_port(), free_ports(len(PORTS))
    env = {
        "LEAMS_VAR": str(var),
        "LEAMS_PORT": str(port),
        "LEAMS_RTMP_PORT": str(rtmp_port),
        "LEAMS_INTERNAL_PORTS": str(internal),
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(var / "pycache"),  # as ./run has it
        "HOME": str(var),
        "LEAMS_CALIBRATION": "off",  # a fresh folder would measure beside every test's first seconds
        **(environment or {}),
    }
    log = var / "log/run.log"
    try:
        command = [sys.executable, "-m", "workbench.up", *flags]
        with running(command, log, lambda: "Stop " in log.read_text(), env=env, drop_root=True, seconds=START_SECONDS):
            password = (var / "secrets/store-password").read_text()
            secrets = json.loads((var / "secrets/first-run.json").read_text())
            yield Stack(
                var=var,
                url=f"http://127.0.0.1:{port}",
                rtmp=f"rtmp://127.0.0.1:{rtmp_port}/live",
                redis_url=f"redis://:{password}@127.0.0.1:{internal + PORTS.index('redis')}/0",
                admin_password=secrets["admin_password"],
                stream_key=secrets["stream_key"],
                environment=env,
            )
    finally:
        if keep := os.environ.get("LEAMS_KEEP_LOGS"):
            shutil.copytree(var / "log", keep, dirs_exist_ok=True)


@contextmanager
def state_folder() -> Iterator[Path]:
    """A `var` as provisioning leaves it, removed at the end."""
    var = Path(tempfile.mkdtemp(prefix="leams-stack-"))
    var.chmod(0o755)
    own_state(var)
    try:
        yield var
    finally:
        shutil.rmtree(var, ignore_errors=True)


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that were all free a moment ago."""
    for first in range(20_000 + 100 * (os.getpid() % 100), 60_000, count):  # not where another run looks
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
