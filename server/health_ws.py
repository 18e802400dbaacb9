"""The streamer's WebSocket: how a channel's broadcast goes, figure by figure, for its owner and the staff."""

import asyncio
import time
from typing import TYPE_CHECKING, cast

import msgspec
import structlog
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, WebSocketRoute

from chat.asgi_outlet import AsgiOutlet
from chat.availability import AWAY
from chat.codes import Close
from chat.framing import prepare
from chat.outlet import EXTENSION, Outlet, Pending
from chat.ratelimit import HELLOS, spend
from chat.wire import Encoding
from server.auth.guards import identify
from server.auth.permissions import Permission, may
from server.broadcasts.health_feed import Follower, HealthFeed
from server.channels.store import channel_by_slug
from server.chat_ws import is_same_origin
from server.refusal import AppError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from server.lifespan import AppState

HELLO_SECONDS = 5.0
_REFUSED_FOR_NOW = frozenset({"token_expired", "password_change_required"})
"""Said in a frame: another hello on the same socket may do better."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Hello(msgspec.Struct, frozen=True, tag_field="t", tag="hello"):
    """Who this is; the only frame that a client sends."""

    token: str


class Ready(msgspec.Struct, frozen=True, tag_field="t", tag="ready"):
    """The token was taken."""


class Refused(msgspec.Struct, frozen=True, tag_field="t", tag="error"):
    """The hello was not taken, another on the same socket may be."""

    code: str


_hello: msgspec.json.Decoder[Hello] = msgspec.json.Decoder(Hello)


class HealthSession:
    """One socket: the conversation on one side, an ear of the feed on the other."""

    def __init__(self, outlet: Outlet, state: "AppState", slug: str) -> None:
        self._outlet = outlet
        self._state = state
        self._feed: HealthFeed = state["health"]
        self._slug = slug
        self._admission: asyncio.Task[None] | None = None
        self._is_in = self._is_lost = False
        self._hellos_full_at = 0.0
        self._feed.opened()
        outlet.set_deadline(HELLO_SECONDS, Close.NO_HELLO, "no hello")

    # -- the conversation --

    def take(self, data: bytes | str) -> Pending | None:
        """A hello; what comes after one that was taken is passed over."""
        if self._is_in:
            return None
        full_at = spend(HELLOS, self._hellos_full_at, time.monotonic())
        if full_at is None:
            self.close(Close.FLOOD, "too many hellos")
            return None
        self._hellos_full_at = full_at
        try:
            hello = _hello.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.close(Close.BAD_FRAME, "begin with hello")
            return None
        self._admission = asyncio.create_task(self._admit(hello.token))
        return self._admission

    def lost(self) -> None:
        """It is over."""
        self._is_lost = True
        self._feed.closed(self)

    # -- the ear --

    def tell(self, payload: bytes) -> None:
        """One frame; a socket that takes none is closed, for the next report is newer than what waits."""
        if not self._outlet.offer(prepare(payload, Encoding.JSON)):
            self.close(Close.SLOW, "you read too slowly")

    def close(self, code: Close, reason: str) -> None:
        """Say why, and be lost."""
        self._outlet.close(code, reason)

    # -- who this is --

    async def _admit(self, token: str) -> None:
        try:
            follower = await self._follower(token)
        except AppError as error:
            if error.code == "forbidden":
                self.close(Close.FORBIDDEN, "not yours to follow")
            elif error.code in _REFUSED_FOR_NOW:
                self.tell(msgspec.json.encode(Refused(error.code)))
            else:
                self.close(Close.BAD_TOKEN, "not a token of ours, or its session has ended")
            return
        except AWAY as error:
            _log.warning("health_hello_unavailable", error=type(error).__name__)
            self.tell(msgspec.json.encode(Refused("unavailable")))
            return
        if self._is_lost:
            return
        self._is_in = True
        self._outlet.clear_deadline()
        self.tell(msgspec.json.encode(Ready()))
        self._feed.join(self, follower)

    async def _follower(self, token: str) -> Follower:
        """Raises: AppError: as `identify`; `forbidden`: another's channel, or none.  AWAY: no database."""
        identity = await identify(self._state["db"], self._state["tokens"], token, time.time())
        async with self._state["db"].acquire() as connection:
            channel = await channel_by_slug(connection, self._slug)
        is_owner = channel is not None and channel.owner_account_id == identity.account_id
        if channel is None or not (is_owner or may(identity.site_role, Permission.SEE_BROADCASTS)):
            raise AppError("forbidden", 403, "Only the channel's owner may do this.")
        return Follower(identity.account_id, identity.session_id, channel.id, is_owner)


class HealthSocket:
    """`/ws/health/{slug}`, as plain ASGI."""

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Open it, or say why not."""
        await receive()
        state = cast("AppState", scope["state"])
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if not is_same_origin(headers.get(b"origin"), state["settings"].public_url, headers.get(b"host")):
            await PlainTextResponse("This origin may not open this socket.", 403)(scope, receive, send)
            return
        if state["health"].is_full:
            denial = PlainTextResponse("This process has too many of these sockets.", 503, {"Retry-After": "2"})
            await denial(scope, receive, send)
            return
        await send({"type": "websocket.accept"})
        slug = scope["path_params"]["slug"]
        outlet: Outlet | None = scope["extensions"].get(EXTENSION)
        if outlet is not None:
            outlet.converse(HealthSession(outlet, state, slug))
            return
        plain = AsgiOutlet(send, Encoding.JSON)
        await plain.serve(receive, HealthSession(plain, state, slug))


routes: list[BaseRoute] = [WebSocketRoute("/ws/health/{slug}", HealthSocket())]
