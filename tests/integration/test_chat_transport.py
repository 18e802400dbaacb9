"""chat.transport on a real uvicorn: frames of a turn together, dead peers cut, closing said once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed

from chat.codes import Close
from chat.outbox import prepare
from chat.outlet import EXTENSION, Outlet
from chat.transport import SocketProtocol
from chat.wire import Encoding
from tests.services.chat import chat_client, stalled_socket
from workbench.machine import free_port

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


@asynccontextmanager
async def _serving(with_outlet: Callable[[Outlet], None], **options: float) -> AsyncIterator[int]:
    """A server whose sockets are accepted, shown to `with_outlet`, and held until they end."""

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": Encoding.JSON})
        with_outlet(cast("Outlet", scope["extensions"][EXTENSION]))
        while (await receive())["type"] != "websocket.disconnect":
            pass

    port = free_port()
    config = uvicorn.Config(app, port=port, ws=SocketProtocol, lifespan="off", log_config=None, **options)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  # uvicorn tells it by no event
            await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        await serving


async def test_frames_and_the_close_arrive_in_order() -> None:
    """What was offered before a close is delivered, what is offered after it is not."""

    def talk(outlet: Outlet) -> None:
        for text in (b"one", b"two"):
            assert outlet.offer(prepare(text, Encoding.JSON))
        outlet.close(Close.RESTART, "bye")
        outlet.close(Close.SLOW)
        assert outlet.offer(prepare(b"three", Encoding.JSON))

    async with _serving(talk) as port, chat_client(port) as client:
        assert [await client.connection.recv(), await client.connection.recv()] == ["one", "two"]
        with pytest.raises(ConnectionClosed):
            await client.connection.recv()
        assert (client.connection.close_code, client.connection.close_reason) == (4000, "bye")


async def test_a_full_outlet_takes_nothing_more() -> None:
    """Beyond its bound an offer is refused, and a slow close drops what waits."""
    taken: list[bool] = []

    def flood(outlet: Outlet) -> None:
        frame = prepare(b"x" * 400_000, Encoding.JSON)
        taken.extend(outlet.offer(frame) for _ in range(4))
        outlet.close(Close.SLOW)

    async with _serving(flood) as port, chat_client(port) as client:
        assert await client.closed() == 4001
    assert taken == [True, True, False, False]


async def test_a_peer_without_pongs_is_cut() -> None:
    """It is told SILENT, and the connection ends even though it never answers."""
    async with _serving(lambda _: None, ws_ping_interval=0.1, ws_ping_timeout=0.2) as port:
        with await asyncio.to_thread(stalled_socket, port) as raw:
            raw.settimeout(10)
            received = b""
            while data := await asyncio.to_thread(raw.recv, 4096):
                received += data
    assert int(Close.SILENT).to_bytes(2, "big") in received
