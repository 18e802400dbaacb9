"""The doors while Postgres is dead, and once it is back."""

import asyncio
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from server.db.pool import Pool, open_pool
from server.db.schema import migrate
from server.settings import Settings
from tests.services.people import PASSWORD, open_site
from tests.services.processes import running
from workbench.machine import free_port
from workbench.postgres import create_cluster, postgres_command


@contextmanager
def postgres(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A Postgres of this test's own."""

    def ready() -> bool:
        return subprocess.run(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode == 0

    command = postgres_command(folder, port)
    with running(command, folder.with_suffix(".log"), ready, drop_root=True) as process:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)


async def test_a_dead_postgres_is_a_503_and_is_forgotten_when_it_is_back(
    settings: Settings, service_folder: Path
) -> None:
    """Killed under its clients: every door that needs it says `unavailable` and when to come back, then works again."""
    folder, port = service_folder / "mortal", free_port()
    create_cluster(folder)
    url = f"postgresql://leams@127.0.0.1:{port}"
    with postgres(folder, port) as process:
        connection = await asyncpg.connect(f"{url}/postgres")
        await connection.execute("CREATE DATABASE leams")
        await connection.close()
        await asyncio.to_thread(migrate, f"{url}/leams")
        mortal = dataclasses.replace(settings, database_url=f"{url}/leams")
        async with open_site(mortal) as site:
            person = site.person()
            await person.register("ann")
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            asked = {"name": "ann", "password": PASSWORD}
            for call in (("GET", "/channels"), ("GET", "/account"), ("POST", "/auth/login", asked)):
                reply = await person.call(*call)
                error = reply.json()["error"]
                assert (reply.status_code, error["code"]) == (503, "unavailable"), call
                assert error["retry_after_seconds"] == 1
                assert reply.headers["Retry-After"] == "1"
            with postgres(folder, port):
                assert (await person.call("GET", "/account")).status_code == 200


async def test_nobody_waits_for_ever_for_a_connection(database_url: str) -> None:
    """With every connection taken, who asks for one is told within seconds."""

    async def use(pool: Pool) -> None:
        async with pool.acquire():
            pass

    async with open_pool(database_url, size=1) as pool, pool.acquire():
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(use(pool), 10)
        assert time.monotonic() - started < 5
