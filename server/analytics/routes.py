"""What players tell, and what their streamers get to see of it, over HTTP."""

from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.analytics import store
from server.analytics.rules import BODY_MAX_BYTES, Beacon, analytics_of
from server.auth.entry import address_of
from server.auth.guards import require_account
from server.auth.permissions import Permission, may
from server.bodies import json_body, json_response
from server.channels.store import channel_by_slug
from server.ratelimit import BEACONS_BY_ADDRESS
from server.refusal import AppError, not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.lifespan import AppState

MINUTES_SHOWN: Final = 1440
MINUTES_MAX: Final = 7 * 1440
"""Totals are of a week at most."""


async def beacon(request: "Request[AppState]") -> Response:
    """Take a player's beacon from anybody."""
    address = address_of(request)
    request.state["limits"].spend_here(BEACONS_BY_ADDRESS, address)
    told = await json_body(request, Beacon, max_bytes=BODY_MAX_BYTES)
    await request.state["beacons"].take(told, address)
    return Response(status_code=204)


async def analytics(request: "Request[AppState]") -> Response:
    """A broadcast's figures, for its owner and staff."""
    identity = await require_account(request)
    public_id = request.path_params["public_id"]
    async with request.state["db"].acquire() as connection:
        channel = await channel_by_slug(connection, request.path_params["slug"])
        if channel is None:
            raise not_found("channel")
        if channel.owner_account_id != identity.account_id and not may(identity.site_role, Permission.SEE_BROADCASTS):
            raise AppError("forbidden", 403, "Only the channel's owner may do this.")
        broadcast_id = await store.broadcast_of_channel(connection, channel.id, public_id)
        if broadcast_id is None:
            raise not_found("broadcast")
        minutes = await store.minutes_of(connection, broadcast_id, MINUTES_MAX)
    return json_response(analytics_of(public_id, minutes, MINUTES_SHOWN))


routes: list[BaseRoute] = [
    Route("/api/v1/beacons", beacon, methods=["POST"]),
    Route("/api/v1/channels/{slug}/broadcasts/{public_id}/analytics", analytics, methods=["GET"]),
]
