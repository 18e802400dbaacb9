"""`./run`: start everything, say where it is, stop everything on Ctrl-C."""

import argparse
import asyncio
import fcntl
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from server.process.shutdown import stop_event
from workbench.addresses import AddressError, Addresses
from workbench.postgres import create_cluster
from workbench.supervisor import StartError, Supervisor
from workbench.topology import WEBS, Topology, prepare_database, server_command

ADMIN = "admin"
DEMO = "demo"
HOOK_SECRET = "hook-secret"  # noqa: S105  # a file's name: what the ingest nginx shows the web processes
STORE_PASSWORD = "store-password"  # noqa: S105  # a file's name: what opens Postgres and Redis
DEMO_TITLE = "A test picture with the wall clock in it"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the first start made: kept in `var/secrets`, readable by its owner alone."""

    admin_password: str
    stream_key: str
    demo_key: str


def main(argv: list[str]) -> int:
    """Run until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="./run")
    parser.add_argument("--no-demo", action="store_true")
    parser.add_argument("--lan", action="store_true")
    arguments = parser.parse_args(argv)
    var = Path(os.environ["LEAMS_VAR"])
    try:
        with (var / "run/lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return fail(f"Leams already runs from {var}: stop it, or set LEAMS_VAR to another folder")
            addresses = Addresses.from_env(os.environ, lan=arguments.lan)
            addresses.check_free()
            asyncio.run(run(addresses, var, demo=not arguments.no_demo))
    except (AddressError, StartError) as error:
        return fail(str(error))
    except OSError as error:
        return fail(about_disk(error))
    except KeyboardInterrupt:  # before the supervisor listens for it: nothing runs yet
        return fail("stopped")
    return 0


def about_disk(error: OSError) -> str:
    """A full disk or a missing right, and the variable that puts the state elsewhere."""
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}: mend that, or set LEAMS_VAR to a folder elsewhere"


def fail(sentence: str) -> int:
    """One line on stderr."""
    print(f"./run: {sentence}", file=sys.stderr)
    return 1


async def run(addresses: Addresses, var: Path, *, demo: bool) -> None:
    """Start in order, print the addresses, wait for the end.

    Raises:
        StartError: something did not come up; everything else was stopped again.
    """
    topology = Topology(addresses, var, kept_secret(var, HOOK_SECRET), kept_secret(var, STORE_PASSWORD))
    try:
        create_cluster(var / "postgres", var / "secrets" / STORE_PASSWORD)
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise StartError(f"initdb: {' '.join(last)}: mend that, or set LEAMS_VAR to a folder elsewhere") from error
    problem: Exception | None = None
    with stop_event() as stop:
        async with asyncio.TaskGroup() as group:
            supervisor = Supervisor(group, var / "log", say)
            stopping = group.create_task(stop.wait())
            starting = group.create_task(attempt(start(supervisor, topology, demo=demo)))
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
            elif isinstance(outcome := starting.result(), Credentials):
                print(await greeting(topology, outcome, demo=demo), flush=True)
                supervisor.tell_pids(var / "run/pids.json")
                await stopping
            else:
                problem = outcome
            stopping.cancel()
            say("stopping")
            # while the edge still stands: so that every page hears that it may come back
            await supervisor.stop(*WEBS)
    if problem:
        raise problem


async def attempt(starting: Awaitable[Credentials]) -> Credentials | StartError:
    """Turn a failed start into a value, so that what did start is still stopped in order."""
    try:
        return await starting
    except StartError as error:
        return error
    except OSError as error:
        return StartError(about_disk(error))
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return StartError(f"Postgres: {error}: mend that, or set LEAMS_VAR to a folder elsewhere")


async def start(supervisor: Supervisor, topology: Topology, *, demo: bool) -> Credentials:
    """The stores, then the servers, then the doors, then the demo."""
    await supervisor.start(*topology.stores())
    await prepare_database(topology)
    credentials = await first_run(topology)
    await supervisor.start(*topology.servers())
    await supervisor.start(*topology.doors())
    if demo:
        await supervisor.start(topology.demo(credentials.demo_key))
    return credentials


async def first_run(topology: Topology) -> Credentials:
    """Make the admin, the demo channel and a stream key for each, once."""
    file = topology.var / "secrets/first-run.json"
    if file.exists():
        return Credentials(**json.loads(file.read_text()))
    password = (await server_command(topology, "admin", "create-admin", ADMIN)).strip().splitlines()[-1]
    await server_command(topology, "admin", "ensure-channel", DEMO, "--title", DEMO_TITLE, "--category", "Demo")
    credentials = Credentials(
        admin_password=password,
        stream_key=(await server_command(topology, "admin", "stream-key", ADMIN, "OBS")).strip().splitlines()[-1],
        demo_key=(await server_command(topology, "admin", "stream-key", DEMO, "demo")).strip().splitlines()[-1],
    )
    keep(file, json.dumps({name: getattr(credentials, name) for name in ("admin_password", "stream_key", "demo_key")}))
    return credentials


def kept_secret(var: Path, name: str) -> str:
    """A secret that is made at the first start and kept in `var/secrets`."""
    file = var / "secrets" / name
    if not file.exists():
        keep(file, secrets.token_urlsafe(32))
    return file.read_text()


def keep(file: Path, secret: str) -> None:
    """Write the file whole or not at all: half of it would stop the next start."""
    half = file.with_name(f"{file.name}.half")
    half.touch(mode=0o600)
    half.write_text(secret)
    half.replace(file)


async def greeting(topology: Topology, credentials: Credentials, *, demo: bool) -> str:
    """Where everything is, for a person."""
    addresses = topology.addresses
    watch = addresses.public_url
    password = "(the one you chose)"  # noqa: S105  # words, not a password
    if await has_first_password(topology):
        password = f"{credentials.admin_password}    (one-time: you choose your own at the first sign-in)"
    rows = {
        "Watch": f"{watch}/{f'    the demo: {watch}/{DEMO}' if demo else ''}",
        "OBS server": f"rtmp://{addresses.host}:{addresses.rtmp_port}/live",
        "OBS key": f"{credentials.stream_key}    (goes to {watch}/{ADMIN})",
        "Admin": ADMIN,
        "Password": password,
        "Logs, state": str(topology.var),
        "Stop": "Ctrl-C",
    }
    return "\n".join(["", *(f"  {name:<12}  {value}" for name, value in rows.items()), ""])


async def has_first_password(topology: Topology) -> bool:
    """Does the admin still have the one-time password?"""
    connection = await asyncpg.connect(topology.database_url)
    try:
        return bool(
            await connection.fetchval("SELECT must_change_password FROM accounts WHERE lower(name) = $1", ADMIN)
        )
    finally:
        await connection.close()


def say(what: str) -> None:
    """Tell the person at the terminal."""
    print(f"./run: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
