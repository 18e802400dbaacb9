"""Recordings over HTTP: their lists for players, and the doors of channels and their owners."""

import time
from typing import TYPE_CHECKING

import asyncpg
import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.auth.guards import optional_account, require_account
from server.auth.permissions import Permission, may
from server.bodies import json_body, json_response, query, unix_ms
from server.broadcasts.rules import media_address
from server.broadcasts.store import new_capability
from server.channels.rules import TITLE_MAX_CHARS, parse_line
from server.channels.store import channel_by_slug
from server.errors import render_error
from server.recordings import store
from server.recordings.objects import OPEN_TO_ALL, stored_object
from server.recordings.rules import Visibility, may_watch
from server.refusal import AppError, not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.auth.tokens import Identity
    from server.lifespan import AppState
    from server.recordings.store import Vod

MIME = "application/vnd.apple.mpegurl"
LIST_SECONDS = 10
"""A final list never changes; but its recording may be deleted or hidden."""
PAGE = 30


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which recordings are asked for."""

    before: int | None = None


class VodEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    visibility: Visibility | msgspec.UnsetType = msgspec.UNSET


class VodCard(msgspec.Struct, frozen=True):
    """A recording in a list."""

    public_id: str
    title: str
    category: str
    started_ms: int
    duration_seconds: float
    size_bytes: int
    thumbnail: str
    playlist: str
    visibility: str
    state: str
    expires_ms: int | None
    stopped_for: str | None
    """Why its end is missing; None: it is whole."""


class ChannelName(msgspec.Struct, frozen=True):
    """Whose it is."""

    slug: str
    name: str


class VodPage(VodCard, frozen=True):
    """A recording's own page."""

    channel: ChannelName
    is_owner: bool


# --- the doors of the API --------------------------------------------------------------------------------------------


async def listing(request: "Request[AppState]") -> Response:
    """A channel's recordings, the newest first; its owner and staff see those that are not public too."""
    asked = query(request, Page)
    identity = await optional_account(request)
    async with request.state["db"].acquire() as connection:
        channel = await channel_by_slug(connection, request.path_params["slug"])
        if channel is None:
            raise not_found("channel")
        sees_all = _is_in_charge(identity, channel.owner_account_id)
        vods = await store.vods_of_channel(connection, channel.id, asked.before, PAGE + 1, sees_all=sees_all)
    following = vods[PAGE - 1].broadcast_id if len(vods) > PAGE else None
    return json_response({"vods": [_card(vod) for vod in vods[:PAGE]], "next": following})


async def show(request: "Request[AppState]") -> Response:
    """One recording."""
    identity = await optional_account(request)
    vod = await _vod(request)
    if not _may_watch(vod, identity):
        raise not_found("recording")
    return json_response(_page(vod, identity))


async def edit(request: "Request[AppState]") -> Response:
    """Rename it, show or hide it; for its owner."""
    identity = await require_account(request)
    asked = await json_body(request, VodEdit)
    title = None
    if asked.title is not msgspec.UNSET:
        title = parse_line(asked.title, field="title", most_chars=TITLE_MAX_CHARS)
    visibility = None if asked.visibility is msgspec.UNSET else asked.visibility
    vod = await _vod(request)
    _require_charge(vod, identity, staff=False)
    async with request.state["db"].acquire() as connection:
        await store.edit(connection, vod.broadcast_id, title, visibility)
        if visibility == "private":
            await store.renew_capability(connection, vod.broadcast_id, new_capability())
    return json_response(_page(await _vod(request), identity))


async def delete(request: "Request[AppState]") -> Response:
    """Delete it for good; for its owner and staff."""
    identity = await require_account(request)
    vod = await _vod(request)
    _require_charge(vod, identity, staff=True)
    if vod.state != "ready":
        raise AppError("still_live", 409, "The broadcast is not over yet: stop it first.")
    async with request.state["db"].acquire() as connection:
        await store.mark_deleted(connection, [vod.broadcast_id])
    return Response(status_code=204)


async def _vod(request: "Request[AppState]") -> "Vod":
    async with request.state["db"].acquire() as connection:
        vod = await store.vod(connection, request.path_params["public_id"])
    if vod is None or vod.state == "deleted":
        raise not_found("recording")
    return vod


def _is_in_charge(identity: "Identity | None", owner_account_id: int) -> bool:
    return identity is not None and (
        identity.account_id == owner_account_id or may(identity.site_role, Permission.SEE_BROADCASTS)
    )


