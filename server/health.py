"""`/livez` says that the process runs, `/readyz` whether it can serve, and what is missing if not."""

import asyncio
from typing import TYPE_CHECKING

import asyncpg
from redis.exceptions import RedisError
from starlette.routing import BaseRoute, Route

from server.bodies import json_response
from server.db.schema import SchemaBehindError, require_current

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from server.lifespan import AppState

CHECK_TIMEOUT_SECONDS = 1.0


async def livez(_request: "Request[AppState]") -> "Response":
    """The process answers."""
    return json_response({"status": "ok"})


async def readyz(request: "Request[AppState]") -> "Response":
    """200 when Postgres, Redis and the chat's Redis answer, else 503 naming what is missing."""
    missing = {}
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS), request.state["db"].acquire() as connection:
            await require_current(connection)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, SchemaBehindError) as error:
        # the class alone: an address inside is nobody's business out there
        missing["postgres"] = str(error) if isinstance(error, SchemaBehindError) else type(error).__name__
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            await request.state["redis"].ping()
    except (OSError, RedisError, TimeoutError) as error:
        missing["redis"] = type(error).__name__
    try:
        await request.state["shards"].ping()
    except RedisError as error:
        missing["chat_redis"] = type(error).__name__
    return json_response({"status": "missing" if missing else "ok", "missing": missing}, status=503 if missing else 200)


routes: list[BaseRoute] = [Route("/livez", livez), Route("/readyz", readyz)]
