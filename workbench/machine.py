"""Facts of the machine a run or a test leans on: users, free ports, where Debian puts programs."""

import os
import pwd
import shutil
import socket
from pathlib import Path

USER = "leams"
"""Who runs everything when `./run` is started by root (Postgres refuses to run as root)."""


def unprivileged_user() -> str | None:
    """The user that servers are started as: `leams` when we are root, else None for ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return "postgres"
    return USER


def give_to_user(folder: Path) -> None:
    """Make `folder` belong to the unprivileged user."""
    if user := unprivileged_user():
        shutil.chown(folder, user, user)


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def program(name: str) -> str:
    """The full path of a server program, also where Debian keeps it off the PATH.

    Raises:
        FileNotFoundError: it is not installed.
    """
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/sbin"), Path("/usr/bin")]
    # Debian's own before the PATH: the first `postgres` on the PATH may be a wrapper.
    for place in places:
        if (place / name).exists():
            return str(place / name)
    if found := shutil.which(name):
        return found
    raise FileNotFoundError(f"{name} is not installed: ./run installs it")
