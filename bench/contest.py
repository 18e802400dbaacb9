"""Leams as one contender among the peers: its people, its rooms, and a web process that each bench sets up alike."""

import asyncio
import resource
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.crowd import make_crowd, make_moderators
from bench.peers.servers import Contender
from bench.services import Stores, web_processes
from server.db.pool import open_pool
from tests.services.chat import Account, WebProcess

TEXT_BYTES = 60
"""What a member says, marks included; a line of a live chat is about as long."""


def raise_file_limit() -> int:
    """Use what the machine allows, here and in all that is started from here; the number of open files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def make_people(backing: Stores, tokens: Path, members: int, rooms: int = 1) -> tuple[str, ...]:
    """So many accounts with their tokens in a file; member i is a moderator of room i mod `rooms`, which it returns."""

    async def make() -> list[Account]:
        async with open_pool(backing.database_url) as db:
            people = await make_crowd(db, members)
            for number, owner in enumerate(people[:rooms]):
                await make_moderators(db, owner.room, [who for who in people[number::rooms] if who is not owner])
        return people

    people = asyncio.run(make())
    tokens.write_text("".join(f"{account.token}\n" for account in people))
    return tuple(account.room for account in people[:rooms])


def leams(name: str, webs: list[WebProcess], rooms: tuple[str, ...], tokens: Path, size: int = TEXT_BYTES) -> Contender:
    """Running web processes as a contender; the first one is the one that is measured."""
    ports = tuple(web.port for web in webs)
    return Contender(name, "leams", ports, "/ws", rooms, size, webs[0].process.pid, tokens)


@contextmanager
def leams_process(
    name: str,
    backing: Stores,
    folder: Path,
    rooms: tuple[str, ...],
    tokens: Path,
    cores: Collection[int] | None,
    **environment: str,
) -> Iterator[Contender]:
    """One web process, straight at its own port."""
    with web_processes(backing, folder, 1, cores=cores, **environment) as webs:
        yield leams(name, webs, rooms, tokens)
