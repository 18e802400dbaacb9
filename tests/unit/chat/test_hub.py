"""chat.hub at moments that no Redis can be made to bring: while a room opens, and while a hello is looked up."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from chat.audience import Identity
from chat.bus import Bus, LogRead
from chat.codes import Close
from chat.hub import ENDED_HOLDS_SECONDS, Hub, Sources
from chat.keys import room_key
from chat.room import Position, RoomRules
from chat.shards import Shards
from chat.subscriber import Listener
from chat.wire import Author, Logged, Message
from tests.unit.chat.sockets import listening_socket

ROOM, EPOCH = 12, "019a00000000deadbeef"


def line(offset: int) -> bytes:
    return msgspec.json.encode(Message(f"m{offset}", 1000 + offset, Author(4, "anna"), f"line {offset}"))


class Log:
    """A `chat.bus.Bus` with one line; the next is heard before that is read."""

    def __init__(self) -> None:
        self.listeners: dict[str, Listener] = {}

    async def subscribe(self, listeners: Mapping[str, Listener]) -> None:
        self.listeners |= listeners

    def unsubscribe(self, channels: Iterable[str]) -> None:
        for channel in channels:
            del self.listeners[channel]

    async def read_log(self, _room_id: int, _known: Position | None) -> LogRead:
        self.tell(2)
        return LogRead(EPOCH, 1, 0, [(1, line(1))])

    def tell(self, offset: int) -> None:
        self.listeners[room_key(ROOM, "log")](f"{EPOCH}:{offset}:".encode() + line(offset))


class House:
    """A hub without Redis and Postgres."""

    def __init__(self) -> None:
        self.log = Log()
        self.ended: set[str] = set()
        self.hub = Hub(cast("Shards", None), "here", Sources(self.rules, self.nothing, self.before, self.are_ended))
        self.hub.bus = cast("Bus", self.log)

    async def rules(self, room_id: int) -> RoomRules:
        return RoomRules(room_id, owner_id=1)

    async def before(self, _room_id: int, _position: Position) -> list[Logged]:
        self.log.tell(3)
        return []

    async def are_ended(self, session_ids: list[str]) -> set[str]:
        return self.ended & set(session_ids)

    async def nothing(self, *_: Any) -> Any:
        return {}


async def test_what_is_heard_while_a_room_opens_keeps_its_place() -> None:
    """Before its log is read, and while the archive is asked: whoever comes back to any place misses nothing."""
    room = await House().hub._open(ROOM)
    assert [logged.offset for logged in room.ring] == [1, 2, 3]
    missed = room.missed_since(Position(EPOCH, 2))
    assert missed is not None
    assert [logged.offset for logged in missed] == [3]


async def test_a_session_that_ends_while_its_hello_is_looked_up() -> None:
    """Its end was told before the socket was the account's: it is closed all the same, and another session is not."""
    house = House()
    house.ended = {"s1"}
    (gone, its_outlet), (other, other_outlet) = listening_socket(), listening_socket()
    async with asyncio.TaskGroup() as group:
        house.hub._group = group
        house.hub.close_account(4, None)
        for socket, session_id in ((gone, "s1"), (other, "s2")):
            house.hub.connect(socket)
            house.hub.identify(socket, Identity(4, "anna", session_id, time.time() + 600))
    assert its_outlet.closed is Close.ACCOUNT_GONE
    assert other_outlet.closed is None
    house.hub.sweep(time.time(), time.monotonic() + ENDED_HOLDS_SECONDS + 1)
    assert house.hub._ended == {}
    house.hub.disconnect(other)
