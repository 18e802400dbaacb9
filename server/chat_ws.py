"""The WebSocket door: negotiates, checks the origin, and hands the socket to `chat.session`."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from chat.asgi_outlet import AsgiOutlet
from chat.audience import Socket
from chat.commander import Commander
from chat.hub import Hub, Sources
from chat.outlet import EXTENSION, Outlet
from chat.session import Doors, Session
from chat.shards import Shards
from chat.wire import Encoding
from server.auth.signing_keys import AccessTokens
from server.chat_store import ChatStore, Turnstile
from server.db.pool import Pool

if TYPE_CHECKING:
    from server.lifespan import AppState


@dataclass(frozen=True, slots=True)
class Chat:
    """What the route needs: the process's hub and the doors of its sessions."""

    hub: Hub
    doors: Doors


@asynccontextmanager
async def open_chat(db: Pool, shards: Shards, tokens: AccessTokens, *, join_seconds: float) -> AsyncIterator[Chat]:
    """Follow the rooms of this process's sockets while the block runs."""
    store, turnstile = ChatStore(db, shards), Turnstile(db, tokens)
    sources = Sources(store.rules, store.versions, store.before, store.ended)
    doors = Doors(turnstile.identify, turnstile.ticket, store.followed_since_ms, store.archived, Commander(db, shards))
    hub = Hub(shards, f"{os.getpid()}-{secrets.token_hex(4)}", sources, gap_max_seconds=join_seconds)
    async with hub.running():
        yield Chat(hub, doors)


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
    await websocket.accept(subprotocol=encoding)
    outlet: Outlet | None = websocket.scope["extensions"].get(EXTENSION)
    if outlet is not None:
        outlet.converse(Session(chat.hub, chat.doors, Socket(outlet, encoding)))
        return  # nothing of this request stays
    plain = AsgiOutlet(websocket.send, encoding)
    await plain.serve(websocket.receive, Session(chat.hub, chat.doors, Socket(plain, encoding)))


routes: list[BaseRoute] = [WebSocketRoute("/ws", chat_socket)]
