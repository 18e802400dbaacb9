"""Sanctions, modes and roles in Postgres: what a command commits is what every process will read."""

import time

from chat.room import Done, RoomRules, Sanction
from chat.sanctions import room_rules, rules_versions
from chat.shards import Shards
from chat.wire import ModesChanged, RoleChanged, UserCleared, UserRestored
from server.db.pool import Pool
from tests.services.rooms import make_account, make_channel, open_stage


async def test_a_room_where_nothing_was_changed(db: Pool) -> None:
    """A channel alone is a room: version 0, no modes, its owner the owner."""
    owner = await make_account(db, "olga")
    channel = await make_channel(db, owner, "olga")
    async with db.acquire() as connection:
        assert await room_rules(connection, channel) == RoomRules(channel, owner)
        assert await room_rules(connection, channel + 1) is None
        assert await rules_versions(connection, [channel, channel + 1]) == {channel: 0, channel + 1: 0}


async def test_a_timeout_silences_until_its_end_and_counts_the_version(db: Pool, shards: Shards) -> None:
    """The rules hold the sanction with its end and reason; the event tells the same."""
    stage = await open_stage(db, shards)
    before_ms = time.time() * 1000
    result = await stage.order("mona", "/timeout @BOB 90s rude words")
    assert isinstance(result, Done)
    assert result.position is not None
    rules = await stage.rules()
    assert rules.version == 1
    sanction = rules.sanctions[stage.ids["bob"]]
    assert (sanction.kind, sanction.reason) == ("timeout", "rude words")
    assert sanction.until_ms is not None
    assert 89_000 < sanction.until_ms - before_ms < 95_000
    event = (await stage.log())[-1]
    assert isinstance(event, UserCleared)
    assert (event.account_id, event.name, event.seconds, event.reason) == (stage.ids["bob"], "bob", 90, "rude words")
    assert (event.by.name, event.by.role) == ("mona", "moderator")
    assert abs(event.at_ms + 90_000 - sanction.until_ms) <= 1
    restriction = rules.restriction_of(stage.ids["bob"], int(before_ms))
    assert restriction is not None
    assert (restriction.code, restriction.until_ms) == ("timed_out", sanction.until_ms)
    assert restriction.reason == "rude words"


async def test_a_new_sanction_replaces_the_old_and_lifted_ones_are_kept(db: Pool, shards: Shards) -> None:
    """One active at a time; the rows of the past say who lifted them and when."""
    stage = await open_stage(db, shards)
    await stage.order("mona", "/timeout bob 1d")
    await stage.order("max", "/timeout bob 10s")
    await stage.order("olga", "/ban bob enough")
    rules = await stage.rules()
    assert rules.sanctions == {stage.ids["bob"]: Sanction("ban", None, "enough")}
    rows = await db.fetch("SELECT kind, lifted_by, lifted_at IS NULL AS active FROM sanctions ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("timeout", stage.ids["max"], False),
        ("timeout", stage.ids["olga"], False),
        ("ban", None, True),
    ]
    await stage.order("mona", "/unban bob")
    assert (await stage.rules()).sanctions == {}
    assert await db.fetchval("SELECT lifted_by FROM sanctions WHERE kind = 'ban'") == stage.ids["mona"]
    last = (await stage.log())[-1]
    assert isinstance(last, UserRestored)
    assert last.account_id == stage.ids["bob"]


async def test_a_timeout_ends_by_itself(db: Pool, shards: Shards) -> None:
    """A sanction whose end has passed is not in the rules, and there is nothing to lift."""
    stage = await open_stage(db, shards)
    await stage.order("mona", "/timeout bob 10s")
    await db.execute("UPDATE sanctions SET until = now() - interval '1 second'")
    assert (await stage.rules()).sanctions == {}
    assert await stage.order("mona", "/untimeout bob") == Done("bob is not timed out.")


async def test_a_ban_is_not_shortened_to_a_timeout(db: Pool, shards: Shards) -> None:
    """A timeout, and the end of one, leave a ban as it is, and say so."""
    stage = await open_stage(db, shards)
    await stage.order("mona", "/ban bob")
    result = await stage.order("mona", "/timeout bob")
    assert isinstance(result, Done)
    assert "/unban" in result.text
    assert await stage.order("mona", "/untimeout bob") == Done("bob is not timed out.")
    assert (await stage.rules()).sanctions[stage.ids["bob"]].kind == "ban"
    assert (await stage.rules()).version == 1


async def test_modes_change_one_at_a_time_and_are_told_whole(db: Pool, shards: Shards) -> None:
    """Slow and followers-only mode stand beside each other; a mode that is set already changes nothing."""
    stage = await open_stage(db, shards)
    await stage.order("mona", "/slow 5")
    await stage.order("stan", "/followers 10m")
    event = (await stage.log())[-1]
    assert isinstance(event, ModesChanged)
    assert (event.slow_seconds, event.followers_only_seconds, event.by.role) == (5, 600, "moderator")
    assert await stage.order("mona", "/slow 5s") == Done("The room is in this mode already.")
    await stage.order("mona", "/slowoff")
    rules = await stage.rules()
    assert (rules.slow_seconds, rules.followers_only_seconds, rules.version) == (0, 600, 3)
    await stage.order("mona", "/followersoff")
    assert (await stage.rules()).followers_only_seconds is None


async def test_the_owner_appoints_and_dismisses(db: Pool, shards: Shards) -> None:
    """A role replaces another; dismissing somebody without the role says so."""
    stage = await open_stage(db, shards)
    bob = stage.ids["bob"]
    await stage.order("olga", "/vip bob")
    assert (await stage.rules()).role_of(bob) == "vip"
    await stage.order("olga", "/mod bob")
    assert (await stage.rules()).role_of(bob) == "moderator"
    assert await db.fetchval("SELECT granted_by FROM room_roles WHERE account_id = $1", bob) == stage.ids["olga"]
    assert await stage.order("olga", "/mod bob") == Done("bob is a moderator already.")
    assert await stage.order("olga", "/unvip bob") == Done("bob is not a VIP.")
    await stage.order("olga", "/unmod bob")
    assert (await stage.rules()).role_of(bob) == "member"
    told = [event.role for event in await stage.log() if isinstance(event, RoleChanged)]
    assert told == ["vip", "moderator", "member"]


async def test_versions_of_many_rooms_in_one_question(db: Pool, shards: Shards) -> None:
    """What each process asks every 5 s."""
    stage = await open_stage(db, shards)
    other = await make_channel(db, stage.ids["bob"], "bob")
    await stage.order("mona", "/slow")
    async with db.acquire() as connection:
        assert await rules_versions(connection, [stage.room_id, other]) == {stage.room_id: 1, other: 0}
