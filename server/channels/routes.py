"""Channels and follows over HTTP."""

from typing import TYPE_CHECKING, Literal

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from media.policy import Wish
from server.auth.guards import optional_account, require_account
from server.bodies import json_body, json_response, query
from server.broadcasts.store import open_broadcast_of_channel
from server.channels import store
from server.channels.audience import tell_room, viewers_of
from server.channels.replies import ChannelCard, card_of, channel_of, ordered
from server.channels.rules import (
    CATEGORY_MAX_CHARS,
    DESCRIPTION_MAX_CHARS,
    TITLE_MAX_CHARS,
    parse_line,
    parse_paragraphs,
)
from server.refusal import AppError, not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.auth.tokens import Identity
    from server.db.pool import Connection
    from server.lifespan import AppState


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which channels are asked for."""

    live: Literal[0, 1] = 0


class ChannelEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    category: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    visibility: Literal["public", "private"] | msgspec.UnsetType = msgspec.UNSET
    """Of the broadcasts to come."""
    next_is_test: bool | msgspec.UnsetType = msgspec.UNSET
    """The next broadcast is one that nobody but the owner sees."""
    ladder: Wish | msgspec.UnsetType | None = msgspec.UNSET
    """Of the broadcasts to come, within what the site allows; null: the site's."""
    record: bool | msgspec.UnsetType = msgspec.UNSET


async def listing(request: "Request[AppState]") -> Response:
    """Channels: followed first, then what can be watched, by viewers."""
    asked = query(request, Listing)
    identity = await optional_account(request)
    async with request.state["db"].acquire() as connection:
        views = await store.channel_views(
            connection, identity.account_id if identity else None, live_only=asked.live == 1
        )
    return json_response({"channels": ordered(await _cards(request, views))})


async def follows(request: "Request[AppState]") -> Response:
    """The channels that the account follows."""
    identity = await require_account(request)
    async with request.state["db"].acquire() as connection:
        views = await store.followed_views(connection, identity.account_id)
    return json_response({"channels": ordered(await _cards(request, views))})


async def show(request: "Request[AppState]") -> Response:
    """One channel."""
    return await _channel_reply(request, await optional_account(request))


async def edit(request: "Request[AppState]") -> Response:
    """Change one's channel; what is live carries the new title at once."""
    state = request.state
    identity = await require_account(request)
    asked = await json_body(request, ChannelEdit)
    title = _line(asked.title, "title", TITLE_MAX_CHARS)
    category = _line(asked.category, "category", CATEGORY_MAX_CHARS)
    description = (
        None
        if asked.description is msgspec.UNSET
        else parse_paragraphs(asked.description, field="description", most_chars=DESCRIPTION_MAX_CHARS)
    )
    record = None if asked.record is msgspec.UNSET else asked.record
    async with state["db"].acquire() as connection, connection.transaction():
        channel = await _channel(request, connection)
        if channel.owner_account_id != identity.account_id:
            raise AppError("forbidden", 403, "Only the channel's owner may do this.")
        await store.edit_channel(
            connection,
            channel.id,
            title,
            category,
            description,
            None if asked.visibility is msgspec.UNSET else asked.visibility,
            next_is_test=None if asked.next_is_test is msgspec.UNSET else asked.next_is_test,
            record=record,
        )
        if asked.ladder is not msgspec.UNSET:
            wish = None if asked.ladder is None else msgspec.to_builtins(asked.ladder)
            await store.set_ladder(connection, channel.id, wish)
        changed = await _channel(request, connection)
        broadcast = await open_broadcast_of_channel(connection, channel.id)
    await tell_room(state["shards"], changed, broadcast, state["settings"].grace_seconds)
    return await _channel_reply(request, identity)


async def follow(request: "Request[AppState]") -> Response:
    """Follow a channel; harmless when repeated."""
    identity = await require_account(request)
    async with request.state["db"].acquire() as connection:
        channel = await _channel(request, connection)
        await store.follow(connection, identity.account_id, channel.id)
    return Response(status_code=204)


async def unfollow(request: "Request[AppState]") -> Response:
    """Follow it no longer; harmless when repeated."""
    identity = await require_account(request)
    async with request.state["db"].acquire() as connection:
        channel = await _channel(request, connection)
        await store.unfollow(connection, identity.account_id, channel.id)
    return Response(status_code=204)


async def _channel(request: "Request[AppState]", connection: "Connection") -> store.ChannelRow:
    channel = await store.channel_by_slug(connection, request.path_params["slug"])
    if channel is None:
        raise not_found("channel")
    return channel


async def _channel_reply(request: "Request[AppState]", identity: "Identity | None") -> Response:
    state = request.state
    viewer_id = identity.account_id if identity else None
    async with state["db"].acquire() as connection:
        view = await store.channel_view(connection, request.path_params["slug"], viewer_id)
    if view is None:
        raise not_found("channel")
    viewers = await viewers_of(state["shards"], [view.channel.id]) if view.broadcast else {}
    return json_response(
        channel_of(
            view,
            viewers.get(view.channel.id, 0),
            grace_seconds=state["settings"].grace_seconds,
            viewer_id=viewer_id,
        )
    )


async def _cards(request: "Request[AppState]", views: list[store.ChannelView]) -> list[ChannelCard]:
    viewers = await viewers_of(request.state["shards"], [view.channel.id for view in views if view.broadcast])
    return [card_of(view, viewers.get(view.channel.id, 0)) for view in views]


def _line(asked: str | msgspec.UnsetType, field: str, most_chars: int) -> str | None:
    return None if asked is msgspec.UNSET else parse_line(asked, field=field, most_chars=most_chars)


routes: list[BaseRoute] = [
    Route("/api/v1/channels", listing),
    Route("/api/v1/channels/{slug}", show),
    Route("/api/v1/channels/{slug}", edit, methods=["PATCH"]),
    Route("/api/v1/channels/{slug}/follow", follow, methods=["PUT"]),
    Route("/api/v1/channels/{slug}/follow", unfollow, methods=["DELETE"]),
    Route("/api/v1/account/follows", follows),
]
