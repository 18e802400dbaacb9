"""Stream keys over HTTP: the secret is in the answer that makes it, and nowhere else ever."""

import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from media.stream_key import RANDOM_BYTES, key_hash, mint
from server.auth.guards import require_account
from server.bodies import json_body, json_response, unix_ms
from server.broadcasts.control import end_within, perform
from server.broadcasts.store import lock_channel, open_broadcast_of_channel
from server.channels import keys_store
from server.channels.keys_store import StreamKeyRow
from server.channels.rules import parse_line
from server.channels.store import channel_by_slug
from server.refusal import AppError, not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from media.broadcast import Step
    from server.broadcasts.store import BroadcastRow
    from server.channels.store import ChannelRow
    from server.db.pool import Connection
    from server.lifespan import AppState

LABEL_MAX_CHARS = 50
ACTIVE_KEYS_MAX = 10


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a key is for, in its owner's words."""

    label: str


async def listing(request: "Request[AppState]") -> Response:
    """The owner's keys, and the server address for the encoder."""
    channel = await _own_channel(request)
    async with request.state["db"].acquire() as connection:
        rows = await keys_store.stream_keys(connection, channel.id)
    return json_response({"keys": [_reply(row) for row in rows], "server": request.state["settings"].rtmp_public_url})


async def create(request: "Request[AppState]") -> Response:
    """Make a key."""
    channel = await _own_channel(request)
    label = parse_line((await json_body(request, NewKey)).label, field="label", most_chars=LABEL_MAX_CHARS)
    if not label:
        raise AppError("empty", 400, "Give the key a label.", field="label")
    async with request.state["db"].acquire() as connection, connection.transaction():
        await lock_channel(connection, channel.id)
        if await keys_store.count_active_keys(connection, channel.id) >= ACTIVE_KEYS_MAX:
            raise AppError("too_many_keys", 409, f"A channel has at most {ACTIVE_KEYS_MAX} keys: revoke one first.")
        row, secret = await _mint(connection, channel.id, label)
    return json_response({"key": _reply(row), "secret": secret}, status=201)


async def rotate(request: "Request[AppState]") -> Response:
    """A new secret under the same label; the old one is revoked, and a broadcast on it ends."""
    channel = await _own_channel(request)
    async with request.state["db"].acquire() as connection, connection.transaction():
        await lock_channel(connection, channel.id)
        old = await _active_key(request, connection, channel.id)
        ended = await _revoke(connection, channel.id, old.id)
        row, secret = await _mint(connection, channel.id, old.label)
    if ended is not None:
        await perform(request.state["control"], *ended)
    return json_response({"key": _reply(row), "secret": secret}, status=201)


async def revoke(request: "Request[AppState]") -> Response:
    """Revoke a key; a broadcast on it ends."""
    channel = await _own_channel(request)
    async with request.state["db"].acquire() as connection, connection.transaction():
        await lock_channel(connection, channel.id)
        key = await _active_key(request, connection, channel.id)
        ended = await _revoke(connection, channel.id, key.id)
    if ended is not None:
        await perform(request.state["control"], *ended)
    return Response(status_code=204)


async def _own_channel(request: "Request[AppState]") -> "ChannelRow":
    identity = await require_account(request)
    async with request.state["db"].acquire() as connection:
        channel = await channel_by_slug(connection, request.path_params["slug"])
    if channel is None:
        raise not_found("channel")
    if channel.owner_account_id != identity.account_id:
        raise AppError("forbidden", 403, "Only the channel's owner may see its stream keys.")
    return channel


async def _active_key(request: "Request[AppState]", connection: "Connection", channel_id: int) -> StreamKeyRow:
    key_id: int = request.path_params["key_id"]
    key = await keys_store.active_key(connection, channel_id, key_id) if key_id < 2**63 else None
    if key is None:
        raise not_found("stream key")
    return key


async def _mint(connection: "Connection", channel_id: int, label: str) -> tuple[StreamKeyRow, str]:
    secret = mint(secrets.token_bytes(RANDOM_BYTES))
    return await keys_store.add_key(connection, channel_id, label, key_hash(secret)), secret


async def _revoke(connection: "Connection", channel_id: int, key_id: int) -> "tuple[BroadcastRow, Step] | None":
    await keys_store.revoke_key(connection, key_id)
    row = await open_broadcast_of_channel(connection, channel_id)
    if row is None or row.stream_key_id != key_id:
        return None
    return await end_within(connection, channel_id, "key_revoked")


def _reply(row: StreamKeyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "label": row.label,
        "created_ms": unix_ms(row.created_at),
        "last_used_ms": None if row.last_used_at is None else unix_ms(row.last_used_at),
        "revoked": row.revoked_at is not None,
    }


_KEYS = "/api/v1/channels/{slug}/stream-keys"
routes: list[BaseRoute] = [
    Route(_KEYS, listing, methods=["GET"]),
    Route(_KEYS, create, methods=["POST"]),
    Route(f"{_KEYS}/{{key_id:int}}/rotate", rotate, methods=["POST"]),
    Route(f"{_KEYS}/{{key_id:int}}", revoke, methods=["DELETE"]),
]
