"""A broadcast's figures over time, over HTTP: for its streamer and for staff."""

import time
from typing import TYPE_CHECKING, Annotated

import msgspec
from starlette.routing import BaseRoute, Route

from server.auth.permissions import Permission
from server.bodies import json_response, query
from server.broadcasts.charts import RECENT_POINTS, SLOT_SECONDS, STEP_SECONDS, chart
from server.broadcasts.history import recent_chart, whole_chart
from server.broadcasts.routes import own_channel
from server.broadcasts.store import open_broadcast_of_channel
from server.refusal import AppError, not_found

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from server.lifespan import AppState

MINUTES_MAX = RECENT_POINTS * STEP_SECONDS // 60


class Asked(msgspec.Struct, frozen=True):
    """The query of `recent`."""

    minutes: Annotated[int, msgspec.Meta(ge=1, le=MINUTES_MAX)] = MINUTES_MAX


async def recent(request: "Request[AppState]") -> "Response":
    """The open broadcast's last minutes."""
    minutes = query(request, Asked).minutes
    channel, _ = await own_channel(request, Permission.SEE_BROADCASTS)
    async with request.state["db"].acquire() as connection:
        row = await open_broadcast_of_channel(connection, channel.id)
    if row is None:
        raise AppError("not_live", 404, "The channel has no broadcast now.")
    now_ms = round(time.time() * 1000)
    return json_response(await recent_chart(request.state["redis"], row.broadcast.public_id, minutes, now_ms))


async def whole(request: "Request[AppState]") -> "Response":
    """A broadcast of the channel, open or ended, for as long as its figures are kept."""
    channel, _ = await own_channel(request, Permission.SEE_BROADCASTS)
    public_id = request.path_params["public_id"]
    if not public_id.isprintable():
        raise not_found("broadcast")
    async with request.state["db"].acquire() as connection:
        row = await connection.fetchrow(
            "SELECT id, created_at FROM broadcasts WHERE public_id = $1 AND channel_id = $2", public_id, channel.id
        )
        if row is None:
            raise not_found("broadcast")
        found = await whole_chart(connection, row["id"])
    begun_ms = round(row["created_at"].timestamp() * 1000)
    return json_response(found or chart([], begun_ms, SLOT_SECONDS, 0))


routes: list[BaseRoute] = [
    Route("/api/v1/channels/{slug}/broadcast/health", recent, methods=["GET"]),
    Route("/api/v1/channels/{slug}/broadcasts/{public_id}/health", whole, methods=["GET"]),
]
