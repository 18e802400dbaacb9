"""The WebSocket door: negotiates, checks the origin, and hands the socket to `chat.session`."""

import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from redis.asyncio import Redis
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from chat.audience import Identity, Socket
from chat.commander import Commander
from chat.history import Moderation, Page, archived_page, learn_later
from chat.hub import Hub, Sources
from chat.outlet import EXTENSION, Outlet
from chat.room import Position, RoomRules
from chat.sanctions import room_rules, rules_versions
from chat.session import Doors, Session, TokenExpiredError, TokenRefusedError
from chat.wire import BACKFILL_MESSAGES, Encoding, Logged
from server.auth.guards import identify
from server.auth.signing_keys import AccessTokens
from server.db.pool import Pool
from server.refusal import AppError

if TYPE_CHECKING:
    from server.lifespan import AppState

ACQUIRE_SECONDS = 1.0
"""A request on a socket waits no longer for a database connection: it learns that the chat can't take it now."""


@dataclass(frozen=True, slots=True)
class Chat:
    """What the route needs: the process's hub and the doors of its sessions."""

    hub: Hub
    doors: Doors


@asynccontextmanager
async def open_chat(db: Pool, redis: Redis, tokens: AccessTokens) -> AsyncIterator[Chat]:
    """Follow the rooms of this process's sockets while the block runs."""
    store = _Store(db, tokens)
    sources = Sources(store.rules, store.versions, store.before, store.ended)
    doors = Doors(store.identify, store.followed_since_ms, store.archived, Commander(db, redis))
    hub = Hub(redis, f"{os.getpid()}-{secrets.token_hex(4)}", sources)
    async with hub.running():
        yield Chat(hub, doors)


@dataclass(frozen=True, slots=True)
class _Store:
    """What chat asks of Postgres, each on a connection of the pool."""

    db: Pool
    tokens: AccessTokens

    async def identify(self, token: str) -> Identity:
        try:
            who = await identify(self.db, self.tokens, token, time.time())
        except AppError as error:
            raise (TokenExpiredError if error.code == "token_expired" else TokenRefusedError) from error
        return Identity(who.account_id, who.name, who.session_id, who.expires_at, is_staff=who.site_role != "user")

    async def rules(self, room_id: int) -> RoomRules | None:
        async with self.db.acquire(timeout=ACQUIRE_SECONDS) as connection:
            return await room_rules(connection, room_id)

    async def versions(self, room_ids: list[int]) -> dict[int, int]:
        async with self.db.acquire(timeout=ACQUIRE_SECONDS) as connection:
            return await rules_versions(connection, room_ids)

    async def before(self, room_id: int, position: Position) -> list[Logged]:
        """The archive's last visible messages before the log; also while the archiver is behind."""
        page = await self.archived(room_id, position, Moderation(), BACKFILL_MESSAGES, must_touch=False)
        return page.events

    async def archived(
        self, room_id: int, position: Position, moderation: Moderation, limit: int, *, must_touch: bool
    ) -> Page:
        async with self.db.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await learn_later(connection, room_id, position, moderation)
            return await archived_page(connection, room_id, position, moderation, limit, must_touch=must_touch)

    async def followed_since_ms(self, room_id: int, account_id: int) -> int | None:
        async with self.db.acquire(timeout=ACQUIRE_SECONDS) as connection:
            since = await connection.fetchval(
                "SELECT created_at FROM follows WHERE channel_id = $1 AND account_id = $2", room_id, account_id
            )
        return None if since is None else int(since.timestamp() * 1000)

    async def ended(self, session_ids: list[str]) -> set[str]:
        async with self.db.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                "SELECT s.id FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE s.id = ANY($1::uuid[])"
                " AND s.revoked_at IS NULL AND a.disabled_at IS NULL AND a.deleted_at IS NULL",
                session_ids,
            )
        return set(session_ids) - {str(row["id"]) for row in rows}


def negotiate(offered: list[str]) -> Encoding | None:
    """The first subprotocol of the client's list that we speak."""
    ours = {encoding.value: encoding for encoding in Encoding}
    return next((ours[name] for name in offered if name in ours), None)


def is_same_origin(origin: str | None, public_url: str, host: str | None) -> bool:
    """Programs send no Origin; a browser's page must be ours, under the public name or the one it was opened by.

    A page that was opened as `localhost` is ours too.  Nothing hangs on a name alone: who one is says the token.
    """
    if origin is None:
        return True
    theirs, ours = urlsplit(origin), urlsplit(public_url)
    return (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc) or bool(host and theirs.netloc == host)


async def chat_socket(websocket: "WebSocket[AppState]") -> None:
    """`/ws`: one conversation."""
    chat, settings = websocket.state["chat"], websocket.state["settings"]
    if not is_same_origin(websocket.headers.get("origin"), settings.public_url, websocket.headers.get("host")):
        await websocket.send_denial_response(PlainTextResponse("This origin may not open the chat.", 403))
        return
    encoding = negotiate(websocket.scope["subprotocols"])
    if encoding is None:
        names = ", ".join(known.value for known in Encoding)
        await websocket.send_denial_response(PlainTextResponse(f"Offer one of the subprotocols {names}.", 400))
        return
    if chat.hub.is_draining:
        await websocket.send_denial_response(PlainTextResponse("This process restarts; come back.", 503))
        return
    await websocket.accept(subprotocol=encoding)

    async def receive() -> bytes | str | None:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text: str | None = message.get("text")
        return text if text is not None else cast("bytes", message["bytes"])

    outlet = cast("Outlet", websocket.scope["extensions"][EXTENSION])
    await Session(chat.hub, chat.doors, Socket(outlet, encoding), receive).run()


routes: list[BaseRoute] = [WebSocketRoute("/ws", chat_socket)]
