"""A private Redis: how to start it."""

from typing import TYPE_CHECKING

from workbench.machine import program

if TYPE_CHECKING:
    from pathlib import Path


def redis_command(folder: "Path", port: int, *, durable: bool = True) -> list[str]:
    """The server on loopback.

    Durable: `appendfsync always` (group commit: a script is answered after its write is on disk) and no eviction, so
    what was acknowledged survives a kill.
    """
    persistence = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
    return [
        program("redis-server"),
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)),
        *("--save", "", "--maxmemory-policy", "noeviction"),
        *persistence,
    ]
