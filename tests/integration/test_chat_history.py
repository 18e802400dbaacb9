"""The hub's own clockwork: what is asked once for many, what happens later, who is asked to move and when."""

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from redis.asyncio import Redis

from chat.audience import Identity, Socket
from chat.codes import Close
from chat.framing import unframed
from chat.hub import ACCOUNT_SOCKETS_MAX, EXPIRY_GRACE_SECONDS, KEEP_EMPTY_SECONDS, Hub, Sources
from chat.room import Position, RoomRules
from chat.shards import Shards
from chat.wire import Encoding, Logged
from tests.fakes.listening import Listening

ROOM = 12


@pytest.fixture
def asked() -> list[int]:
    """The rooms whose rules were asked for."""
    return []


@pytest.fixture
async def hub(shards: Shards, asked: list[int]) -> AsyncIterator[Hub]:
    async def rules(room_id: int) -> RoomRules | None:
        asked.append(room_id)
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


async def test_a_storm_into_a_closed_room_opens_it_once(hub: Hub, asked: list[int], redis: Redis) -> None:
    """One question to Postgres, two commands to Redis; who left in the middle harms nobody."""
    await hub.bus.read_log(ROOM, None)  # Redis knows the script
    await redis.config_resetstat()
    storm = [asyncio.ensure_future(hub.open_room(ROOM)) for _ in range(500)]
    await asyncio.sleep(0)
    storm.pop(0).cancel()
    rooms = await asyncio.gather(*storm)
    assert set(map(id, rooms)) == {id(hub.room(ROOM))}
    assert asked == [ROOM]
    stats = await redis.info("commandstats")
    calls = {name: stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "ssubscribe")}
    assert calls == {"evalsha": 1, "ssubscribe": 1}


async def test_a_drain_asks_each_to_come_back_in_its_own_time(hub: Hub) -> None:
    """Spread over the whole time, so that the next process is not overrun; who stayed is closed with RESTART."""
    outlets = [Listening() for _ in range(200)]
    for outlet in outlets:
        hub.connect(Socket(outlet, Encoding.JSON))
    await hub.drain(2000, 0)
    told = sorted(msgspec.json.decode(unframed(outlet.frames[0])[0])["after_ms"] for outlet in outlets)
    assert told[0] < 200
    assert told[-1] > 1800
    assert 700 < told[100] < 1300
    assert {outlet.closed for outlet in outlets} == {Close.RESTART}


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
