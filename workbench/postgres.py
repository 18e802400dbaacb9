"""A private Postgres cluster: how to make it and how to start it."""

import shutil
import subprocess
from typing import TYPE_CHECKING

from workbench.machine import give_to_user, program, unprivileged_user

if TYPE_CHECKING:
    from pathlib import Path


def create_cluster(folder: "Path", password_file: "Path | None" = None) -> None:
    """Make a cluster in `folder` unless one is there, with one superuser, `leams`, known by the file's password.

    Without a file it trusts whoever is on this machine: for tests and benches.

    It is made beside its place: one that was interrupted is no cluster and is thrown away by the next call.

    Raises:
        subprocess.CalledProcessError: initdb failed; `stderr` says why.
    """
    if (folder / "PG_VERSION").exists():
        return
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    give_to_user(unfinished)
    subprocess.run(
        [
            *(program("initdb"), "-D", str(unfinished), "-U", "leams", "-E", "UTF8", "--locale=C.UTF-8"),
            *(["--auth=scram-sha-256", f"--pwfile={password_file}"] if password_file else ["--auth=trust"]),
        ],
        check=True,
        user=unprivileged_user(),
        cwd="/",
        capture_output=True,
        start_new_session=True,  # Ctrl-C is the caller's to hear
    )
    unfinished.replace(folder)  # a folder that is there must be empty


def postgres_command(folder: "Path", port: int, *, durable: bool = True) -> list[str]:
    """The server on loopback; `durable=False` is for tests that throw the data away."""
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
    }
    flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
    return [program("postgres"), "-D", str(folder), "-p", str(port), *flags]
