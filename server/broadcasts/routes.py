"""A channel's broadcast over HTTP: the streamer's dashboard, and stopping it."""

import asyncio
import hmac
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from redis.exceptions import RedisError
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from chat.presence import room_counts
from media.broadcast import EndReason
from media.jobs import Health, RenditionFigures, Source, Warned
from media.verdicts import Figure, judge
from server.auth.guards import require_account
from server.auth.permissions import Permission, may
from server.bodies import json_response
from server.broadcasts.control import Control, Refused, last_refused, stop_channel_broadcast
from server.broadcasts.reports import health_key
from server.broadcasts.rules import media_address
from server.broadcasts.store import capability_of, new_capability, open_broadcast_of_channel, rotate_capability
from server.channels.store import channel_by_slug
from server.refusal import AppError, not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.broadcasts.store import BroadcastRow
    from server.channels.store import ChannelRow
    from server.lifespan import AppState

PATIENCE_SECONDS = 0.5
"""For Redis; without it the dashboard knows the state and the source, but no figures."""
CHECK_SECONDS = 1.0
"""For Postgres to say whether a capability is right: a player waits for it, and the edge may know what it was."""
REFUSED = "max-age=3"
"""How long the edge keeps a refusal: nginx counts whole seconds, so less than 4 s; five with what the check takes."""
PROVEN = f"{REFUSED}, stale-while-revalidate=300, stale-if-error=300"
"""And a capability that is right: the same, then it is asked for again, by one request while the others go on.

Without an answer it stays right for five minutes: longer than a restart or a failover of Postgres, and nobody can
revoke it without Postgres. The end is for an edge that lost its web processes while elsewhere a capability is revoked.
"""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Figures(msgspec.Struct, frozen=True):
    """What Redis knows of a channel's broadcast now."""

    health: Health | None = None
    refused: Refused | None = None
    viewers: int = 0
    """Of a private broadcast or a test 0: their players aren't counted, and the room's people don't see them."""


class Dashboard(msgspec.Struct, frozen=True):
    """A broadcast as its streamer sees it."""

    state: str
    public_id: str | None
    since_ms: int | None
    source: Source | None
    renditions: tuple[RenditionFigures, ...]
    speed: float | None
    warnings: tuple[Warned, ...]
    refused: Refused | None
    viewers: int
    visibility: str
    """Of this broadcast, or of the next one where none is open."""
    is_test: bool
    next_is_test: bool
    ladder: dict[str, Any] | None
    """What the channel wants of its ladder; None: the site's."""
    playlist: str | None
    """For the streamer's own eyes, once there is something to see."""
    health: tuple[Figure, ...]


async def dashboard(request: "Request[AppState]") -> Response:
    """The open broadcast, or `offline`; what was refused lately."""
    channel, _ = await own_channel(request, Permission.SEE_BROADCASTS)
    async with request.state["db"].acquire() as connection:
        row = await open_broadcast_of_channel(connection, channel.id)
    figures = await _figures(request.state["control"], channel.id, row)
    return json_response(dashboard_of(row, figures, channel))


async def stop(request: "Request[AppState]") -> Response:
    """End the open broadcast; its encoder is kept out for half a minute."""
    channel, is_owner = await own_channel(request, Permission.STOP_BROADCASTS)
    reason: EndReason = "stopped" if is_owner else "stopped_by_staff"
    if not await stop_channel_broadcast(request.state["control"], channel.id, reason):
        raise AppError("not_live", 409, "The channel has no broadcast to stop.")
    return Response(status_code=204)


async def rotate(request: "Request[AppState]") -> Response:
    """Give the open private broadcast another secret: whoever has an old address is out within five seconds."""
    channel, is_owner = await own_channel(request, Permission.STOP_BROADCASTS)
    if not is_owner:
        raise AppError("forbidden", 403, "Only the channel's owner may do this.")
    async with request.state["db"].acquire() as connection:
        if not await rotate_capability(connection, channel.id, new_capability()):
            raise AppError("not_private", 409, "The channel has no private broadcast open.")
    return Response(status_code=204)


async def check_capability(request: "Request[AppState]") -> Response:
    """For the edge alone: may whoever has this secret read the broadcast's media?"""
    given = request.headers.get("x-leams-capability", "")  # not in the path, which is logged
    async with asyncio.timeout(CHECK_SECONDS), request.state["db"].acquire() as connection:
        secret = await capability_of(connection, request.path_params["public_id"])
    if secret is not None and hmac.compare_digest(secret.encode(), given.encode()):
        return Response(status_code=204, headers={"Cache-Control": PROVEN})
    return Response(status_code=403, headers={"Cache-Control": REFUSED})


def dashboard_of(row: "BroadcastRow | None", figures: Figures, channel: "ChannelRow") -> Dashboard:
    """The two sources as one; the transcoder's own word on the source is newer than the row's."""
    health = figures.health if row is not None else None
    source = health.source if health else None
    if source is None and row is not None and row.source is not None:
        source = msgspec.convert(row.source, Source)
    return Dashboard(
        state="offline" if row is None else row.broadcast.state.value,
        public_id=None if row is None else row.broadcast.public_id,
        since_ms=None if row is None else round((row.broadcast.live_at or row.created_at) * 1000),
        source=source,
        renditions=health.renditions if health else (),
        speed=health.speed if health else None,
        warnings=health.warnings if health else (),
        refused=figures.refused,
        viewers=figures.viewers,
        visibility=channel.visibility if row is None else "public" if row.is_public else "private",
        is_test=row is not None and row.is_test,
        next_is_test=channel.next_is_test,
        ladder=channel.ladder,
        playlist=None if row is None or row.broadcast.live_at is None else _playlist(row),
        health=judge(health) if health else (),
    )


def _playlist(row: "BroadcastRow") -> str:
    return media_address(row.broadcast.public_id, row.capability, "live", "index.m3u8")


async def own_channel(request: "Request[AppState]", permission: Permission) -> "tuple[ChannelRow, bool]":
    """The channel, and whether the account owns it; staff may see and stop others' too."""
    identity = await require_account(request)
    async with request.state["db"].acquire() as connection:
        channel = await channel_by_slug(connection, request.path_params["slug"])
    if channel is None:
        raise not_found("channel")
    is_owner = channel.owner_account_id == identity.account_id
    if not is_owner and not may(identity.site_role, permission):
        raise AppError("forbidden", 403, "Only the channel's owner may do this.")
    return channel, is_owner


async def _figures(control: Control, channel_id: int, row: "BroadcastRow | None") -> Figures:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            health = await control.redis.get(health_key(row.broadcast.public_id)) if row else None
            refused = await last_refused(control, channel_id)
            counts = await room_counts(control.shards, [channel_id])
    except (RedisError, OSError) as error:
        _log.warning("dashboard_without_redis", error=type(error).__name__)
        return Figures()
    known = None if health is None else msgspec.json.decode(health, type=Health)
    is_counted = row is None or row.is_public
    return Figures(known, refused, counts[channel_id].viewers if is_counted else 0)


_BROADCAST = "/api/v1/channels/{slug}/broadcast"
routes: list[BaseRoute] = [
    Route(_BROADCAST, dashboard, methods=["GET"]),
    Route(f"{_BROADCAST}/stop", stop, methods=["POST"]),
    Route(f"{_BROADCAST}/rotate-capability", rotate, methods=["POST"]),
    Route("/internal/capability/{public_id}", check_capability),
]
