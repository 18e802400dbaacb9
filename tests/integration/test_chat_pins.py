"""What stands over a room in Postgres and in its log, also when moderators act at the same time."""

import asyncio

import pytest

from chat.board import Board
from chat.codes import Code
from chat.history import Moderation
from chat.publisher import Published, Publisher, Stale, event_json
from chat.ratelimit import Allowance
from chat.room import Done, Refusal
from chat.shards import Shards
from chat.wire import Author, Deleted, Event, Message, Modes, Pinned, Unpinned, UserCleared
from server.db.pool import Pool
from tests.integration.test_chat_lines import leave_untold
from tests.services.rooms import Stage, open_stage


async def pinned_text(stage: Stage) -> str | None:
    """What stands over the room by the rules; the log says the same."""
    by_rules = (await stage.rules()).pinned
    assert Board(Modes()).after_all(await stage.log()).pinned == by_rules
    return None if by_rules is None else by_rules.message.text


async def test_a_pin_holds_the_whole_line_and_another_takes_its_place(db: Pool, shards: Shards) -> None:
    """Owner, moderators and staff pin anybody's line, told with who said it; each change counts a version."""
    stage = await open_stage(db, shards)
    said = {name: await stage.say(name, f"by {name}") for name in ("bob", "olga")}
    assert isinstance(await stage.order("mona", f"/pin {said['bob']}"), Done)
    pinned = (await stage.log())[-1]
    assert isinstance(pinned, Pinned)
    assert (pinned.message.id, pinned.message.text, pinned.message.author.name) == (said["bob"], "by bob", "bob")
    assert pinned.by.name == "mona"
    await stage.order("stan", f"/pin {said['olga']}")
    assert await pinned_text(stage) == "by olga"
    assert (await stage.order("mona", f"/pin {said['olga']}")) == Done("This message is pinned already.")
    await stage.order("olga", "/unpin")
    assert await pinned_text(stage) is None
    assert isinstance((await stage.log())[-1], Unpinned)
    assert (await stage.order("mona", "/unpin")) == Done("Nothing is pinned.")
    assert (await stage.rules()).version == 3


async def test_who_may_not_pin_and_what_can_not_be_pinned(db: Pool, shards: Shards) -> None:
    """VIPs and members; an id of nothing, and of what was removed."""
    stage = await open_stage(db, shards)
    said = await stage.say("bob", "hello")
    for name in ("vera", "bob"):
        for text in (f"/pin {said}", "/unpin"):
            result = await stage.order(name, text)
            assert isinstance(result, Refusal)
            assert result.code is Code.FORBIDDEN
    await stage.order("mona", f"/delete {said}")
    for message_id in (said, "m-unknown"):
        result = await stage.order("mona", f"/pin {message_id}")
        assert isinstance(result, Refusal)
        assert result.code is Code.NO_MESSAGE
    assert await pinned_text(stage) is None


async def test_a_line_of_the_archive_is_pinned_too(db: Pool, shards: Shards) -> None:
    """Long after it left the room's log."""
    stage = await open_stage(db, shards)
    event = {
        "t": "message",
        "id": "old",
        "at_ms": 1,
        "author": {"id": stage.ids["bob"], "name": "bob"},
        "text": "rules",
    }
    await db.execute(
        'INSERT INTO chat_events (channel_id, epoch, "offset", at, kind, account_id, event)'
        " VALUES ($1, 'e', 1, now(), 'message', $2, $3)",
        stage.room_id,
        stage.ids["bob"],
        event,
    )
    assert isinstance(await stage.order("mona", "/pin old"), Done)
    assert await pinned_text(stage) == "rules"


@pytest.mark.parametrize("command", ["/delete MESSAGE", "/clear", "/timeout bob", "/ban bob"])
async def test_what_removes_the_line_unpins_it(db: Pool, shards: Shards, command: str) -> None:
    """In the same transaction, by the same event: a version more, no event more, and never pinned again."""
    stage = await open_stage(db, shards)
    said = await stage.say("bob", "hello")
    await stage.order("mona", f"/pin {said}")
    await stage.order("max", command.replace("MESSAGE", said))
    assert await pinned_text(stage) is None
    assert (await stage.rules()).version == 2
    assert len(await stage.log()) == 3
    result = await stage.order("mona", f"/pin {said}")
    assert isinstance(result, Refusal)
    assert result.code is Code.NO_MESSAGE


