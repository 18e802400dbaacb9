"""Pages of the archive in Postgres, and the hub's own clockwork."""

import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from redis.asyncio import Redis

from chat.audience import Identity, Socket
from chat.codes import Close
from chat.history import ArchiveBehindError, Moderation, archived_page, learn_later
from chat.hub import ACCOUNT_SOCKETS_MAX, EXPIRY_GRACE_SECONDS, KEEP_EMPTY_SECONDS, Hub, Sources
from chat.room import Position, RoomRules
from chat.wire import Author, Deleted, Encoding, Event, Logged, Message
from server.db.pool import Pool
from tests.fakes.listening import Listening

OLD, NEW = "019900000000deadbeef", "019a00000000deadbeef"
ROOM = 12


async def _archive(db: Pool, epoch: str, events: dict[int, Event]) -> None:
    for offset, event in events.items():
        await db.execute(
            'INSERT INTO chat_events (channel_id, epoch, "offset", at, kind, account_id, event)'
            " VALUES ($1, $2, $3, now(), $4, NULL, $5::text::jsonb)",
            ROOM,
            epoch,
            offset,
            event.__struct_config__.tag,
            msgspec.json.encode(event).decode(),
        )


def _said(name: str) -> Message:
    return Message(name, 1, Author(2, "bob"), name)


async def test_pages_cross_epochs_and_obey_later_moderation(db: Pool) -> None:
    """Newest first across epochs, without what was deleted later; the last page is complete."""
    await _archive(db, OLD, {n: _said(f"old{n}") for n in range(1, 301)})
    await _archive(db, NEW, {1: _said("new1"), 2: _said("new2"), 3: Deleted(1, "old299", Author(1, "mod"))})
    moderation, position = Moderation(), Position(NEW, 3)
    async with db.acquire() as connection:
        await learn_later(connection, ROOM, position, moderation)
        page = await archived_page(connection, ROOM, position, moderation, 5, must_touch=True)
        texts = [logged.event.text for logged in page.events if isinstance(logged.event, Message)]
        assert texts == ["old297", "old298", "old300", "new1", "new2"]
        assert [logged.epoch for logged in page.events] == [OLD, OLD, OLD, "", ""]
        assert not page.is_complete
        seen: list[Logged] = []
        at = Position(OLD, 297)
        while True:
            page = await archived_page(connection, ROOM, at, Moderation(), 50, must_touch=True)
            seen = page.events + seen
            if page.is_complete:
                break
            at = Position(OLD, page.events[0].offset)
        assert [logged.offset for logged in seen] == list(range(1, 297))
        with pytest.raises(ArchiveBehindError):
            await archived_page(connection, ROOM, Position(NEW, 9), Moderation(), 5, must_touch=True)


@pytest.fixture
async def hub(redis: Redis) -> AsyncIterator[Hub]:
    async def rules(room_id: int) -> RoomRules | None:
        return RoomRules(room_id, owner_id=1) if room_id == ROOM else None

    async def versions(room_ids: list[int]) -> dict[int, int]:
        return dict.fromkeys(room_ids, 0)

    async def before(_room_id: int, _position: Position) -> list[Logged]:
        return []

    async def ended(_session_ids: list[str]) -> set[str]:
        return set()

    async with Hub(redis, "test", Sources(rules, versions, before, ended)).running() as hub:
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
    assert sockets[0] not in room.audience.seats
    for socket in sockets:
        hub.disconnect(socket)
