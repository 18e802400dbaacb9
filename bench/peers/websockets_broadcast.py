"""`websockets.broadcast`, the library's own way to many: `python -m bench.peers.websockets_broadcast PORT`."""

import sys
from contextlib import suppress

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

rooms: dict[str, set[ServerConnection]] = {}


async def room(connection: ServerConnection) -> None:
    """Everything that a member says goes to everybody in the room."""
    assert connection.request is not None
    members = rooms.setdefault(connection.request.path, set())
    members.add(connection)
    try:
        with suppress(ConnectionClosed):
            async for text in connection:
                broadcast(members, text)
    finally:
        members.discard(connection)


async def main(port: int) -> None:
    """Serve until the end."""
    async with serve(room, "127.0.0.1", port, compression=None, backlog=4096) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
