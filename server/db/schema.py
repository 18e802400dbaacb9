"""Migrations: the revision the code expects, the one the database has, and how to get there."""

from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from server.db.pool import Connection

_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaBehindError(Exception):
    """The database is not at the code's revision; the message says the command that mends it."""


def expected_revision() -> str:
    """The newest revision under `server/db/migrations`."""
    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    assert head is not None  # noqa: S101  # the package ships at least one revision
    return head


async def current_revision(connection: "Connection") -> str | None:
    """The database's revision; None where no migration has run yet."""
    try:
        revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    return revision


async def require_current(connection: "Connection") -> None:
    """Refuse to go on with a database whose migrations are behind.

    Raises:
        SchemaBehindError: with the command to run.
    """
    current, expected = await current_revision(connection), expected_revision()
    if current != expected:
        raise SchemaBehindError(
            f"the database is at revision {current or 'none'}, this code needs {expected}: run python -m server migrate"
        )


def migrate(database_url: str) -> None:
    """Bring the database to the newest revision (blocking; runs before any event loop)."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
