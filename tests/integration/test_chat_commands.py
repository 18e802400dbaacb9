"""Commands refused and repeated: permissions, unknown names and messages, servers away."""

import asyncio

import pytest

from chat.availability import AWAY
from chat.codes import Code
from chat.commander import ANNOUNCE_SECONDS, Commander
from chat.room import Done, Refusal, Say
from chat.shards import Shards, open_shards
from chat.wire import Author, Deleted, RoomCleared, UserCleared
from server.db.pool import Pool, open_pool
from tests.services.rooms import Stage, open_stage


async def refused(stage: Stage, by: str, text: str) -> Refusal:
    result = await stage.order(by, text)
    assert isinstance(result, Refusal), result
    assert await stage.log() == []
    assert (await stage.rules()).version == 0
    return result


@pytest.mark.parametrize(
    ("by", "text", "code"),
    [
        ("mona", "/dance", Code.UNKNOWN_COMMAND),
        ("mona", "/timeout mona", Code.SELF),
        ("olga", "/ban olga", Code.SELF),
        ("mona", "/timeout olga", Code.FORBIDDEN),
        ("mona", "/ban max", Code.FORBIDDEN),
        ("mona", "/timeout stan", Code.FORBIDDEN),
        ("stan", "/timeout mona", Code.FORBIDDEN),
        ("mona", "/timeout bob -1 s", Code.USAGE),
        ("mona", "/timeout bob 0", Code.USAGE),
        ("mona", "/ban nobody", Code.NO_ACCOUNT),
        ("mona", "/ban bob'; DROP TABLE accounts; --", Code.USAGE),
        ("mona", "/ban bob " + "x" * 201, Code.USAGE),
        ("mona", "/mod bob", Code.FORBIDDEN),
        ("bob", "/timeout ann", Code.FORBIDDEN),
        ("vera", "/clear", Code.FORBIDDEN),
        ("mona", "/delete m-unknown", Code.NO_MESSAGE),
    ],
)
async def test_refusals_change_nothing(db: Pool, shards: Shards, by: str, text: str, code: Code) -> None:
    """A refused command names its reason, and neither rules nor log know of it."""
    stage = await open_stage(db, shards)
    refusal = await refused(stage, by, text)
    assert refusal.code is code
    assert refusal.message


async def test_a_name_like_sql_is_only_a_reason(db: Pool, shards: Shards) -> None:
    """What follows a name is stored as it is."""
    stage = await open_stage(db, shards)
    await stage.order("mona", "/ban bob '); DROP TABLE sanctions; --")
    assert await db.fetchval("SELECT reason FROM sanctions") == "'); DROP TABLE sanctions; --"


async def test_the_database_has_the_last_word_over_stale_rules(db: Pool, shards: Shards) -> None:
    """A moderator dismissed a moment ago, whom this process still takes for one, moderates nobody."""
    stage = await open_stage(db, shards)
    stale = await stage.rules()
    await stage.order("olga", "/unmod mona")
    result = await Commander(db, shards)(
        stale, Author(stage.ids["mona"], "mona", "moderator"), "/ban bob", "n", is_staff=False
    )
    assert isinstance(result, Refusal)
    assert result.code is Code.FORBIDDEN


async def test_a_silenced_moderator_moderates_nobody(db: Pool, shards: Shards) -> None:
    """A timed-out moderator gives no commands, and can't end the own timeout."""
    stage = await open_stage(db, shards)
    await stage.order("olga", "/timeout mona 10m")
    for text in ("/ban bob", "/untimeout mona"):
        result = await stage.order("mona", text)
        assert isinstance(result, Refusal)
        assert result.code is Code.TIMED_OUT
        assert result.retry_after_ms
    result = await stage.order("max", "/untimeout mona")
    assert isinstance(result, Refusal)
    assert result.code is Code.FORBIDDEN


async def test_me_is_said_and_help_is_told(db: Pool, shards: Shards) -> None:
    """`/me` goes the way of every message; `/help` answers the asker alone, by rank."""
    stage = await open_stage(db, shards)
    assert await stage.order("bob", "/me waves") == Say("waves", is_me=True)
    told = await stage.order("bob", "/help")
    assert isinstance(told, Done)
    assert "/me" in told.text
    assert "/ban" not in told.text
    told = await stage.order("stan", "/help")
    assert isinstance(told, Done)
    assert "/ban" in told.text
    assert "/mod " not in told.text


async def test_delete_finds_the_author_in_the_log(db: Pool, shards: Shards) -> None:
    """A member's message goes, one's own too; the owner's and another moderator's stay."""
    stage = await open_stage(db, shards)
    said = {name: await stage.say(name, "hello") for name in ("bob", "mona", "olga", "max")}
    for name, is_removed in {"bob": True, "mona": True, "olga": False, "max": False}.items():
        result = await stage.order("mona", f"/delete {said[name]}")
        assert isinstance(result, Done) is is_removed, name
    deleted = [event.message_id for event in await stage.log() if isinstance(event, Deleted)]
    assert deleted == [said["bob"], said["mona"]]
    assert (await stage.rules()).version == 0, "a removed message changes no rules"


