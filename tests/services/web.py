"""The web app in the test's own process and loop."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from server.playback.door import PlaybackDoor

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send

    from server.settings import Settings

NOWHERE = "redis://127.0.0.1:1/0"


def without_redis(settings: "Settings") -> "Settings":
    """The same with no Redis behind it, neither the site's nor the chat's."""
    return dataclasses.replace(settings, redis_url=NOWHERE, chat_redis_url=NOWHERE)


@asynccontextmanager
async def lifespan_context(app: "Starlette") -> "AsyncIterator[httpx.AsyncClient]":
    """Run the app's lifespan and yield a client that calls it directly (HTTP only: WebSockets want a real server)."""
    door = PlaybackDoor(app)
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: "Scope", receive: "Receive", send: "Send") -> None:
            await door({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx.ASGITransport(app=with_state, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://leams.test") as client:
            yield client
