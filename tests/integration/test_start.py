"""What a process says when it can't start."""

import asyncio
import os
import sys
from collections.abc import Mapping

import asyncpg
import pytest

from server.settings import Settings
from workbench.machine import free_port


async def start(*arguments: str, env: Mapping[str, str]) -> tuple[int | None, str]:
    """Run it to its end; the exit status, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", *arguments),
        env={**os.environ, **env},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.parametrize("process", ["web", "jobs"])
async def test_a_database_whose_migrations_are_behind_is_refused(process: str, settings: Settings) -> None:
    """Neither process starts on an older schema, and the last line says the command that mends it."""
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("UPDATE alembic_version SET version_num = '0001'")
    await connection.close()
    status, said = await start(
        *("server", process),
        env={
            "LEAMS_DATABASE_URL": settings.database_url,
            "LEAMS_REDIS_URL": settings.redis_url,
            "LEAMS_HOOK_SECRET": "secret",
            "LEAMS_WEB_PORT": str(free_port()),
            "LEAMS_METRICS_PORT": str(free_port()),
        },
    )
    assert status not in {0, None}
    assert "python -m server migrate" in said.strip().splitlines()[-1]
    assert "Traceback" not in said


@pytest.mark.parametrize("process", [("server", "web"), ("server", "jobs"), ("transcoder",)])
async def test_wrong_settings_are_all_named(process: tuple[str, ...]) -> None:
    """Exit status 2, one line a variable, no traceback."""
    status, said = await start(*process, env={"LEAMS_REDIS_URL": "", "LEAMS_METRICS_PORT": "many"})
    assert status == 2
    lines = said.strip().splitlines()
    assert "LEAMS_REDIS_URL is not set" in lines
    assert "LEAMS_METRICS_PORT='many': expected a number from 0 to 65535" in lines
    assert all(line.startswith("LEAMS_") for line in lines)
