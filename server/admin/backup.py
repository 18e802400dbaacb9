"""Back up and restore the database: one tar file with a manifest and what pg_dump wrote.

Media are files of the store and no part of it.  A backup holds the signing keys: whoever has the file can sign tokens.
"""

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

from server.db.schema import current_revision, expected_revision
from server.refusal import AppError

if TYPE_CHECKING:
    from server.db.pool import Connection

FORMAT: Final = "leams-backup-1"
_MANIFEST: Final = "manifest.json"
_DUMP: Final = "database.dump"
_MANIFEST_MAX_BYTES: Final = 64 * 1024
PROGRESS_SECONDS: Final = 2.0

Say = Callable[[str], None]


VERSIONS_OUTRUN = 1_000_000
"""More changes of one room's rules than can have happened since any backup."""


class ToolError(Exception):
    """A program of Postgres is missing or failed."""


def write_backup(database_url: str, revision: str, file: Path, say: Say) -> None:
    """Write the database to `file`, readable by its owner alone; an unfinished one never has that name.

    Raises:
        ToolError: pg_dump is missing or failed.
        OSError: the file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.absolute().parent) as folder:
        dump = Path(folder) / _DUMP
        command = [_program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges", f"--file={dump}"]
        _run(command, database_url, lambda: f"saved {_megabytes(dump)}", say)
        manifest = {"format": FORMAT, "revision": revision, "made_ms": round(time.time() * 1000)}
        whole = Path(folder) / "backup.tar"
        with tarfile.open(whole, "w") as archive:
            encoded = json.dumps(manifest).encode()
            entry = tarfile.TarInfo(_MANIFEST)
            entry.size = len(encoded)
            archive.addfile(entry, io.BytesIO(encoded))
            archive.add(dump, _DUMP)
        whole.chmod(0o600)
        whole.replace(file)


async def require_restorable(connection: "Connection", file: Path, *, replace: bool) -> None:
    """Refuse what would destroy something, or what this code could not work with.

    Raises:
        AppError: `bad_backup`, `other_revision`, `not_empty`, `in_use`.
    """
    revision = revision_of(file)
    if revision != expected_revision():
        said = f"The backup is at revision {revision}, this code at {expected_revision()}."
        raise AppError("other_revision", 409, f"{said} Restore it with the release that made it, then migrate.")
    has_tables = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')")
    if has_tables and not replace:
        raise AppError("not_empty", 409, "The database is not empty: --replace throws away what is in it.")
    if has_tables and await current_revision(connection) != expected_revision():
        raise AppError("other_revision", 409, "The database is at another revision: run python -m server migrate.")
    others = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name = 'leams'"
    )
    if others:
        raise AppError("in_use", 409, f"The database has {others} connections of Leams: stop web and jobs first.")


def read_backup(database_url: str, file: Path, say: Say) -> None:
    """Put the backup in the place of what the database holds, all or nothing.

    Raises:
        ToolError: pg_restore is missing or failed; the database is as it was.
    """
    with tempfile.TemporaryDirectory(prefix="leams-restore-") as folder:
        dump = Path(folder) / _DUMP
        with tarfile.open(file, "r:") as archive, dump.open("wb") as out:
            packed = archive.extractfile(_DUMP)
            if packed is None:
                raise _bad_backup(file)
            shutil.copyfileobj(packed, out)
        command = [_program("pg_restore"), "--clean", "--if-exists", "--no-owner", "--no-privileges"]
        command += ["--single-transaction", "--exit-on-error", "--dbname=", str(dump)]
        _run(command, database_url, lambda: "still restoring", say)


async def outrun_room_versions(connection: "Connection") -> None:
    """Put every room's rules ahead of what Redis may remember from after the backup.

    Redis refuses messages that were judged by older rules than it has heard of; a room would be mute for ever.
    """
    await connection.execute(
        "INSERT INTO room_rules (channel_id, version) SELECT id, $1 FROM channels"
        " ON CONFLICT (channel_id) DO UPDATE SET version = room_rules.version + $1",
        VERSIONS_OUTRUN,
    )


def revision_of(file: Path) -> str:
    """The revision that a backup's manifest names.

    Raises:
        AppError: `bad_backup`, the file is none of ours.
    """
    try:
        with tarfile.open(file, "r:") as archive:
            packed = archive.extractfile(_MANIFEST)
            archive.getmember(_DUMP)
            manifest = json.loads(packed.read(_MANIFEST_MAX_BYTES)) if packed else None
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise _bad_backup(file) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _bad_backup(file)
    return str(manifest.get("revision"))


def _bad_backup(file: Path) -> AppError:
    return AppError("bad_backup", 400, f"{file} is not a backup that Leams wrote.")


def _run(command: list[str], database_url: str, progress: Callable[[], str], say: Say) -> None:
    started = time.monotonic()
    with tempfile.TemporaryFile() as complaints:
        # the password goes by the environment: arguments are there for every user of the machine to see
        environment = {**os.environ, **connection_environment(database_url)}
        with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=complaints) as process:
            while True:
                try:
                    status = process.wait(PROGRESS_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    say(f"{progress()}, {time.monotonic() - started:.0f} s")
        if status:
            complaints.seek(0)
            said = complaints.read(4000).decode(errors="replace").strip()
            raise ToolError(f"{Path(command[0]).name} ended with {status}: {said}")


def connection_environment(database_url: str) -> Mapping[str, str]:
    """The database's address as libpq's own variables."""
    parts = urlsplit(database_url)
    options = parse_qs(parts.query)
    found = {
        "PGHOST": options.get("host", [parts.hostname or ""])[0],
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    return {name: value for name, value in found.items() if value}


def _program(name: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: _version(place.parent.name))
    for place in reversed(places):
        if (place / name).exists():
            return str(place / name)
    found = shutil.which(name)
    if found is None:
        raise ToolError(f"{name} is not installed: it comes with postgresql-client")
    return found


def _version(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _megabytes(file: Path) -> str:
    return f"{file.stat().st_size / 1_000_000:.1f} MB" if file.exists() else "nothing yet"
