"""A private Redis: how to start it."""

from typing import TYPE_CHECKING

from workbench.machine import program

if TYPE_CHECKING:
    from pathlib import Path


def write_redis_config(file: "Path", password: str) -> None:
    """The one setting that must not stand among the arguments, where every user of the machine reads it."""
    file.touch(mode=0o600)
    file.write_text(f"requirepass {password}\n")


def redis_command(folder: "Path", port: int, config: "Path | None" = None, *, durable: bool = True) -> list[str]:
    """The server on loopback; without a configuration it serves whoever is on this machine: for tests and benches.

    Durable: `appendfsync always` (group commit: a script is answered after its write is on disk) and no eviction, so
    what was acknowledged survives a kill.
    """
    persistence = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
    return [
        program("redis-server"),
        *([str(config)] if config else []),
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)),
        *("--save", "", "--maxmemory-policy", "noeviction"),
        *persistence,
    ]
