"""A small server of our transport, or of plain ASGI, for tests of what a conversation may rely on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from chat.asgi_outlet import AsgiOutlet
from chat.framing import prepare
from chat.outlet import EXTENSION, Outlet
from chat.transport import Sockets
from chat.wire import Encoding
from workbench.machine import free_port

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(eq=False)
class Talk:
    """A conversation that keeps what it hears; `answer` says what `take` gives back."""

    outlet: Outlet
    answer: Callable[["Talk", bytes | str], "asyncio.Future[Any] | None"]
    heard: list[bytes | str] = field(default_factory=list)
    losses: int = 0

    def take(self, data: bytes | str) -> "asyncio.Future[Any] | None":
        self.heard.append(data)
        return self.answer(self, data)

    def lost(self) -> None:
        self.losses += 1


def echo(talk: Talk, data: bytes | str) -> None:
    """Say the same."""
    if isinstance(data, str):
        talk.outlet.write(prepare(data.encode(), Encoding.JSON))
    else:
        talk.outlet.write(prepare(data, Encoding.MSGPACK))


@dataclass
class Served:
    """A running server, and the conversations it had."""

    port: int
    server: uvicorn.Server
    talks: list[Talk] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)


def talking(
    served: Callable[[], Served],
    answer: Callable[[Talk, bytes | str], "asyncio.Future[Any] | None"],
    with_outlet: Callable[[Outlet], object],
) -> "ASGIApp":
    """An app whose sockets are accepted, shown to `with_outlet`, and converse as a `Talk`."""

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": Encoding.JSON})
        if EXTENSION in scope["extensions"]:
            outlet = cast("Outlet", scope["extensions"][EXTENSION])
            served().talks.append(talk := Talk(outlet, answer))
            outlet.converse(talk)
            with_outlet(outlet)
        else:
            plain = AsgiOutlet(send, Encoding.JSON)
            served().talks.append(talk := Talk(plain, answer))
            with_outlet(plain)
            await plain.serve(receive, talk)

    return app


@asynccontextmanager
async def serving(
    answer: Callable[[Talk, bytes | str], "asyncio.Future[Any] | None"] = echo,
    with_outlet: Callable[[Outlet], object] = lambda _: None,
    *,
    app: "ASGIApp | None" = None,
    sockets: Sockets | None = None,
    is_plain: bool = False,
    **options: Any,
) -> AsyncIterator[Served]:
    """Serve on a free port of this loop until the block ends; `is_plain`: uvicorn's own protocols."""
    app = app or talking(lambda: served, answer, with_outlet)
    http = "httptools" if is_plain else (sockets or Sockets()).door
    config = uvicorn.Config(
        app,
        port=free_port(),
        http=cast("type[asyncio.Protocol]", http),
        ws="websockets-sansio",
        log_config=None,
        **{"lifespan": "off", **options},
    )
    served = Served(config.port, uvicorn.Server(config))
    running = asyncio.create_task(served.server._serve())
    async with asyncio.timeout(10):
        while not served.server.started:  # noqa: ASYNC110  # uvicorn tells it by no event
            await asyncio.sleep(0.01)
    try:
        yield served
    finally:
        served.server.should_exit = True
        await running
