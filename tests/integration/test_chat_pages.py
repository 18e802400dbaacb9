"""Pages of the past, from a process's ring and from the archive in Postgres, as one history without a seam."""

import itertools
import json
import random
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from chat.archive import archive
from chat.history import (
    _EARLIER,
    _IN_ORDER,
    _LAST,
    _LAST_CLEAR,
    _LINE,
    ArchiveBehindError,
    Moderation,
    Page,
    archived_line,
    archived_page,
)
from chat.keys import archive_key, partition
from chat.live_room import LiveRoom
from chat.room import Position, RoomRules
from chat.shards import Shards
from chat.wire import Author, Deleted, Event, Line, Logged, Message, ModesChanged, RoomCleared, UserCleared
from server.chat_store import ChatStore
from server.db.pool import Pool

ROOM = 12
RING_EVENTS = 8
MODERATOR = Author(1, "mod", "moderator")


@dataclass(slots=True)
class Past:
    """One room with a short ring: says, archives some, forgets; and knows what a reader must see in the end."""

    db: Pool
    shards: Shards
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    lines: list[Message] = field(default_factory=list)
    room: LiveRoom = field(default_factory=lambda: LiveRoom(RoomRules(ROOM, 1), ring=deque(maxlen=RING_EVENTS)))
    position: Position = field(default_factory=lambda: Position(epoch_of(time.time() - 3600), 0))

    @property
    def key(self) -> str:
        return archive_key(partition(ROOM))

    async def tell(self, event: Event) -> None:
        """What the publish script and the sequencer do with an event, and what it means by `docs/wire.md`."""
        self.position = Position(self.position.epoch, self.position.offset + 1)
        fields = {"room": ROOM, "epoch": self.position.epoch, "offset": self.position.offset}
        words = [str(word) for pair in fields.items() for word in pair]
        await self.shards.call(self.key, "XADD", self.key, "*", *words, "event", msgspec.json.encode(event))
        self.room.sequencer.start(self.position.epoch, self.position.offset)
        self.room.remember(Logged(self.position.offset, event))
        self.lines = seen_after(event, self.lines)

    async def say(self, account_id: int) -> None:
        number = next(self.numbers)
        await self.tell(Message(f"m{number}", number, Author(account_id, f"a{account_id}"), str(number)))

    async def archive(self, entries: int) -> None:
        await archive(self.shards, self.db, {partition(ROOM): entries})

    def begin_anew(self, at: float) -> None:
        """A new epoch; what waits to be archived is still there."""
        self.position = Position(epoch_of(at, self.position.epoch), 0)
        self.room.sequencer.start(self.position.epoch, 0)
        self.room.restart([])

    async def older(self, position: Position, limit: int) -> Page:
        """What the session does with `older`."""
        recent, moderation, reached = self.room.older(position, limit)
        if len(recent) == limit or moderation.is_cleared:
            return Page(recent, is_complete=moderation.is_cleared and len(recent) < limit)
        store = ChatStore(self.db, self.shards)
        page = await store.archived(ROOM, reached, self.room.edge, moderation, limit - len(recent))
        return Page(page.events + recent, page.is_complete)


def epoch_of(at: float, after: str = "0" * 20) -> str:
    """As `lua/epoch.lua` names it: later than the one that it replaces."""
    return f"{max(int(at * 1000), int(after[:12], 16) + 1):012x}00000000"


def seen_after(event: Event, lines: list[Message]) -> list[Message]:
    """A plain reader: the lines that stand after one more event."""
    match event:
        case Message():
            return [*lines, event]
        case Deleted(message_id=message_id):
            return [line for line in lines if line.id != message_id]
        case UserCleared(account_id=account_id):
            return [line for line in lines if line.author.id != account_id]
        case RoomCleared():
            return []
        case _:
            return lines


@pytest.fixture
def past(db: Pool, shards: Shards) -> Past:
    return Past(db, shards)


