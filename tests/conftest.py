"""Real servers for the tests: one Postgres and one Redis a session, a fresh database and an empty Redis a test."""

import asyncio
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from chat.shards import Shards, open_shards
from server.db.pool import Pool, open_pool
from server.db.schema import migrate
from server.settings import Settings
from tests.services.processes import listens, running
from workbench.machine import free_port, give_to_user
from workbench.postgres import create_cluster, postgres_command
from workbench.redis import redis_command


@pytest.fixture(scope="session")
def service_folder() -> Iterator[Path]:
    """A short folder that the unprivileged user may enter; kept out of pytest's, which is private to root."""
    folder = Path(tempfile.mkdtemp(prefix="leams-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_port(service_folder: Path) -> Iterator[int]:
    port = free_port()
    folder = service_folder / "postgres"
    create_cluster(folder)

    def ready() -> bool:
        return subprocess.run(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode == 0

    command = postgres_command(folder, port, durable=False)
    with running(command, service_folder / "postgres.log", ready, drop_root=True) as process:
        yield port
        process.send_signal(signal.SIGINT)  # fast shutdown: SIGTERM would wait for idle connections


@pytest.fixture(scope="session")
def template_database(postgres_port: int) -> str:
    """A migrated database that each test's own is copied from."""
    url = f"postgresql://leams@127.0.0.1:{postgres_port}"

    async def create() -> None:
        connection = await asyncpg.connect(f"{url}/postgres")
        await connection.execute("CREATE DATABASE leams_template")
        await connection.close()

    asyncio.run(create())
    migrate(f"{url}/leams_template")
    return url


@pytest.fixture
async def database_url(template_database: str) -> AsyncIterator[str]:
    """A fresh, migrated database."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(f"{template_database}/postgres")
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE leams_template")
    yield f"{template_database}/{name}"
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(database_url) as pool:
        yield pool


@pytest.fixture(scope="session")
def redis_port(service_folder: Path) -> Iterator[int]:
    port = free_port()
    folder = service_folder / "redis"
    folder.mkdir()
    give_to_user(folder)
    command = redis_command(folder, port, durable=False)
    with running(command, service_folder / "redis.log", lambda: listens(port), drop_root=True):
        yield port


@pytest.fixture
async def redis_url(redis_port: int) -> str:
    """An emptied Redis."""
    url = f"redis://127.0.0.1:{redis_port}/0"
    client = Redis.from_url(url)
    await client.flushall()
    await client.aclose()
    return url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url, protocol=3)
    yield client
    await client.aclose()


@pytest.fixture
async def shards(redis_url: str) -> AsyncIterator[Shards]:
    """The chat's way to the same Redis, once it stands.

    A test that starts a process blocks the loop for as long as ANSWER_SECONDS: half a connection would be given up.
    """
    async with open_shards(redis_url) as shards:
        await shards.ping()
        yield shards


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """The settings of a web or jobs process on this test's own servers."""
    return Settings.from_env(
        {
            "LEAMS_DATABASE_URL": database_url,
            "LEAMS_REDIS_URL": redis_url,
            "LEAMS_HOOK_SECRET": "hook-secret-of-the-tests",
            "LEAMS_PUBLIC_URL": "http://leams.test",
            "MEDIA_STORE": (tmp_path / "media").as_uri(),
            "LEAMS_METRICS_PORT": "0",
            "LEAMS_WEB_PORT": "0",
        }
    )
