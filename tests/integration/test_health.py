"""/livez and /readyz tell the truth."""

import dataclasses

import httpx
from redis.asyncio import Redis

from server.app import create_app
from server.settings import Settings
from tests.services.web import NOWHERE, lifespan_context, without_redis


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


async def test_unknown_addresses_answer_in_the_one_shape(settings: Settings) -> None:
    """Starlette's own 404 is rendered as our error."""
    async with lifespan_context(create_app(settings)) as client:
        reply = await client.get("/api/v1/nothing")
        assert reply.status_code == 404
        assert reply.json()["error"]["code"] == "not_found"
        assert isinstance(reply, httpx.Response)
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
