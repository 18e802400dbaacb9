"""Backup and restore on a real Postgres."""

import io
import json
import stat
import tarfile
from pathlib import Path

import asyncpg
import pytest

from server.admin.backup import FORMAT, VERSIONS_OUTRUN, connection_environment
from server.db.pool import Pool
from server.settings import Settings
from tests.services.operator import admin
from tests.services.people import Person, open_site


async def make_backup(settings: Settings, file: Path) -> Person:
    """Somebody registers, and the database goes to a file."""
    async with open_site(settings) as site:
        person = site.person()
        await person.register("ann")
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute(
        "INSERT INTO broadcasts (public_id, channel_id, state, title, category, ended_at)"
        " SELECT 'vod1', id, 'ended', '', '', now() FROM channels;"
        "INSERT INTO broadcast_segments SELECT id, 0, '[0]' FROM broadcasts;"
        "INSERT INTO vods (broadcast_id, channel_id, state) SELECT id, channel_id, 'ready' FROM broadcasts"
    )
    await connection.close()
    saved = await admin(settings, "backup", str(file))
    assert saved.status == 0, saved.said
    assert "media" in saved.said
    return person


async def test_what_was_saved_comes_back(settings: Settings, tmp_path: Path) -> None:
    """Accounts made since are gone, those of the backup are there with their passwords and sessions."""
    file = tmp_path / "leams.backup"
    person = await make_backup(settings, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not list(tmp_path.glob(".*")), "nothing half-made is left"  # noqa: ASYNC240  # a test may wait for a disk
    async with open_site(settings) as site:
        await site.person().register("bob")
    restored = await admin(settings, "restore", str(file), "--replace")
    assert restored.status == 0, restored.said
    async with open_site(settings) as site:
        await site.person().log_in("ann")
        same = site.person()
        same.token = person.token
        assert (await same.call("GET", "/account")).status_code == 200
        assert (await same.call("GET", "/channels/bob")).status_code == 404
        await site.person().register("carl")
    connection = await asyncpg.connect(settings.database_url)
    versions = await connection.fetch("SELECT version FROM room_rules")
    await connection.close()
    assert versions[0]["version"] >= VERSIONS_OUTRUN, "a room must not be mute because Redis remembers newer rules"


async def test_an_empty_database_takes_a_backup(settings: Settings, tmp_path: Path) -> None:
    """A new machine: no --replace is asked for."""
    file = tmp_path / "leams.backup"
    await make_backup(settings, file)
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("DROP SCHEMA public CASCADE")
    await connection.execute("CREATE SCHEMA public")
    restored = await admin(settings, "restore", str(file))
    assert restored.status == 0, restored.said
    assert await connection.fetchval("SELECT name FROM accounts") == "ann"
    assert await connection.fetchval("SELECT state FROM vods") == "ready"
    assert await connection.fetchval("SELECT record::text FROM broadcast_segments") == "[0]"
    await connection.close()


async def test_a_database_with_something_in_it_is_not_replaced_by_accident(settings: Settings, tmp_path: Path) -> None:
    """Without --replace nothing happens; a file that is there is not overwritten without --force."""
    file = tmp_path / "leams.backup"
    await make_backup(settings, file)
    refused = await admin(settings, "restore", str(file))
    assert refused.status == 1
    assert "--replace" in refused.said
    again = await admin(settings, "backup", str(file))
    assert again.status == 1
    assert "--force" in again.said
    assert (await admin(settings, "backup", str(file), "--force")).status == 0


async def test_running_servers_are_not_restored_under(settings: Settings, tmp_path: Path, db: Pool) -> None:
    """Web and jobs must be stopped first."""
    file = tmp_path / "leams.backup"
    await make_backup(settings, file)
    assert await db.fetchval("SELECT 1") == 1
    refused = await admin(settings, "restore", str(file), "--replace")
    assert refused.status == 1
    assert "stop web and jobs" in refused.said


@pytest.mark.parametrize("content", ["nothing", "text", "tar", "other_format", "other_revision", "torn"])
async def test_files_that_cannot_be_restored(settings: Settings, tmp_path: Path, content: str) -> None:
    """Foreign, torn and other releases' files are refused, and the database stays as it was."""
    file = tmp_path / "file"
    if content == "nothing":
        file.write_bytes(b"")
    elif content == "text":
        file.write_text("not a backup\n" * 1000)
    else:
        manifest = {"tar": None, "other_format": {"format": "x"}}.get(
            content, {"format": FORMAT, "revision": "9999" if content == "other_revision" else "TORN"}
        )
        write_tar(file, manifest)
        if content == "torn":
            file.write_bytes(file.read_bytes()[:700])
    refused = await admin(settings, "restore", str(file), "--replace")
    assert refused.status == 1, refused.said
    assert "Traceback" not in refused.said
    connection = await asyncpg.connect(settings.database_url)
    assert await connection.fetchval("SELECT count(*) FROM site_settings") == 1
    await connection.close()


def write_tar(file: Path, manifest: object) -> None:
    """A tar with a manifest and a dump that is none."""
    with tarfile.open(file, "w") as archive:
        for name, content in (("manifest.json", json.dumps(manifest).encode()), ("database.dump", b"nothing" * 500)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def test_the_password_never_becomes_an_argument() -> None:
    """Postgres' programs get the address by the environment, decoded."""
    assert connection_environment("postgresql://le%40ms:s%3Acret@db.example:5433/leams") == {
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "le@ms",
        "PGPASSWORD": "s:cret",
        "PGDATABASE": "leams",
    }
    assert connection_environment("postgresql:///leams?host=/run/postgresql") == {
        "PGHOST": "/run/postgresql",
        "PGDATABASE": "leams",
    }
