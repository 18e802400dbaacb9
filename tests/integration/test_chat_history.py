"""The hub's own clockwork."""

import time
from collections.abc import AsyncIterator

import pytest

from chat.audience import Identity, Socket
from chat.codes import Close
from chat.hub import ACCOUNT_SOCKETS_MAX, EXPIRY_GRACE_SECONDS, KEEP_EMPTY_SECONDS, Hub, Sources
from chat.room import Position, RoomRules
from chat.shards import Shards
from chat.wire import Encoding, Logged
from tests.fakes.listening import Listening

ROOM = 12


@pytest.fixture
async def hub(shards: Shards) -> AsyncIterator[Hub]:
    async def rules(room_id: int) -> RoomRules | None:
        return RoomRules(room_id, owner_id=1) if room_id == ROOM else None

    async def versions(room_ids: list[int]) -> dict[int, int]:
        return dict.fromkeys(room_ids, 0)

    async def before(_room_id: int, _position: Position) -> list[Logged]:
        return []

    async def ended(_session_ids: list[str]) -> set[str]:
        return set()

    async with Hub(shards, "test", Sources(rules, versions, before, ended)).running() as hub:
        yield hub


async def test_a_member_whose_token_is_long_over_becomes_a_guest(hub: Hub) -> None:
    """60 s after its end, not before; the room tells the socket."""
    outlet = Listening()
    socket, now = Socket(outlet, Encoding.JSON), time.time()
    hub.connect(socket)
    hub.identify(socket, Identity(7, "ann", "s", now))
    room = await hub.open_room(ROOM)
    assert hub.enter(socket, room).role == "member"
    accounts = []
    for late_seconds in (-1, 1):
        hub.sweep(now + EXPIRY_GRACE_SECONDS + late_seconds, time.monotonic())
        accounts.append(socket.account_id)
    assert accounts == [7, None]
    assert b'"t":"you","room":"12","role":"guest"' in outlet.frames[-1]


async def test_an_empty_room_stays_open_for_a_while(hub: Hub) -> None:
    """So that a reconnect costs nothing; then it is let go."""
    socket = Socket(Listening(), Encoding.JSON)
    hub.connect(socket)
    hub.enter(socket, await hub.open_room(ROOM))
    hub.disconnect(socket)
    states = []
    for late_seconds in (-1, 1):
        hub.sweep(time.time(), time.monotonic() + KEEP_EMPTY_SECONDS + late_seconds)
        states.append(hub.room(ROOM) is not None)
    assert states == [True, False]


async def test_an_account_has_so_many_sockets(hub: Hub) -> None:
    """One more, and the oldest is closed with SUPERSEDED; a socket that was closed can't come in any more."""
    sockets = [Socket(Listening(), Encoding.JSON) for _ in range(ACCOUNT_SOCKETS_MAX + 1)]
    for socket in sockets:
        hub.connect(socket)
        hub.identify(socket, Identity(7, "ann", "s", time.time()))
    first = sockets[0].outlet
    assert isinstance(first, Listening)
    assert first.closed is Close.SUPERSEDED
    hub.enter(sockets[0], await hub.open_room(ROOM))
    hub.identify(sockets[0], Identity(7, "ann", "s", time.time()))
    room = hub.room(ROOM)
    assert room is not None
    assert room.id not in sockets[0].rooms
    for socket in sockets:
        hub.disconnect(socket)
