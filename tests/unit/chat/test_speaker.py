"""chat.speaker: a line's way to the publish script, what its answer may be, and what is remembered of it."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from chat.audience import Identity
from chat.codes import Code
from chat.hub import Hub
from chat.publisher import Published, Stale
from chat.ratelimit import COMMANDS, MEMBER, MODERATOR
from chat.room import CommandResult, Done, Position, Refusal, RoomRules, Sanction, Say
from chat.speaker import STALE_TURNS, Floor, Speaker
from chat.wire import Ack, Author, Refused, Send, ServerFrame
from tests.fakes.one_room import EPOCH, OneRoom

OWNER, FAN = 1, 4
ROOM = 12
RULES = RoomRules(ROOM, OWNER, version=7)


class Stand:
    """A speaker in one room, and what it answered."""

    def __init__(self, rules: RoomRules = RULES) -> None:
        self.hub = OneRoom(rules)
        self.replies: list[ServerFrame] = []
        self.followed_since_ms: int | None = None
        self.follows_asked = 0
        self.result: CommandResult = Done("done")
        self.ordered: list[str] = []
        floor = Floor(cast("Hub", self.hub), self.command, self.follows, self.replies.append, self.later)
        self.speaker = Speaker(floor)

    async def command(self, rules: RoomRules, by: Author, text: str, nonce: str, *, is_staff: bool) -> CommandResult:
        assert (rules.room_id, by.id, nonce, is_staff) == (ROOM, FAN, "n1", False)
        self.ordered.append(text)
        return self.result

    async def follows(self, room_id: int, account_id: int) -> int | None:
        assert (room_id, account_id) == (ROOM, FAN)
        self.follows_asked += 1
        return self.followed_since_ms

    def later(self, _frame: Any, work: Any) -> "asyncio.Task[None]":
        return self.hub.start(work)

    async def say(self, text: str = "hello", account_id: int | None = FAN, nonce: str = "n1") -> ServerFrame:
        """Say it and wait for its answer."""
        identity = None if account_id is None else Identity(account_id, "anna", "s1", 0)
        pending = self.speaker.say(Send(3, str(ROOM), nonce, text), self.hub.here, identity)
        if pending is not None:
            await asyncio.wait((cast("asyncio.Future[None]", pending),))
        return self.replies.pop()

    async def refused(self, text: str = "hello", account_id: int | None = FAN) -> Code:
        """Why it was not said."""
        frame = await self.say(text, account_id)
        assert isinstance(frame, Refused), frame
        return Code(frame.code)


async def test_a_line_is_published_as_it_was_admitted() -> None:
    """Clean, under its author's name and role, with the role's limits; the ack names its place."""
    stand = Stand()
    assert await stand.say("  hello   world ") == Ack(3, "12", "n1", EPOCH, 1)
    message, limits = stand.hub.said[0]
    assert (message.text, message.author.id, message.author.name, message.nonce) == ("hello world", FAN, "anna", "n1")
    assert limits == {"slow_seconds": 0, "allowance": MEMBER, "judged_by": 7}
    await stand.say(account_id=OWNER)
    assert stand.hub.said[1][1]["allowance"] is MODERATOR


async def test_what_the_steps_refuse_never_reaches_redis() -> None:
    """A guest is refused at once, without any future."""
    stand = Stand()
    assert await stand.refused(account_id=None) is Code.SIGN_IN
    assert stand.hub.said == []


async def test_a_verdict_by_old_rules_is_passed_again() -> None:
    """Stale: the rules are read anew, and the line judged by them is said or refused."""
    stand = Stand()
    stand.hub.outcomes = [Stale(9)]
    stand.hub.newer = RoomRules(ROOM, OWNER, 8)
    assert isinstance(await stand.say(), Ack)
    assert [limits["judged_by"] for _, limits in stand.hub.said] == [7, 9], "a restored database may count less"
    stand.hub.outcomes = [Stale(10)]
    stand.hub.newer = RoomRules(ROOM, OWNER, 10, sanctions={FAN: Sanction("ban")})
    assert await stand.refused() is Code.BANNED


async def test_rules_that_never_settle_end_in_try_again() -> None:
    """After so many turns the line is refused for now."""
    stand = Stand()
    stand.hub.outcomes = [Stale(9) for _ in range(STALE_TURNS + 1)]
    assert await stand.refused() is Code.UNAVAILABLE
    assert len(stand.hub.said) == STALE_TURNS + 1


async def test_a_refusal_by_rules_that_are_being_read_anew_waits_for_them() -> None:
    """Whoever was told of a lifted ban may speak at once."""
    stand = Stand(RoomRules(ROOM, OWNER, 7, sanctions={FAN: Sanction("ban")}))
    stand.hub.is_behind = True
    stand.hub.newer = RoomRules(ROOM, OWNER, 8)
    assert isinstance(await stand.say(), Ack)


async def test_slow_mode_is_refused_without_asking_redis() -> None:
    """After one message, and after the script's own refusal, for as long as these rules hold."""
    stand = Stand(RoomRules(ROOM, OWNER, 7, slow_seconds=30))
    assert isinstance(await stand.say(), Ack)
    for _ in range(3):
        frame = await stand.say(nonce="n2")
        assert isinstance(frame, Refused)
        assert frame.code == Code.SLOW_MODE
        assert 29_000 < (frame.retry_after_ms or 0) <= 30_000
    assert len(stand.hub.said) == 1
    stand.hub.here.learn_rules(RoomRules(ROOM, OWNER, 8))
    assert isinstance(await stand.say(), Ack)


