"""A chat server in one loop that can lie: the load generator has to notice."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Lie = Literal["none", "skip", "repeat", "swap", "cut", "forget"]
LIE_AT = 5
"""The message with which it lies, to the first member alone."""
EPOCH = "0190aaaa0000-1"


class LyingChat:
    """Speaks the wire of one room, or raw messages."""

    def __init__(self, lie: Lie, *, is_plain: bool) -> None:
        self._lie, self._is_plain = lie, is_plain
        self._log: list[dict[str, Any]] = []
        self._raw: list[str] = []
        self._places: dict[str, int] = {}
        """Offsets by nonce: what is said again stands where it stood."""
        self._members: list[ServerConnection] = []
        self._withheld: str | None = None

    async def serve(self, connection: ServerConnection) -> None:
        """One member."""
        if self._is_plain:
            self._members.append(connection)
        with suppress(ConnectionClosed):
            async for text in connection:
                assert isinstance(text, str)
                await (self._publish(text) if self._is_plain else self._answer(connection, json.loads(text)))
        if connection in self._members:
            self._members.remove(connection)

    async def _answer(self, connection: ServerConnection, frame: dict[str, Any]) -> None:
        match frame["t"]:
            case "hello":
                await self._write(connection, {"t": "welcome", "id": frame["id"]})
            case "join":
                await self._join(connection, frame)
            case "send":
                nonce = frame["nonce"]
                if nonce not in self._places:
                    self._places[nonce] = len(self._log) + 1
                    self._log.append({"offset": len(self._log) + 1, "event": {"t": "message", "text": frame["text"]}})
                    await self._publish(_dump({"t": "event", "room": "7", "epoch": EPOCH, **self._log[-1]}))
                place = {"room": "7", "nonce": nonce, "epoch": EPOCH, "offset": self._places[nonce]}
                await self._write(connection, {"t": "ack", "id": frame["id"], **place})

    async def _join(self, connection: ServerConnection, frame: dict[str, Any]) -> None:
        is_recovered = "offset" in frame and self._lie != "forget"
        joined = {"t": "joined", "id": frame["id"], "room": "7", "epoch": EPOCH, "offset": len(self._log)}
        events = self._log[frame["offset"] :] if is_recovered else []
        self._members.append(connection)  # before anything is awaited: it must miss nothing
        await self._write(connection, {**joined, "events": events, **({"recovered": True} if is_recovered else {})})

    async def _publish(self, text: str) -> None:
        self._raw.append(text)
        for number, member in enumerate(list(self._members)):
            for one in self._told(text) if number == 0 else [text]:
                with suppress(ConnectionClosed):
                    await member.send(one)
        if len(self._raw) == LIE_AT and self._lie in {"cut", "forget"}:
            victim = self._members.pop(0)
            await victim.close(4001)

    def _told(self, text: str) -> list[str]:
        """What the first member hears when this is said."""
        at = len(self._raw)
        if at == LIE_AT:
            if self._lie == "swap":
                self._withheld = text
            return {"skip": [], "repeat": [text, text], "swap": [], "cut": [], "forget": []}.get(self._lie, [text])
        if self._withheld is not None:
            late, self._withheld = self._withheld, None
            return [text, late]
        return [text]

    async def _write(self, connection: ServerConnection, frame: dict[str, Any]) -> None:
        await connection.send(_dump(frame))


def _dump(frame: dict[str, Any]) -> str:
    return json.dumps(frame, separators=(",", ":"))


@asynccontextmanager
async def lying_chat(lie: Lie, *, is_plain: bool = False) -> AsyncIterator[int]:
    """Serve; its port."""
    chat = LyingChat(lie, is_plain=is_plain)
    protocols = None if is_plain else [Subprotocol("leams.v1.json")]
    async with serve(chat.serve, "127.0.0.1", 0, subprotocols=protocols, compression=None) as server:
        port: int = next(iter(server.sockets)).getsockname()[1]
        yield port
