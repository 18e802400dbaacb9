"""`python -m server web | jobs | migrate | admin …`: parses argv, nothing else."""

import argparse
import asyncio
import os
import sys

from server.db.schema import SchemaBehindError
from server.process.environment import SettingsError
from server.settings import Settings


def main(argv: list[str]) -> int:
    """Run one command; the exit status is 2 for wrong settings, 3 for a database whose migrations are behind."""
    parser = argparse.ArgumentParser(prog="python -m server")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("web", help="serve HTTP and WebSockets")
    commands.add_parser("jobs", help="run the background work")
    commands.add_parser("migrate", help="bring the database to this code's revision")
    admin = commands.add_parser("admin", help="what an operator does: accounts, keys, backups")
    if argv[:1] == ["admin"]:
        from server.admin.cli import add_arguments  # noqa: PLC0415  # each command loads only what it runs

        add_arguments(admin)
    arguments = parser.parse_args(argv)
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    try:
        return run(arguments, settings)
    except SchemaBehindError as error:
        print(error, file=sys.stderr)
        return 3


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """What was asked for; returns the exit status.

    Raises:
        SchemaBehindError: from web and jobs, before they serve anything.
    """
    match arguments.command:
        case "web":
            from server.web import run_web  # noqa: PLC0415  # each command loads only what it runs

            run_web(settings)
        case "jobs":
            from server.jobs import run_jobs  # noqa: PLC0415

            asyncio.run(run_jobs(settings))
        case "migrate":
            from server.db.schema import migrate  # noqa: PLC0415

            migrate(settings.database_url)
        case "admin":
            from server.admin.cli import run_admin  # noqa: PLC0415

            return run_admin(arguments, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
