"""/livez and /readyz tell the truth."""

import dataclasses
import sys
from pathlib import Path

import httpx
from redis.asyncio import Redis

from server.app import create_app
from server.settings import Settings
from tests.services.processes import listens, running
from tests.services.web import NOWHERE, lifespan_context, without_redis
from workbench.machine import free_port


async def test_ready_when_postgres_and_redis_answer(settings: Settings) -> None:
    """A process with both at hand is ready."""
    async with lifespan_context(create_app(settings)) as client:
        assert (await client.get("/livez")).json() == {"status": "ok"}
        reply = await client.get("/readyz")
        assert reply.status_code == 200, reply.text


async def test_names_what_is_missing(settings: Settings, redis: Redis) -> None:
    """A Redis that is away is named; the process stays alive."""
    for away, missing in (
        (without_redis(settings), ["redis", "chat_redis"]),
        (dataclasses.replace(settings, chat_redis_url=NOWHERE), ["chat_redis"]),
    ):
        async with lifespan_context(create_app(away)) as client:
            reply = await client.get("/readyz")
            assert reply.status_code == 503
            assert list(reply.json()["missing"]) == missing


async def test_a_worker_tells_of_its_parts(settings: Settings, tmp_path: Path) -> None:
    """`jobs` answers on its metrics port: alive, and ready while all its parts complete their passes."""
    port = free_port()
    env = {
        "LEAMS_DATABASE_URL": settings.database_url,
        "LEAMS_REDIS_URL": settings.redis_url,
        "LEAMS_HOOK_SECRET": settings.hook_secret,
        "LEAMS_METRICS_PORT": str(port),
        "MEDIA_STORE": settings.media_store,
    }
    command = [sys.executable, "-m", "server", "jobs"]
    with running(command, tmp_path / "jobs.log", lambda: listens(port), env=env):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for path in ("/livez", "/readyz"):
                reply = await client.get(path)
                assert (reply.status_code, reply.json()) == (200, {"status": "ok", "missing": {}})
            assert "leams_chat_archive_lag_seconds" in (await client.get("/metrics")).text


async def test_unknown_addresses_answer_in_the_one_shape(settings: Settings) -> None:
    """Starlette's own 404 is rendered as our error."""
    async with lifespan_context(create_app(settings)) as client:
        reply = await client.get("/api/v1/nothing")
        assert reply.status_code == 404
        assert reply.json()["error"]["code"] == "not_found"
        assert isinstance(reply, httpx.Response)
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
