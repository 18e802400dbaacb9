"""Migrations: the revision the code expects, the one the database has, and how to get there.

Revisions are numbered files, `0001_….py`.  Alembic is loaded only to run them: it costs a second of every start.
"""

from pathlib import Path

import asyncpg

from server.db.pool import Connection

_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaBehindError(Exception):
    """The database is not at the code's revision; the message says the command that mends it."""


def expected_revision() -> str:
    """The newest revision under `server/db/migrations`."""
    newest = max(_MIGRATIONS.glob("versions/[0-9]*.py"))
    return newest.name.split("_")[0]


async def current_revision(connection: Connection) -> str | None:
    """The database's revision; None where no migration has run yet."""
    try:
        revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    return revision


async def require_current(connection: Connection) -> None:
    """Refuse to go on with a database whose migrations are behind.

    Raises:
        SchemaBehindError: with the command to run.
    """
    current, expected = await current_revision(connection), expected_revision()
    if current != expected:
        raise SchemaBehindError(
            f"the database is at revision {current or 'none'}, this code needs {expected}: run python -m server migrate"
        )


async def require_current_at(database_url: str) -> None:
    """The same before a process opens anything else; a database that is away is left to who needs it.

    Raises:
        SchemaBehindError: with the command to run.
    """
    try:
        connection = await asyncpg.connect(database_url, timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return
    try:
        await require_current(connection)
    finally:
        await connection.close()


def migrate(database_url: str) -> None:
    """Bring the database to the newest revision (blocking; runs before any event loop)."""
    from alembic import command  # noqa: PLC0415  # see the module's docstring
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
