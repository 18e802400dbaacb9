"""Lines that moderators say and remove: announcements, and what stands of the past under everything committed."""

from chat.codes import Code
from chat.commander import Commander
from chat.room import Done, Refusal
from chat.shards import Shards, open_shards
from chat.wire import Announced, Author
from server.db.pool import Pool
from tests.services.rooms import Stage, open_stage


async def test_an_announcement_stands_in_the_log_once_and_is_removable(db: Pool, shards: Shards) -> None:
    """Owner, moderators and staff announce; the repeat is the first one; `/delete` finds it like a message."""
    stage = await open_stage(db, shards)
    for name in ("olga", "mona", "stan"):
        assert await stage.order(name, f"/announceblue {name} here", nonce="n") == await stage.order(
            name, f"/announceblue {name} here", nonce="n"
        )
    for name in ("vera", "bob"):
        result = await stage.order(name, "/announce me too")
        assert isinstance(result, Refusal)
        assert result.code is Code.FORBIDDEN
    told = [event for event in await stage.log() if isinstance(event, Announced)]
    assert [(event.text, event.colour, event.author.role) for event in told] == [
        ("olga here", "blue", "owner"),
        ("mona here", "blue", "moderator"),
        ("stan here", "blue", "moderator"),
    ]
    assert isinstance(await stage.order("olga", f"/delete {told[1].id}"), Done)
    assert isinstance(await stage.order("mona", f"/delete {told[0].id}"), Refusal), "the owner's stays"
    assert (await stage.rules()).version == 0, "an announcement changes no rules"


async def leave_untold(stage: Stage, by: str, text: str) -> None:
    """Commit a command whose event the process then can't put into the log."""
    author = Author(stage.ids[by], by, "moderator")
    async with open_shards("redis://127.0.0.1:1") as away:
        result = await Commander(stage.db, away)(await stage.rules(), author, text, f"untold {text}", is_staff=False)
    assert isinstance(result, Done)
    assert result.position is None


async def test_what_is_removed_already_is_no_message(db: Pool, shards: Shards) -> None:
    """Deleted, its author timed out, or the room cleared; also when that is committed and not told yet."""
    stage = await open_stage(db, shards)
    said = {name: await stage.say(name, "hello") for name in ("bob", "ann", "vera")}
    await stage.order("mona", f"/delete {said['bob']}")
    await stage.order("mona", "/timeout ann")
    await leave_untold(stage, "mona", "/clear")
    for message_id in said.values():
        result = await stage.order("max", f"/delete {message_id}")
        assert isinstance(result, Refusal)
        assert result.code is Code.NO_MESSAGE
    await stage.order("max", "/slow 5")  # tells what was left untold first
    later = await stage.say("vera", "hello again")
    assert isinstance(await stage.order("max", f"/delete {later}"), Done), "what was cleared lay before it"