async def do_something(past: Past, chance: random.Random) -> None:
    """One step of a room's life."""
    account_id = chance.randint(2, 4)
    match chance.choices(("say", "delete", "ban", "clear", "modes", "archive", "anew"), (60, 6, 3, 0.7, 3, 12, 1.5))[0]:
        case "delete" if past.lines:
            await past.tell(Deleted(1, chance.choice(past.lines).id, MODERATOR))
        case "ban":
            await past.tell(UserCleared(1, account_id, "a", MODERATOR))
        case "clear":
            await past.tell(RoomCleared(1, MODERATOR))
        case "modes":
            await past.tell(ModesChanged(1, MODERATOR, slow_seconds=5))
        case "archive":
            await past.archive(chance.randint(1, 30))
        case "anew":
            past.begin_anew(time.time())
        case _:
            await past.say(account_id)


async def read_all(past: Past, chance: random.Random, *, is_still: bool) -> list[str]:
    """A reader who pages back to the beginning, while the room is still or goes on; the ids that it shows."""
    at = Position(past.position.epoch, past.position.offset + 1)
    shown: list[Message] = []
    while True:
        if not is_still and chance.random() < 0.3:
            before = past.position
            await do_something(past, chance)
            if past.position.epoch != before.epoch:
                return await read_all(past, chance, is_still=is_still)  # a new epoch: the reader begins anew
            if past.position != before:
                shown = seen_after(past.room.ring[-1].event, shown)
        try:
            page = await past.older(at, chance.randint(1, 9))
        except ArchiveBehindError:
            await past.archive(chance.randint(1, 40))
            continue
        lines = [logged.event for logged in page.events if isinstance(logged.event, Message)]
        assert len(lines) == len(page.events)
        shown = lines + shown
        if page.is_complete:
            return [line.id for line in shown]
        first = page.events[0]
        at = Position(first.epoch or at.epoch, first.offset)


@pytest.mark.parametrize("seed", range(8))
async def test_the_past_is_whole_wherever_it_lies(past: Past, seed: int) -> None:
    """Random lives of a room, with the archiver behind, new epochs and moderation on both sides of every seam.

    Whoever pages back sees exactly the lines that stand, each once and in order.
    """
    chance = random.Random(seed)
    for _ in range(150):
        await do_something(past, chance)
    assert await read_all(past, chance, is_still=True) == [line.id for line in past.lines]
    for _ in range(40):
        await do_something(past, chance)
    assert await read_all(past, chance, is_still=False) == [line.id for line in past.lines]


async def test_what_waits_between_ring_and_archive_is_not_left_out(past: Past) -> None:
    """While the archiver is behind, a page that would have a hole is refused for the moment; so is its moderation."""
    for _ in range(RING_EVENTS):
        await past.say(2)
    await past.archive(100)
    await past.tell(Deleted(1, "m1", MODERATOR))
    for _ in range(RING_EVENTS):
        await past.say(2)
    for place in (past.room.first_offset, 3):
        with pytest.raises(ArchiveBehindError):
            await past.older(Position(past.position.epoch, place), 5)
    await past.archive(1)
    page = await past.older(Position(past.position.epoch, 3), 5)
    assert page == Page([Logged(2, past.lines[0])], is_complete=True)


async def test_the_end_of_a_lost_epoch_is_waited_for(past: Past) -> None:
    """A log that began anew while its last events waited: nothing before it is told until they are archived."""
    for _ in range(3):
        await past.say(2)
    past.begin_anew(time.time() + 60)
    here = Position(past.position.epoch, 1)
    with pytest.raises(ArchiveBehindError):
        await past.older(here, 5)
    assert await ChatStore(past.db, past.shards).before(ROOM, here) == []
    await past.archive(100)
    page = await past.older(here, 5)
    assert ([logged.event for logged in page.events], page.is_complete) == (past.lines, True)
    assert {logged.epoch for logged in page.events} == {
        await past.db.fetchval("SELECT DISTINCT epoch FROM chat_events")
    }
    assert await ChatStore(past.db, past.shards).before(ROOM, here) == page.events


