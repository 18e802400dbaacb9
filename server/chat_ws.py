"""The WebSocket door: negotiates, checks the origin, and hands the socket to `chat.session`."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, WebSocketRoute

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
    from starlette.types import Receive, Scope, Send

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


_ENCODINGS = {encoding.value: encoding for encoding in Encoding}


def negotiate(offered: list[str]) -> Encoding | None:
    """The first subprotocol of the client's list that we speak."""
    return next((_ENCODINGS[name] for name in offered if name in _ENCODINGS), None)


def is_same_origin(origin: str | None, public_url: str, host: str | None) -> bool:
    """Programs send no Origin; a browser's page must be ours, under the public name or the one it was opened by.

    A page that was opened as `localhost` is ours too.  Nothing hangs on a name alone: who one is says the token.
    """
    if origin is None:
        return True
    theirs, ours = urlsplit(origin), urlsplit(public_url)
    return (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc) or bool(host and theirs.netloc == host)


class ChatSocket:
    """`/ws`: one conversation.  Plain ASGI: a storm opens thousands, and Starlette's objects would double the price."""

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Open it, or say why not."""
        await receive()
        state = cast("AppState", scope["state"])
        headers = dict(scope["headers"])
        origin, host = headers.get(b"origin"), headers.get(b"host")
        if origin is not None and not is_same_origin(_text(origin), state["settings"].public_url, _text(host)):
            await _deny(403, "This origin may not open the chat.", scope, receive, send)
            return
        encoding = negotiate(scope["subprotocols"])
        if encoding is None:
            await _deny(400, f"Offer one of the subprotocols {', '.join(_ENCODINGS)}.", scope, receive, send)
            return
        await send({"type": "websocket.accept", "subprotocol": encoding.value})
        chat = state["chat"]
        outlet: Outlet | None = scope["extensions"].get(EXTENSION)
        if outlet is not None:
            outlet.converse(Session(chat.hub, chat.doors, Socket(outlet, encoding)))
            return  # nothing of this request stays
        plain = AsgiOutlet(send, encoding)
        await plain.serve(receive, Session(chat.hub, chat.doors, Socket(plain, encoding)))


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("latin-1")


async def _deny(status: int, reason: str, scope: "Scope", receive: "Receive", send: "Send") -> None:
    await PlainTextResponse(reason, status)(scope, receive, send)


routes: list[BaseRoute] = [WebSocketRoute("/ws", ChatSocket())]
