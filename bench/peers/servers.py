"""Starts the peers: each a contender that a crowd can be sent to, pinned as Leams' own processes are."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from bench.load.generator import Crowd
from bench.services import pin
from tests.services.processes import listens, running, wait_until
from workbench.machine import free_port, program
from workbench.provision import node_path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Contender:
    """A server to be measured, and how one speaks to it."""

    name: str
    speech: Literal["leams", "plain", "socketio"]
    ports: tuple[int, ...]
    path: str
    rooms: tuple[str, ...]
    bytes: int
    """What the crowd's `bytes` has to be so that all deliver messages of one size."""
    pid: int
    """The process whose CPU and memory are asked for."""
    tokens: Path | None = None

    def crowd(self, members: int, senders: int, **watch: int) -> Crowd:
        """Members for all its rooms."""
        return Crowd(
            speech=self.speech,
            ports=self.ports,
            path=self.path,
            rooms=self.rooms,
            tokens=self.tokens,
            bytes=self.bytes,
            members=members,
            senders=senders,
            watch={"web": self.pid, **watch},
        )


@contextmanager
def nchan(folder: Path, rooms: tuple[str, ...], size: int, cores: Collection[int] | None) -> Iterator[Contender]:
    """An nginx with nchan; the contender is its one worker."""
    port = free_port()
    config = folder / "nchan.conf"
    config.write_text((HERE / "nchan.conf").read_text().replace("{folder}", str(folder)).replace("{port}", str(port)))
    command = [program("nginx"), "-c", str(config), "-e", str(folder / "nchan.log")]
    with running(command, folder / "nchan.out", lambda: listens(port)) as master:
        pin(master.pid, cores)
        yield Contender("nchan", "plain", (port,), "/room/{room}", rooms, size, _first_child(master.pid))


@contextmanager
def starlette_loop(
    folder: Path, rooms: tuple[str, ...], size: int, cores: Collection[int] | None
) -> Iterator[Contender]:
    """A Starlette endpoint that sends to one after the other, on stock uvicorn."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.peers.starlette_loop:app", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--log-level", "warning", "--backlog", "4096"]
    with running(command, folder / "starlette.log", lambda: listens(port)) as process:
        pin(process.pid, cores)
        yield Contender("starlette", "plain", (port,), "/room/{room}", rooms, size, process.pid)


@contextmanager
def websockets_broadcast(
    folder: Path, rooms: tuple[str, ...], size: int, cores: Collection[int] | None
) -> Iterator[Contender]:
    """The websockets library's `broadcast`."""
    port = free_port()
    command = [sys.executable, "-m", "bench.peers.websockets_broadcast", str(port)]
    with running(command, folder / "websockets.log", lambda: listens(port)) as process:
        pin(process.pid, cores)
        yield Contender("websockets", "plain", (port,), "/room/{room}", rooms, size, process.pid)


@contextmanager
def socketio(folder: Path, rooms: tuple[str, ...], size: int, cores: Collection[int] | None) -> Iterator[Contender]:
    """Socket.IO on Node."""
    port = free_port()
    command = [node(), str(HERE / "socketio_server.js"), str(port)]
    with running(command, folder / "socketio.log", lambda: listens(port)) as process:
        pin(process.pid, cores)
        path = "/socket.io/?EIO=4&transport=websocket&room={room}"
        yield Contender("socketio", "socketio", (port,), path, rooms, size, process.pid)


def _first_child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_until(lambda: bool(children.read_text().split()), "nginx to have a worker")
    return int(children.read_text().split()[0])


def node() -> str:
    """The Node that the packages were installed with."""
    found = shutil.which("node", path=node_path(Path(os.environ.get("LEAMS_VAR", "var"))))
    if found is None:
        raise FileNotFoundError("node is not installed: ./run bench installs it")
    return found


def versions() -> dict[str, str]:
    """Of the peers: a figure means nothing without."""
    nginx = subprocess.run([program("nginx"), "-v"], capture_output=True, text=True, check=True).stderr
    nchan_version = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"], capture_output=True, text=True, check=True
    ).stdout
    engine = subprocess.run([node(), "--version"], capture_output=True, text=True, check=True).stdout
    socketio_version = json.loads((HERE / "package.json").read_text())["dependencies"]["socket.io"]
    return {
        "nginx": nginx.rpartition("/")[2].strip(),
        "nchan": nchan_version,
        "node": engine.strip(),
        "socket.io": socketio_version,
        **{name: version(name) for name in ("uvicorn", "starlette", "websockets", "uvloop")},
    }