async def test_a_long_run_of_removed_lines_is_passed_in_one_page(past: Past) -> None:
    """A page is filled beyond whatever a banned flood left, and says when nothing lies before it."""
    await past.say(2)
    for _ in range(400):
        await past.say(3)
    await past.tell(UserCleared(1, 3, "a3", MODERATOR))
    for _ in range(RING_EVENTS):
        await past.say(2)
    await past.archive(1000)
    page = await past.older(Position(past.position.epoch, past.room.first_offset), 5)
    assert [logged.offset for logged in page.events] == [1]
    assert page.is_complete


async def test_made_up_places_are_answered(past: Past) -> None:
    """Epochs that never were and offsets beyond every integer of Postgres are answered as places far away."""
    for _ in range(RING_EVENTS + 1):
        await past.say(2)
    await past.archive(100)
    for epoch, offset, count in (("\0", 1, 0), ("", -(1 << 70), 0), ("zzz", 1 << 63, 5), ("0", 1 << 70, 0)):
        assert len((await past.older(Position(epoch, offset), 5)).events) == count


async def test_kinds_that_only_newer_processes_know_are_passed_over(past: Past) -> None:
    """The archive may hold what another version said."""
    await past.say(2)
    epoch, event = past.position.epoch, {"t": "fireworks", "id": "f", "at_ms": 1, "author": {"id": 2, "name": "a2"}}
    words = ["room", str(ROOM), "epoch", epoch, "offset", "2", "event", json.dumps(event)]
    await past.shards.call(past.key, "XADD", past.key, "*", *words)
    await past.archive(100)
    async with past.db.acquire() as connection:
        page = await archived_page(connection, ROOM, Position(epoch, 3), Moderation(), 5)
        assert [logged.offset for logged in page.events] == [1]
        assert await archived_line(connection, ROOM, "f", Moderation()) is None


async def test_a_line_is_found_by_its_id_while_it_stands(past: Past) -> None:
    """Whatever removed it: one deletion, its author's ban, a clear, or something that is not archived yet."""
    for account_id in (2, 3, 4, 5):
        await past.say(account_id)
    line = past.lines[-1]
    await past.tell(Deleted(1, "m1", MODERATOR))
    await past.tell(UserCleared(1, 3, "a3", MODERATOR))
    await past.archive(100)

    async def found(message_id: str, moderation: Moderation) -> Line | None:
        async with past.db.acquire() as connection:
            return await archived_line(connection, ROOM, message_id, moderation)

    assert [await found(name, Moderation()) for name in ("m1", "m2", "m4", "none")] == [None, None, line, None]
    assert await found("m4", Moderation(account_ids={5})) is None
    await past.tell(RoomCleared(1, MODERATOR))
    await past.archive(100)
    assert await found("m4", Moderation()) is None


def nodes_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes_of(child))]


async def test_pages_and_lines_are_found_by_indexes(db: Pool) -> None:
    """No statement of the past reads the table through or sorts a room, with statistics or without."""
    await db.execute(
        """
        INSERT INTO chat_events (channel_id, epoch, "offset", at, kind, account_id, event, removes)
        SELECT n % 20, 'e', n / 20, now(), CASE WHEN n % 9 = 0 THEN 'deleted' ELSE 'message' END, n % 700,
          CASE WHEN n % 9 = 0 THEN '{}' ELSE jsonb_build_object('id', 'm' || n) END,
          CASE WHEN n % 9 = 0 THEN 'm' || n - 40 END
        FROM generate_series(1, 20000) AS n
        """
    )
    asked: list[tuple[str, tuple[object, ...]]] = [
        (_LAST, (ROOM, "e")),
        (_LAST_CLEAR, (ROOM,)),
        (_EARLIER, (ROOM, "e", 800, "", 0, ["m7", "m8"], [1, 2, 3], 50)),
        (_LINE, (ROOM, "m1232")),
    ]
    for prepare in ("SELECT 1", "ANALYZE chat_events"):
        await db.execute(prepare)
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(_IN_ORDER)
            for statement, arguments in asked:
                plan = json.loads(await connection.fetchval("EXPLAIN (FORMAT JSON) " + statement, *arguments))
                kinds = {node["Node Type"] for node in nodes_of(plan[0]["Plan"])}
                assert not kinds & {"Seq Scan", "Sort", "Hash Join"}, (statement, kinds)
                assert any("Index" in kind for kind in kinds)
