"""`./run`'s first half: prepare the machine, then hand over to the locked environment.

Standard library only: this runs on a fresh Debian 12's own python3.
"""

import argparse
import os
import pwd
import sys
from pathlib import Path
from typing import NoReturn

from workbench import provision
from workbench.machine import USER

ROOT = Path(__file__).resolve().parent.parent

EXAMPLES = """examples:
  ./run                      start everything with a demo stream; Ctrl-C stops it
  ./run --no-demo            without the demo stream
  ./run --lan                reachable from other machines of this network
  ./run admin reset-password admin
                             a new one-time password; ./run admin --help lists the commands
  ./run test                 every check and test
  ./run bench chat_fanout    one benchmark; its last line is one JSON object

variables:
  LEAMS_VAR              where all state lives (./var)
  LEAMS_PORT             the web address' port (8080)
  LEAMS_RTMP_PORT        the port for OBS (1935)
  LEAMS_INTERNAL_PORTS   first of 40 loopback ports for the servers among themselves (18100)
  LEAMS_PUBLIC_URL       the address people use, when it is not http://127.0.0.1:LEAMS_PORT
  LEAMS_TLS_CERT, LEAMS_TLS_KEY   certificate and key files: serve https
  LEAMS_MEDIA_MAX_GB     the most that recordings and live media may take (10)
"""


def main(argv: list[str]) -> int:
    """Run one command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="./run",
        description="Leams on one machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--no-demo", action="store_true", help="do not publish the demo stream")
    parser.add_argument("--lan", action="store_true", help="listen on all addresses, not only on 127.0.0.1")
    commands = parser.add_subparsers(dest="command")
    test = commands.add_parser("test", help="install what is missing and run every check and test")
    test.add_argument("only", nargs="*", help="steps to run (default: all); an unknown one lists them")
    bench = commands.add_parser("bench", help="run one benchmark")
    bench.add_argument("name", choices=benches())
    bench.add_argument("rest", nargs=argparse.REMAINDER, help="arguments of the benchmark")
    admin = commands.add_parser("admin", help="python -m server admin …, for what ./run runs", add_help=False)
    admin.add_argument("rest", nargs=argparse.REMAINDER, help="a command and its arguments")
    arguments = parser.parse_args(argv)

    os.umask(0o022)  # what root makes here, another user runs
    var = Path(os.environ.get("LEAMS_VAR") or ROOT / "var").absolute()
    if arguments.command == "admin":
        if not (var / "venv/bin/python").exists():
            sys.exit("./run: nothing is installed yet: start ./run first, and leave it running")
        hand_over(var, ["workbench.admin", *arguments.rest])
    try:
        provision.prepare(ROOT, var, for_tests=arguments.command is not None, for_benches=arguments.command == "bench")
    except provision.ProvisionError as error:
        sys.exit(f"./run: {error}")
    except KeyboardInterrupt:
        sys.exit("./run: stopped; the next start goes on from here")
    if arguments.command == "test":
        hand_over(var, ["workbench.checks", *arguments.only])
    if arguments.command == "bench":
        hand_over(var, [f"bench.{arguments.name}", *arguments.rest])
    become_user(var)
    flags = [flag for flag, given in (("--no-demo", arguments.no_demo), ("--lan", arguments.lan)) if given]
    hand_over(var, ["workbench.up", *flags])


def benches() -> list[str]:
    """What `./run bench` can run: the programs under `bench/`."""
    return sorted(path.stem for path in (ROOT / "bench").glob("*.py") if "if __name__" in path.read_text())


def become_user(var: Path) -> None:
    """Give up root for good: everything below runs as `leams`."""
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam(USER)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ["HOME"] = str(var)
    os.environ["USER"] = os.environ["LOGNAME"] = USER


def hand_over(var: Path, module_and_arguments: list[str]) -> NoReturn:
    """Replace this process by the locked environment's Python."""
    os.chdir(ROOT)
    os.environ["LEAMS_VAR"] = str(var)
    os.environ["PATH"] = f"{var / 'venv/bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    # Bytecode is kept, for it halves a start, but in the state folder: the checkout may belong to somebody else.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(var / "pycache")
    python = str(var / "venv/bin/python")
    os.execv(python, [python, "-m", *module_and_arguments])  # noqa: S606  # a list, no shell