def _may_watch(vod: "Vod", identity: "Identity | None") -> bool:
    is_owner = identity is not None and identity.account_id == vod.owner_account_id
    is_staff = identity is not None and may(identity.site_role, Permission.SEE_BROADCASTS)
    return may_watch(vod.visibility, is_owner=is_owner, is_staff=is_staff)


def _require_charge(vod: "Vod", identity: "Identity", *, staff: bool) -> None:
    if not _may_watch(vod, identity):
        raise not_found("recording")
    if vod.owner_account_id != identity.account_id and not (
        staff and may(identity.site_role, Permission.STOP_BROADCASTS)
    ):
        raise AppError("forbidden", 403, "Only the channel's owner may do this.")


def _card(vod: "Vod") -> VodCard:
    return VodCard(
        public_id=vod.public_id,
        title=vod.title,
        category=vod.category,
        started_ms=unix_ms(vod.started_at),
        duration_seconds=vod.duration_ms / 1000,
        size_bytes=vod.size_bytes,
        thumbnail=_address(vod, "media", "thumbnail.jpg"),
        playlist=_address(vod, "vod", "index.m3u8"),
        visibility=vod.visibility,
        state=vod.state,
        expires_ms=unix_ms(vod.expires_at) if vod.expires_at else None,
        stopped_for=vod.recording_stopped_for,
    )


def _address(vod: "Vod", kind: str, file: str) -> str:
    return media_address(vod.public_id, vod.capability, kind, file)


def _page(vod: "Vod", identity: "Identity | None") -> VodPage:
    return VodPage(
        **msgspec.structs.asdict(_card(vod)),
        channel=ChannelName(vod.slug, vod.channel_name),
        is_owner=identity is not None and identity.account_id == vod.owner_account_id,
    )


# --- lists for players -----------------------------------------------------------------------------------------------


async def multivariant(request: "Request[AppState]") -> Response:
    """`/vod/<public id>/index.m3u8`."""
    return await _list(request, "index")


async def media(request: "Request[AppState]") -> Response:
    """`/vod/<public id>/<rendition>/index.m3u8`."""
    return await _list(request, f"{request.path_params['rendition']}/index")


async def iframes(request: "Request[AppState]") -> Response:
    """`/vod/<public id>/<rendition>/iframes.m3u8`."""
    return await _list(request, f"{request.path_params['rendition']}/iframes")


async def missing(_request: "Request[AppState]") -> Response:
    """Every address under `/vod` that is none."""
    return _refused(not_found("recording"))


async def stored(request: "Request[AppState]") -> Response:
    """`/media/<name>` that the edge did not find in the live folder: from the store, where that is elsewhere."""
    try:
        return await stored_object(request) or _refused(not_found("segment"))
    except AppError as error:
        return _refused(error)


async def _list(request: "Request[AppState]", name: str) -> Response:
    try:
        text, vod = await request.state["vod_lists"].text(request.path_params["public_id"], name)
        # where there is a capability, the edge has asked for it
        is_guarded = vod.visibility == "private" and vod.capability is None
        if is_guarded and not _may_watch(vod, await optional_account(request)):
            raise not_found("recording")
    except AppError as error:
        return _refused(error)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        away = AppError("unavailable", 503, "The recording can't be looked up right now.", retry_after_seconds=1)
        return _refused(away)
    headers = {
        "Cache-Control": f"public, max-age={LIST_SECONDS}",
        "X-Accel-Expires": f"@{int(time.time()) + LIST_SECONDS}",
    }
    if is_guarded:
        headers = {"Cache-Control": "private, no-store", "X-Accel-Expires": "0"}
    return Response(text, media_type=MIME, headers={**headers, **OPEN_TO_ALL})


def _refused(error: AppError) -> Response:
    response = render_error(error)
    response.headers.update(OPEN_TO_ALL)
    return response


_VOD = "/api/v1/vods/{public_id}"
routes: list[BaseRoute] = [
    Route("/api/v1/channels/{slug}/vods", listing),
    Route(_VOD, show),
    Route(_VOD, edit, methods=["PATCH"]),
    Route(_VOD, delete, methods=["DELETE"]),
    Route("/vod/{public_id}/index.m3u8", multivariant),
    Route("/vod/{public_id}/{rendition}/index.m3u8", media),
    Route("/vod/{public_id}/{rendition}/iframes.m3u8", iframes),
    Route("/vod/{path:path}", missing),
    Route("/media/{path:path}", stored),
    Route("/stored/{path:path}", stored),
]