async def test_the_removal_of_other_lines_unpins_nothing(db: Pool, shards: Shards) -> None:
    """Neither another line's nor another account's."""
    stage = await open_stage(db, shards)
    said = {name: await stage.say(name, "hello") for name in ("bob", "ann")}
    await stage.order("mona", f"/pin {said['bob']}")
    await stage.order("mona", f"/delete {said['ann']}")
    await stage.order("mona", "/timeout ann")
    assert await pinned_text(stage) == "hello"


async def test_a_pin_is_said_once(db: Pool, shards: Shards) -> None:
    """A repeat of the same nonce is the first one, also when something else was pinned since."""
    stage = await open_stage(db, shards)
    said = {name: await stage.say(name, f"by {name}") for name in ("bob", "ann")}
    first = await stage.order("mona", f"/pin {said['bob']}", nonce="n")
    await stage.order("mona", f"/pin {said['ann']}")
    assert await stage.order("mona", f"/pin {said['bob']}", nonce="n") == first
    assert await pinned_text(stage) == "by ann"


# -- at the same time --


async def test_a_pin_that_races_a_delete_never_outlives_it(db: Pool, shards: Shards) -> None:
    """Whichever comes first: a deleted line is not pinned, and no pin of it stands after its deletion."""
    stage = await open_stage(db, shards)
    for _ in range(15):
        said = await stage.say("bob", "hello")
        orders = [stage.order("mona", f"/pin {said}"), stage.order("max", f"/delete {said}")]
        results = await asyncio.gather(*orders)
        assert isinstance(results[1], Done)
        assert await pinned_text(stage) is None
        about = [event for event in await stage.log() if _is_about(event, said)]
        assert isinstance(about[-1], Deleted)


def _is_about(event: Event, message_id: str) -> bool:
    match event:
        case Pinned():
            return event.message.id == message_id
        case Deleted():
            return event.message_id == message_id
        case _:
            return False


async def test_a_line_whose_removal_is_not_told_yet_can_not_be_pinned(db: Pool, shards: Shards) -> None:
    """Committed is committed: the process that banned its author died before it could put that into the log."""
    stage = await open_stage(db, shards)
    said = await stage.say("bob", "hello")
    await leave_untold(stage, "mona", "/ban bob")
    result = await stage.order("max", f"/pin {said}")
    assert isinstance(result, Refusal)
    assert result.code is Code.NO_MESSAGE


async def test_two_moderators_who_pin_at_once_leave_one_pin(db: Pool, shards: Shards) -> None:
    """Both are carried out, one after the other, and the log's last is the room's."""
    stage = await open_stage(db, shards)
    for _ in range(10):
        said = [await stage.say("bob", f"line {number}") for number in (1, 2)]
        before = (await stage.rules()).version
        results = await asyncio.gather(stage.order("mona", f"/pin {said[0]}"), stage.order("max", f"/pin {said[1]}"))
        assert all(isinstance(result, Done) for result in results)
        assert (await stage.rules()).version == before + 2
        assert await pinned_text(stage) in {"line 1", "line 2"}


async def test_what_is_published_while_its_author_is_banned_stands_before_the_ban_or_nowhere(
    db: Pool, shards: Shards
) -> None:
    """Judged before the ban: in the log by then, and removed by it; or too late for the script."""
    stage = await open_stage(db, shards)
    publisher, bob = Publisher(shards), Author(stage.ids["bob"], "bob")

    async def publish(number: int, judged_by: int) -> Published | Stale | Refusal:
        message = Message(f"f{number}", 1, bob, "in flight")
        return await publisher.say(
            stage.room_id,
            event_json(message),
            account_id=bob.id,
            nonce=f"f{number}",
            judged_by=judged_by,
            slow_seconds=0,
            allowance=Allowance(1000, 1),
        )

    for turn in range(5):
        judged_by = (await stage.rules()).version
        talk = [publish(100 * turn + number, judged_by) for number in range(20)]
        *said, _ = await asyncio.gather(*talk[:10], stage.order("mona", "/ban bob"), *talk[10:])
        assert all(isinstance(result, Published | Stale | Done) for result in said)
        assert isinstance(await publish(100 * turn + 50, judged_by), Stale)
        log = await stage.log()
        moderation = Moderation()
        assert not [event for event in reversed(log) if moderation.passes(event) and isinstance(event, Message)]
        assert isinstance(log[-1], UserCleared)
        await stage.order("mona", "/unban bob")
