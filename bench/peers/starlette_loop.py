"""The plain way on a stock server: a Starlette endpoint that awaits `send_text` for one member after the other.

`uvicorn bench.peers.starlette_loop:app`.  `/ws` answers a `hello` as Leams would, without looking at it.
"""

import json

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

rooms: dict[str, set[WebSocket]] = {}


async def room(websocket: WebSocket) -> None:
    """Everything that a member says goes to everybody in the room."""
    members = rooms.setdefault(websocket.path_params["name"], set())
    await websocket.accept()
    members.add(websocket)
    try:
        while True:
            text = await websocket.receive_text()
            for member in list(members):
                try:
                    await member.send_text(text)
                except (WebSocketDisconnect, RuntimeError):  # it left while we were at others
                    members.discard(member)
    except WebSocketDisconnect:
        members.discard(websocket)


async def greet(websocket: WebSocket) -> None:
    """A handshake and one answer: what any server of this kind has to do at least."""
    await websocket.accept(subprotocol=websocket.scope["subprotocols"][0])
    try:
        while True:
            hello = json.loads(await websocket.receive_text())
            welcome = {"t": "welcome", "id": hello["id"], "session": ""}
            await websocket.send_text(json.dumps(welcome, separators=(",", ":")))
    except WebSocketDisconnect:
        return


app = Starlette(routes=[WebSocketRoute("/room/{name}", room), WebSocketRoute("/ws", greet)])
