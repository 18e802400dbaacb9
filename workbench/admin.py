"""`./run admin …`: `python -m server admin …` with the addresses and secrets of what `./run` runs."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from workbench.addresses import AddressError, Addresses
from workbench.topology import Topology
from workbench.up import HOOK_SECRET, STORE_PASSWORD


def main(argv: list[str]) -> NoReturn:
    """Become the command; one line and exit status 1 when that can't be."""
    folder = Path(os.environ["LEAMS_VAR"])
    try:
        hook_secret, password = ((folder / "secrets" / name).read_text() for name in (HOOK_SECRET, STORE_PASSWORD))
        topology = Topology(Addresses.from_env(os.environ, lan=False), folder, hook_secret, password)
    except FileNotFoundError:
        sys.exit(f"./run admin: nothing has run from {folder} yet: start ./run first, and leave it running")
    except PermissionError:
        sys.exit(f"./run admin: {folder / 'secrets'} is not yours to read: run it as root or as its owner")
    except AddressError as error:
        sys.exit(f"./run admin: {error}")
    os.environ.update(topology.environment)
    os.execv(sys.executable, [sys.executable, "-m", "server", "admin", *argv])  # noqa: S606  # a list, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