async def test_a_command_refused_for_its_rate_is_never_said_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the rules were read anew its time came: it is carried out, and told to nobody."""
    stand = Stand()
    stand.hub.is_behind = True
    stand.speaker._commands_full_at = 1000 + COMMANDS.burst * COMMANDS.refill_ms / 1000
    clock = SimpleNamespace(time=lambda: 0.0, monotonic=iter([1000.0, 1001.0]).__next__)
    monkeypatch.setattr("chat.speaker.time", clock)
    assert await stand.say("/ban bob") == Ack(3, "12", "n1", text="done")
    assert stand.ordered == ["/ban bob"]
    assert stand.hub.said == []


@pytest.mark.parametrize("code", [Code.SLOW_MODE, Code.RATE_LIMITED])
async def test_what_the_script_refused_is_refused_until_its_time(code: Code) -> None:
    """The wait that the script told is remembered."""
    stand = Stand()
    stand.hub.outcomes = [Refusal(code, "Wait.", is_temporary=True, retry_after_ms=60_000)]
    assert [await stand.refused() for _ in range(3)] == [code] * 3
    assert len(stand.hub.said) == 1


@pytest.mark.parametrize(
    "error", [TimeoutError(), RedisConnectionError(), asyncio.CancelledError(), ValueError("ours")]
)
async def test_a_line_that_was_given_up_may_be_repeated(error: BaseException) -> None:
    """It may stand in the log: its repeat goes to the script, whatever hold there is, and gets the first place."""
    stand = Stand(RoomRules(ROOM, OWNER, 7, slow_seconds=30))
    stand.hub.outcomes = [error]
    assert await stand.refused() is Code.UNAVAILABLE
    stand.hub.outcomes = [Refusal(Code.SLOW_MODE, "Wait.", is_temporary=True, retry_after_ms=30_000)]
    frame = await stand.say(nonce="n2")
    assert isinstance(frame, Refused)
    stand.hub.outcomes = [Published(Position(EPOCH, 41), is_repeat=True)]
    assert await stand.say() == Ack(3, "12", "n1", EPOCH, 41)


async def test_an_outlet_may_cancel_what_it_waits_for() -> None:
    """The answer is made all the same, and goes nowhere."""
    stand = Stand()
    pending = stand.speaker.say(Send(3, str(ROOM), "n1", "hello"), stand.hub.here, Identity(FAN, "anna", "s1", 0))
    assert pending is not None
    pending.cancel()
    await asyncio.sleep(0)
    assert isinstance(stand.replies.pop(), Ack)


async def test_a_follow_is_asked_for_once_and_a_fresh_one_counts_at_once() -> None:
    """None is not believed for a moment, a date for ten seconds."""
    stand = Stand(RoomRules(ROOM, OWNER, 7, followers_only_seconds=0))
    assert [await stand.refused() for _ in range(2)] == [Code.FOLLOWERS_ONLY] * 2
    assert stand.follows_asked == 2
    stand.followed_since_ms = 1
    for _ in range(3):
        assert isinstance(await stand.say(), Ack)
    assert stand.follows_asked == 3


async def test_redis_away_while_a_follow_was_looked_up() -> None:
    """The slower way ends in the same answer."""
    stand = Stand(RoomRules(ROOM, OWNER, 7, followers_only_seconds=0))
    stand.followed_since_ms = 1
    stand.hub.outcomes = [TimeoutError()]
    assert await stand.refused() is Code.UNAVAILABLE


async def test_commands_enter_by_the_same_door() -> None:
    """Clean and counted; their answer is an ack with its text and place, or a refusal."""
    stand = Stand()
    assert await stand.say(" /help  me ") == Ack(3, "12", "n1", text="done")
    assert stand.ordered == ["/help me"]
    stand.result = Done(position=Position(EPOCH, 5))
    assert await stand.say("/clear") == Ack(3, "12", "n1", EPOCH, 5)
    stand.result = Refusal(Code.FORBIDDEN, "No.")
    assert await stand.refused("/clear") is Code.FORBIDDEN
    assert stand.hub.said == []


async def test_commands_have_a_rate() -> None:
    """Of the socket, whatever they are; lines pass."""
    stand = Stand()
    codes = [type(await stand.say("/help")) for _ in range(COMMANDS.burst)]
    assert set(codes) == {Ack}
    assert await stand.refused("/help") is Code.RATE_LIMITED
    assert isinstance(await stand.say(), Ack)
    assert len(stand.ordered) == COMMANDS.burst


async def test_what_a_command_says_is_a_line() -> None:
    """`/me` has every limit of a message."""
    stand = Stand()
    stand.result = Say("/waves", is_me=True)
    assert isinstance(await stand.say("/me /waves"), Ack)
    message, _ = stand.hub.said[0]
    assert (message.text, message.me) == ("/waves", True)
    stand.hub.here.learn_rules(RoomRules(ROOM, OWNER, 8, sanctions={FAN: Sanction("ban")}))
    assert await stand.refused("/me /waves") is Code.BANNED


async def test_a_wanderer_is_remembered_in_a_hundred_rooms_at_most() -> None:
    """What is held per room is bounded, whatever rooms a socket comes through."""
    stand = Stand()
    identity = Identity(FAN, "anna", "s1", 0)
    for number in range(1, 251):
        room = OneRoom(RoomRules(number, OWNER, slow_seconds=5)).here
        pending = stand.speaker.say(Send(3, str(number), "n1", "hi"), room, identity)
        assert pending is not None
        await pending
    assert len(stand.speaker._holds) <= 100
