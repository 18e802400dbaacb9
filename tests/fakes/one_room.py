"""A hub with one open room and no Redis: what the publish script answers is told beforehand."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from chat.audience import Identity, Socket, Standing
from chat.hub import NoRoomError
from chat.live_room import LiveRoom
from chat.publisher import Published, Stale
from chat.room import Position, Refusal, RoomRules
from chat.wire import Info, Message

EPOCH = "019a00000000deadbeef"


class OneRoom:
    """What a session asks of `chat.hub.Hub`."""

    def __init__(self, rules: RoomRules) -> None:
        self.here = LiveRoom(rules)
        self.sockets: set[Socket] = set()
        self.said: list[tuple[Message, dict[str, Any]]] = []
        self.outcomes: list[Published | Stale | Refusal | BaseException] = []
        """Of the next messages; then each is published."""
        self.newer: RoomRules | None = None
        """What reading the rules anew brings."""
        self.is_behind = False
        self.tasks: list[asyncio.Task[None]] = []

    def connect(self, socket: Socket) -> None:
        self.sockets.add(socket)

    def disconnect(self, socket: Socket) -> None:
        self.sockets.discard(socket)

    def identify(self, socket: Socket, identity: Identity | None) -> None:
        socket.identity = identity

    def room(self, room_id: int) -> LiveRoom | None:
        return self.here if room_id == self.here.id else None

    async def open_room(self, room_id: int) -> LiveRoom:
        raise NoRoomError(room_id)

    def enter(self, socket: Socket, room: LiveRoom) -> Standing:
        socket.rooms = room.alone
        return Standing("member")

    def leave(self, socket: Socket, _room_id: int) -> None:
        socket.rooms = ()

    def info_of(self, room: LiveRoom) -> Info:
        return room.info

    def is_refreshing(self, _room_id: int) -> bool:
        return self.is_behind

    async def refresh_rules(self, room: LiveRoom) -> None:
        if self.newer is not None:
            room.learn_rules(self.newer)
        self.is_behind = False

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.append(task)
        return task

    def say(self, _room: LiveRoom, message: Message, **limits: Any) -> "asyncio.Future[Published | Stale | Refusal]":
        self.said.append((message, limits))
        future: asyncio.Future[Published | Stale | Refusal] = asyncio.get_running_loop().create_future()
        outcome = self.outcomes.pop(0) if self.outcomes else Published(Position(EPOCH, len(self.said)), is_repeat=False)
        if isinstance(outcome, asyncio.CancelledError):
            future.cancel()
        elif isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
        return future