async def test_delete_finds_the_author_in_the_archive(db: Pool, shards: Shards) -> None:
    """A message that left the log is still judged by its author's rank, and only in its own room."""
    stage = await open_stage(db, shards)
    for channel_id, message_id, author in ((stage.room_id, "old1", "bob"), (stage.room_id + 1, "old2", "bob")):
        await db.execute(
            "INSERT INTO chat_events VALUES ($1, 'e', 1, now(), 'message', $2, $3)",
            channel_id,
            stage.ids[author],
            {
                "t": "message",
                "id": message_id,
                "at_ms": 1,
                "author": {"id": stage.ids[author], "name": author},
                "text": "hi",
            },
        )
    assert isinstance(await stage.order("mona", "/delete old1"), Done)
    result = await stage.order("mona", "/delete old2")
    assert isinstance(result, Refusal)
    assert result.code is Code.NO_MESSAGE


async def test_clear_is_an_event(db: Pool, shards: Shards) -> None:
    """The room's lines go with an event in the log's order."""
    stage = await open_stage(db, shards)
    await stage.say("bob", "hello")
    await stage.order("mona", "/clear")
    event = (await stage.log())[-1]
    assert isinstance(event, RoomCleared)
    assert event.by.name == "mona"


async def test_a_repeated_nonce_is_one_command(db: Pool, shards: Shards) -> None:
    """The second answer says where the first one's event stands; another sender's equal nonce is another command."""
    stage = await open_stage(db, shards)
    first = await stage.order("mona", "/timeout bob", nonce="same")
    again = await stage.order("mona", "/timeout bob", nonce="same")
    assert first == again
    assert len(await stage.log()) == 1
    await stage.order("max", "/timeout bob", nonce="same")
    assert len(await stage.log()) == 2


async def test_commands_at_once_stand_in_the_log_in_the_order_of_their_versions(db: Pool, shards: Shards) -> None:
    """Many moderators at once: each change is counted, and the log's order is the order of the commits."""
    stage = await open_stage(db, shards)
    results = await asyncio.gather(*(stage.order("mona", f"/slow {seconds}") for seconds in range(1, 21)))
    assert all(isinstance(result, Done) for result in results)
    rules = await stage.rules()
    assert rules.version == 20
    rows = await db.fetch("SELECT id, version, relayed_at, event FROM room_outbox ORDER BY version")
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert all(row["relayed_at"] for row in rows)
    log = await stage.log()
    assert [event.at_ms for event in log] == [row["event"]["at_ms"] for row in rows]
    assert len(log) == 20


async def test_redis_away_leaves_the_command_true(db: Pool, shards: Shards) -> None:
    """The commit stands and its sender is told; the announcement waits for the relay."""
    stage = await open_stage(db, shards)
    author = Author(stage.ids["mona"], "mona", "moderator")
    async with open_shards("redis://127.0.0.1:1") as away:
        result = await Commander(db, away)(await stage.rules(), author, "/ban bob", "n1", is_staff=False)
    assert isinstance(result, Done)
    assert result.position is None
    assert result.text
    assert (await stage.rules()).sanctions[stage.ids["bob"]].kind == "ban"
    assert await db.fetchval("SELECT count(*) FROM room_outbox WHERE relayed_at IS NULL") == 1
    again = await stage.order("mona", "/ban bob", nonce="n1")
    assert isinstance(again, Done)
    assert again.position is not None, "the repeat finds Redis back and the announcement waiting"
    assert [type(event) for event in await stage.log()] == [UserCleared]


async def test_what_was_left_behind_goes_first(db: Pool, shards: Shards) -> None:
    """An announcement that a process could not make stands before the next one of its room."""
    stage = await open_stage(db, shards)
    author = Author(stage.ids["mona"], "mona", "moderator")
    async with open_shards("redis://127.0.0.1:1") as away:
        await Commander(db, away)(await stage.rules(), author, "/ban bob", "n1", is_staff=False)
    await stage.order("max", "/unban bob")
    assert [event.at_ms for event in await stage.log()] == sorted(event.at_ms for event in await stage.log())
    assert len(await stage.log()) == 2


async def test_postgres_away_changes_nothing(db: Pool, shards: Shards, database_url: str) -> None:
    """The failure is one of those that the session answers with a temporary refusal, and nothing is true then."""
    stage = await open_stage(db, shards)
    rules = await stage.rules()
    async with open_pool(database_url) as gone:
        await gone.close()
        author = Author(stage.ids["mona"], "mona", "moderator")
        with pytest.raises(AWAY):
            await Commander(gone, shards)(rules, author, "/ban bob", "n", is_staff=False)
    assert await stage.log() == []


async def test_a_redis_that_hangs_is_waited_for_less_than_a_second(db: Pool, shards: Shards) -> None:
    """A Redis that accepts and never answers: the command is true, and its sender learns that in time."""
    stage = await open_stage(db, shards)

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    async with await asyncio.start_server(swallow, "127.0.0.1", 0) as server:
        author = Author(stage.ids["mona"], "mona", "moderator")
        port = server.sockets[0].getsockname()[1]
        async with open_shards(f"redis://127.0.0.1:{port}") as hanging, asyncio.timeout(ANNOUNCE_SECONDS + 1):
            result = await Commander(db, hanging)(await stage.rules(), author, "/ban bob", "n1", is_staff=False)
        assert isinstance(result, Done)
        assert result.position is None
    assert (await stage.rules()).sanctions
