"""`python -m server admin …`: what an operator does at the machine itself.

What a command makes (a password, a key) is the last line on standard output; everything else goes to standard error.
Exit status: 0 done, 1 refused, 2 wrong usage or settings, 3 a server or program is missing.
"""

import argparse
import asyncio
import secrets
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from chat.shards import open_shards
from media.stream_key import RANDOM_BYTES, key_hash, mint
from server.accounts.ending import announce_account_ended
from server.accounts.rules import parse_name
from server.accounts.store import AccountRow, account_by_name, new_account, set_password
from server.admin.backup import ToolError, outrun_room_versions, read_backup, require_restorable, write_backup
from server.auth.passwords import hash_password
from server.auth.sessions import Ended, end_sessions
from server.channels.keys_store import add_key
from server.channels.rules import CATEGORY_MAX_CHARS, TITLE_MAX_CHARS, parse_line
from server.channels.store import channel_by_slug
from server.db.schema import SchemaBehindError, expected_revision, require_current
from server.process.logs import configure_logs
from server.refusal import AppError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from server.db.pool import Connection
    from server.settings import Settings

REFUSED: Final = 1
AWAY: Final = 3
LABEL_MAX_CHARS: Final = 50

_COMMANDS: Final = {
    "create-admin": ("make an admin with a one-time password", "create-admin admin"),
    "reset-password": ("give an account a one-time password and sign it out everywhere", "reset-password ann"),
    "ensure-channel": ("make an account that nobody can log in to, with its channel", "ensure-channel demo"),
    "stream-key": ("make a stream key for a channel and print it", "stream-key demo OBS"),
    "backup": ("write the database to a file; media are not in it", "backup leams.backup"),
    "restore": ("put a backup in the database's place", "restore leams.backup --replace"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the sub-commands."""
    commands = parser.add_subparsers(dest="admin_command", required=True, metavar="COMMAND")
    described = {}
    for name, (what, example) in _COMMANDS.items():
        described[name] = commands.add_parser(
            name, help=what, description=f"{what}.", epilog=f"example: python -m server admin {example}"
        )
    for name in ("create-admin", "reset-password", "ensure-channel", "stream-key"):
        described[name].add_argument("name", metavar="NAME", help="the account's name")
    described["ensure-channel"].add_argument("--title", default="", help="of a channel that is made now")
    described["ensure-channel"].add_argument("--category", default="", help="of a channel that is made now")
    described["stream-key"].add_argument("label", metavar="LABEL", help="what the key is for")
    for name in ("backup", "restore"):
        described[name].add_argument("file", metavar="FILE", type=Path)
    described["backup"].add_argument("--force", action="store_true", help="overwrite FILE")
    described["restore"].add_argument("--replace", action="store_true", help="throw away what the database holds")


def run_admin(arguments: argparse.Namespace, settings: "Settings") -> int:
    """Run one command; returns the exit status."""
    configure_logs("admin", settings.log_level)
    try:
        made = _perform(arguments, settings)
    except AppError as error:
        _say(error.message)
        return REFUSED
    except SchemaBehindError as error:
        _say(str(error))
        return REFUSED
    except (ToolError, OSError, asyncpg.PostgresError) as error:
        _say(str(error) or type(error).__name__)
        return AWAY
    if made is not None:
        print(made)
    return 0


def _perform(arguments: argparse.Namespace, settings: "Settings") -> str | None:
    match arguments.admin_command:
        case "create-admin":
            return asyncio.run(create_admin(settings, arguments.name))
        case "reset-password":
            return asyncio.run(reset_password(settings, arguments.name))
        case "ensure-channel":
            asyncio.run(ensure_channel(settings, arguments.name, title=arguments.title, category=arguments.category))
        case "stream-key":
            return asyncio.run(stream_key(settings, arguments.name, arguments.label))
        case "backup":
            backup(settings, arguments.file, overwrite=arguments.force)
        case _:
            restore(settings, arguments.file, replace=arguments.replace)
    return None


async def create_admin(settings: "Settings", name: str) -> str:
    """Make an admin; an admin who never chose a password gets another one-time password.

    Raises:
        AppError: the name is malformed or taken.
    """
    password = _one_time_password()
    async with _database(settings) as connection, connection.transaction():
        account = await account_by_name(connection, parse_name(name))
        if account is None:
            await new_account(connection, name, hash_password(password), site_role="admin", must_change_password=True)
            _say(f"{name} is an admin; this password opens the account once:")
        elif account.site_role == "admin" and account.must_change_password:
            await set_password(connection, account.id, hash_password(password), must_change_password=True)
            _say(f"{account.name} was there and had chosen no password yet; this one opens the account once:")
        else:
            raise AppError("name_taken", 409, f"There is an account {account.name}: see reset-password.")
    return password


async def reset_password(settings: "Settings", name: str) -> str:
    """Give an account a one-time password and end its sessions.

    Raises:
        AppError: there is no such account.
    """
    password = _one_time_password()
    async with _database(settings) as connection, connection.transaction():
        account = await _account(connection, name)
        await end_sessions(connection, account.id, Ended.PASSWORD)
        await set_password(connection, account.id, hash_password(password), must_change_password=True)
    async with open_shards(settings.chat_redis_url) as shards:
        await announce_account_ended(shards, account.id)
    if account.disabled:
        _say(f"{account.name} is disabled and cannot log in until it is enabled again.")
    _say(f"{account.name} is signed out everywhere; this password opens the account once:")
    return password


async def ensure_channel(settings: "Settings", name: str, *, title: str = "", category: str = "") -> None:
    """Make an account without a password, with its channel, unless there is one.

    Raises:
        AppError: the name is malformed, or the title or category is no line of text.
    """
    title = title and parse_line(title, field="title", most_chars=TITLE_MAX_CHARS)
    category = category and parse_line(category, field="category", most_chars=CATEGORY_MAX_CHARS)
    async with _database(settings) as connection, connection.transaction():
        if await account_by_name(connection, parse_name(name)) is None:
            await new_account(connection, name)
            await connection.execute(
                "UPDATE channels SET title = COALESCE(NULLIF($2, ''), title), category = $3 WHERE slug = lower($1)",
                name,
                title,
                category,
            )
            _say(f"{name} has a channel; nobody can log in to it (reset-password gives it a password)")
        else:
            _say(f"{name} is there already")


async def stream_key(settings: "Settings", name: str, label: str) -> str:
    """Make a stream key for the account's channel.

    Raises:
        AppError: there is no such channel, or the label is no line of text.
    """
    label = parse_line(label, field="label", most_chars=LABEL_MAX_CHARS)
    secret = mint(secrets.token_bytes(RANDOM_BYTES))
    async with _database(settings) as connection:
        channel = await channel_by_slug(connection, name)
        if channel is None:
            raise AppError("not_found", 404, f"There is no channel {name}.")
        await add_key(connection, channel.id, label, key_hash(secret))
    _say(f"a key for {channel.slug}, shown only now; the server is {settings.rtmp_public_url}")
    return secret


def backup(settings: "Settings", file: Path, *, overwrite: bool) -> None:
    """Write the database to a file.

    Raises:
        AppError: the file is there already.
        ToolError, OSError: it could not be written.
    """
    if file.exists() and not overwrite:
        raise AppError("file_exists", 409, f"{file} is there already: --force overwrites it.")
    asyncio.run(_check(settings))
    write_backup(settings.database_url, expected_revision(), file, _say)
    _say(f"{file} holds the database ({file.stat().st_size / 1_000_000:.1f} MB) and its signing keys: keep it secret")
    _say(f"not in it: media under {settings.media_store}, and chat messages that Redis holds but has not archived")


def restore(settings: "Settings", file: Path, *, replace: bool) -> None:
    """Put a backup in the database's place.

    Raises:
        AppError: the backup or the database is not what it should be.
        ToolError, OSError: it could not be read; the database is as it was.
    """

    async def require() -> None:
        async with _database(settings, current=False) as connection:
            await require_restorable(connection, file, replace=replace)

    asyncio.run(require())
    read_backup(settings.database_url, file, _say)

    async def catch_up() -> None:
        async with _database(settings) as connection:
            await outrun_room_versions(connection)

    asyncio.run(catch_up())
    _say("restored; everybody's sessions are those of the backup, media are as the store holds them")


async def _check(settings: "Settings") -> None:
    async with _database(settings):
        pass


@asynccontextmanager
async def _database(settings: "Settings", *, current: bool = True) -> "AsyncIterator[Connection]":
    connection = await asyncpg.connect(settings.database_url, timeout=10)
    try:
        if current:
            await require_current(connection)
        yield connection
    finally:
        await connection.close()


async def _account(connection: "Connection", name: str) -> AccountRow:
    account = await account_by_name(connection, parse_name(name))
    if account is None:
        raise AppError("not_found", 404, f"There is no account {name}.")
    return account


def _one_time_password() -> str:
    return secrets.token_urlsafe(12)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
