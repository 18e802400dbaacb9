"""`./run test`: every check and test, one after the other; the last line of each is its verdict."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from workbench.provision import node_path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "clients/web"


@dataclass(frozen=True, slots=True)
class Check:
    """One step: a command in a folder."""

    name: str
    command: list[str]
    folder: Path = ROOT


# Real servers on a shared machine miss a deadline now and then: in a whole run of 3,300 tests one or two did, now and
# then one did twice.  Two more tries, named in pytest's summary, keep such a miss from hiding what a change broke; a
# test that is seen there again and again is mended.
AGAIN = ("--reruns", "2", "-rfER")

# Most tests wait for a server, not for a core: three at once take a third of the time on two cores.
PYTEST = ("pytest", "-q", "-n", "3", "--dist", "worksteal", *AGAIN)

CHECKS = (
    Check("format", ["ruff", "format", "--check", "."]),
    Check("lint", ["ruff", "check", "."]),
    Check("types", ["mypy"]),
    Check("imports", ["lint-imports"]),
    Check("web-lint", ["npm", "run", "--silent", "lint"], WEB),
    Check("web-types", ["npm", "run", "--silent", "typecheck"], WEB),
    Check("web-test", ["npm", "run", "--silent", "test"], WEB),
    Check("test", [*PYTEST, "tests/unit", "tests/integration"]),
    # The chat once more, over plain ASGI: what carries it where our transport doesn't fit.
    Check("test-asgi", ["env", "LEAMS_CHAT_TRANSPORT=asgi", *PYTEST, "tests/integration", "-k", "test_chat_"]),
    Check("e2e", ["pytest", "-q", *AGAIN, "tests/e2e"]),
)


def main(names: list[str]) -> int:
    """Run the named checks, or all of them; the exit status is 1 if any failed."""
    known = {check.name: check for check in CHECKS}
    if unknown := [name for name in names if name not in known]:
        print(f"./run test: no check named {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    var = Path(os.environ["LEAMS_VAR"])
    environment = {**os.environ, "PATH": node_path(var), "PYTHONPATH": str(ROOT)}
    failed = []
    for check in [known[name] for name in names] or CHECKS:
        print(f"== {check.name}", flush=True)
        started = time.monotonic()
        status = subprocess.run(check.command, cwd=check.folder, env=environment, check=False).returncode
        print(f"== {check.name}: {'ok' if status == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s", flush=True)
        if status != 0:
            failed.append(check.name)
    if failed:
        print(f"== failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
