"""Does our transport work with the uvicorn that is installed?  A whole conversation over a pair of sockets, at start.

`chat.transport` leans on what uvicorn promises to nobody.  Should a version move it, chat goes on over plain ASGI.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from chat.framing import close_frame, pong, prepare
from chat.outlet import EXTENSION, Outlet
from chat.transport import SERVICE_RESTART, Sockets
from chat.wire import Encoding

REHEARSE_SECONDS = 5.0
_REQUEST = (
    b"GET /rehearsal?a=b HTTP/1.1\r\nhost: localhost\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"sec-websocket-protocol: x, leams\r\n\r\n"
)
_ANSWER = (
    b" 101 ",
    b"\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    b"\r\nsec-websocket-protocol: leams\r\n",
)
"""RFC 6455, 1.3, has this key and this answer."""
_APP_STATE = {"here": "yes"}


class RehearsalError(Exception):
    """The transport doesn't do here what it must."""


def _must(claim: bool, what: str) -> None:  # noqa: FBT001  # it reads as a sentence
    if not claim:
        raise RehearsalError(what)


class _Echo:
    """Says what it hears."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self.losses = 0

    def take(self, data: bytes | str) -> None:
        self._outlet.write(prepare(cast("str", data).encode(), Encoding.JSON))

    def lost(self) -> None:
        self.losses += 1


class _App:
    """Accepts, converses and returns, as the chat's route does."""

    def __init__(self) -> None:
        self.echo: _Echo | None = None

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        found = {name: scope[name] for name in ("type", "path", "query_string", "subprotocols", "state")}
        expected = {"type": "websocket", "path": "/rehearsal", "query_string": b"a=b", "subprotocols": ["x", "leams"]}
        _must(found == {**expected, "state": _APP_STATE}, "the scope")
        _must((b"host", b"localhost") in list(scope["headers"]), "the headers")
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "leams"})
        outlet = cast("Outlet", scope["extensions"][EXTENSION])
        self.echo = _Echo(outlet)
        outlet.converse(self.echo)


def _masked(frame: bytes) -> bytes:
    """A short frame of ours as a client's, with a mask of zeros."""
    return frame[:1] + bytes((frame[1] | 0x80,)) + bytes(4) + frame[2:]


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: ServerState) -> None:
    writer.write(_REQUEST)
    answer = await reader.readuntil(b"\r\n\r\n")
    _must(all(part in answer for part in _ANSWER), "the answer to the handshake")
    text = prepare("Ünïcödé".encode(), Encoding.JSON)
    writer.write(_masked(text)[:9])
    await writer.drain()
    await asyncio.sleep(0)  # the frame comes in two pieces
    writer.write(_masked(text)[9:] + _masked(b"\x89\x01?"))
    for expected in (text, pong(b"?")):
        _must(await reader.readexactly(len(expected)) == expected, "the echo")
    _must(len(state.connections) == 1, "the server's list of connections")
    _must(not state.tasks, "the route's task is over")
    for connection in list(state.connections):
        connection.shutdown()
    farewell = close_frame(SERVICE_RESTART)
    _must(await reader.readexactly(len(farewell)) == farewell, "the close frame")
    writer.write(_masked(farewell))
    _must(await reader.read() == b"", "the end of the connection")


async def rehearse(sockets: Sockets) -> None:
    """Open, converse, close; on the loop that will serve.

    Raises:
        RehearsalError: something is not as the transport needs it; the cause says more.
    """
    app, state = _App(), ServerState()
    ours, theirs = socket.socketpair()
    try:
        config = uvicorn.Config(
            cast("Any", app), http=cast("type[asyncio.Protocol]", sockets.door), lifespan="off", log_config=None
        )
        config.load()
        async with asyncio.timeout(REHEARSE_SECONDS):
            loop = asyncio.get_running_loop()
            door = config.http_protocol_class
            transport, _ = await loop.connect_accepted_socket(
                lambda: door(config=config, server_state=state, app_state=dict(_APP_STATE), _loop=loop),  # type: ignore[call-arg]
                ours,
            )
            reader, writer = await asyncio.open_connection(sock=theirs)
            try:
                await _exchange(reader, writer, state)
            finally:
                writer.close()
                transport.abort()
                await asyncio.sleep(0.01)  # both are told of their end
        _must(not state.connections, "the connection is forgotten")
        _must(app.echo is not None and app.echo.losses == 1, "the conversation knows its end")
    except RehearsalError:
        raise
    except Exception as error:
        raise RehearsalError(f"{type(error).__name__}: {error}") from error
    finally:
        ours.close()
        theirs.close()
