"""What one socket says: each line through the admission to the publish script, each command to the commander.

Only a socket that speaks has a speaker; readers, who are nearly all, cost none.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar, assert_never

import msgspec
import structlog

from chat.admission import admit
from chat.audience import Identity
from chat.availability import AWAY
from chat.codes import Code
from chat.draft import Draft, Fact, Hold
from chat.hub import Hub
from chat.live_room import LiveRoom
from chat.publisher import Published, Stale, unavailable
from chat.ratelimit import MODERATOR, allowance_of
from chat.refusals import refused
from chat.room import Commands, Done, Position, Refusal, Say
from chat.wire import ROOMS_MAX, Ack, Author, ClientFrame, Message, Send, ServerFrame

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

FOLLOW_HOLDS_SECONDS = 10.0
"""How long the age of a follow is believed."""
STALE_TURNS = 3
"""How often a line is judged again by newer rules."""

Outcome = Published | Done | Stale | Refusal


@dataclass(frozen=True, slots=True)
class Floor:
    """What a speaker asks of the server, and where its answers go."""

    hub: Hub
    commands: Commands
    followed_since_ms: Callable[[int, int], Awaitable[int | None]]
    """Since when an account (the second) follows a channel."""
    reply: Callable[[ServerFrame], None]
    later: Callable[[ClientFrame, Coroutine[Any, Any, None]], "asyncio.Task[None]"]
    """Do the rest of a request in a task, which refuses it for what is away."""


class _Line(NamedTuple):
    """One line on its way."""

    frame: Send
    room: LiveRoom
    draft: Draft


class Speaker:
    """The lines of one account on one socket, one after the other."""

    __slots__ = ("_commands_full_at", "_floor", "_follows", "_holds", "_is_unsure")

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._commands_full_at = 0.0
        self._is_unsure = False
        """A line was given up that may stand in the log: its repeat must reach the script, which knows its nonce."""
        self._follows: dict[int, tuple[float, int]] = {}
        """Until when (monotonic) we believe since when the account follows a room's channel."""
        self._holds: dict[int, Hold] = {}

    def say(self, frame: Send, room: LiveRoom, identity: Identity | None) -> "asyncio.Future[Any] | None":
        """Say it, or refuse it; a future: not yet, and the answer will have left when it is done."""
        draft = self._draft(frame, room, identity)
        verdict = admit(draft)
        line = _Line(frame, room, verdict if isinstance(verdict, Draft) else draft)
        match verdict:
            case Draft(is_command=False):
                return self._publish_soon(line)
            case Draft():
                self._commands_full_at = verdict.commands_full_at
                return self._floor.later(frame, self._carry_out(line))
            case Fact():
                return self._floor.later(frame, self._insist(line))
            case Refusal() if self._floor.hub.is_refreshing(room.id):
                # The room has been told of other rules already: what those allow must not be refused by the old ones.
                return self._floor.later(frame, self._say_again(line))
            case Refusal():
                self._answer(line, verdict)
                return None
            case _ as never:
                assert_never(never)

    def _draft(self, frame: Send, room: LiveRoom, identity: Identity | None) -> Draft:
        rules = room.rules
        account_id = None if identity is None else identity.account_id
        return Draft(
            rules,
            rules.role_of(account_id),
            account_id,
            "" if identity is None else identity.name,
            identity is not None and identity.is_staff,
            frame.nonce,
            frame.text,
            int(time.time() * 1000),
            time.monotonic(),
            self._commands_full_at,
            None if self._is_unsure else self._holds.get(room.id),
        )

    # -- at once --

    def _publish_soon(self, line: _Line) -> "asyncio.Future[None]":
        said = self._publish(line)
        done: asyncio.Future[None] = said.get_loop().create_future()
        said.add_done_callback(partial(self._said, line, done))
        return done

    def _said(
        self, line: _Line, done: "asyncio.Future[None]", said: "asyncio.Future[Published | Stale | Refusal]"
    ) -> None:
        error = TimeoutError() if said.cancelled() else said.exception()
        if error is not None:
            if not isinstance(error, AWAY):
                _log.error("chat_publish_failed", exc_info=error)
            self._answer(line, self._given_up(error))
        elif isinstance(outcome := said.result(), Stale):
            again = self._floor.later(line.frame, self._say_again(line, outcome.version))
            again.add_done_callback(lambda _: settle(done))
            return
        else:
            self._answer(line, outcome)
        settle(done)

    # -- in a task --

    async def _carry_out(self, line: _Line) -> None:
        draft, rules = line.draft, line.room.rules
        by = _author(draft)
        result = await self._floor.commands(rules, by, draft.text, draft.nonce, is_staff=draft.is_staff)
        if isinstance(result, Say):
            said = msgspec.structs.replace(draft, text=result.text, is_ordered=True, is_me=result.is_me)
            await self._insist(line._replace(draft=said))
        else:
            self._answer(line, result)

    async def _say_again(self, line: _Line, at_least: int = 0) -> None:
        await self._floor.hub.refresh_rules(line.room)
        await self._insist(self._renewed(line), at_least)

    async def _insist(self, line: _Line, at_least: int = 0) -> None:
        """Judge and publish; a verdict that the room's newest rules overtook is passed again by those."""
        for _ in range(STALE_TURNS):
            verdict = admit(line.draft)
            while isinstance(verdict, Fact):
                line = line._replace(draft=await self._learn(verdict, line))
                verdict = admit(line.draft)
            if isinstance(verdict, Refusal):
                self._answer(line, verdict)
                return
            if verdict.is_command:  # refused for its rate before the rules were read anew, which took long enough
                self._commands_full_at = verdict.commands_full_at
                await self._carry_out(line._replace(draft=verdict))
                return
            try:
                outcome = await self._publish(line._replace(draft=verdict), at_least)
            except AWAY as error:
                outcome = self._given_up(error)
            if not isinstance(outcome, Stale):
                self._answer(line, outcome)
                return
            at_least = outcome.version
            await self._floor.hub.refresh_rules(line.room)
            line = self._renewed(line)
        self._answer(line, unavailable())

    def _renewed(self, line: _Line) -> _Line:
        """The same line by the rules and clocks of now."""
        rules = line.room.rules
        draft = msgspec.structs.replace(
            line.draft,
            rules=rules,
            role=rules.role_of(line.draft.account_id),
            now_ms=int(time.time() * 1000),
            tick=time.monotonic(),
        )
        return line._replace(draft=draft)

    async def _learn(self, fact: Fact, line: _Line) -> Draft:
        match fact:
            case Fact.FOLLOWED_SINCE:
                since_ms = await self._followed_since(line.room.id, line.draft)
                return msgspec.structs.replace(line.draft, followed_since_ms=since_ms)
            case _ as never:
                assert_never(never)

    async def _followed_since(self, room_id: int, draft: Draft) -> int | None:
        held = self._follows.get(room_id)
        if held is not None and draft.tick < held[0]:
            return held[1]
        since = await self._floor.followed_since_ms(room_id, draft.account_id or 0)
        if since is not None:  # a fresh follow counts at once
            _keep(self._follows, room_id, (draft.tick + FOLLOW_HOLDS_SECONDS, since))
        return since

    # -- publishing and its answer --

    def _publish(self, line: _Line, at_least: int = 0) -> "asyncio.Future[Published | Stale | Refusal]":
        draft, rules = line.draft, line.draft.rules
        message = Message(secrets.token_hex(8), draft.now_ms, _author(draft), draft.text, draft.is_me, draft.nonce)
        return self._floor.hub.say(
            line.room,
            message,
            slow_seconds=_slow_seconds(draft),
            allowance=MODERATOR if draft.is_staff else allowance_of(draft.role),
            # What the room heard of was committed before, so rules read since then are as new, whatever they count.
            judged_by=max(rules.version, at_least),
        )

    def _given_up(self, error: BaseException) -> Refusal:
        self._is_unsure = True
        _log.warning("chat_request_unavailable", error=type(error).__name__)
        return unavailable()

    def _answer(self, line: _Line, outcome: Published | Done | Refusal) -> None:
        frame = line.frame
        match outcome:
            case Published(position):
                self._hold_after(line, _slow_seconds(line.draft) * 1000, Code.SLOW_MODE)
                reply: ServerFrame = Ack(frame.id, frame.room, frame.nonce, position.epoch, position.offset)
            case Done(text, position):
                place = position or Position("", 0)
                reply = Ack(frame.id, frame.room, frame.nonce, place.epoch, place.offset, text)
            case Refusal():
                if outcome.code in {Code.SLOW_MODE, Code.RATE_LIMITED}:
                    self._hold_after(line, outcome.retry_after_ms or 0, outcome.code)
                reply = refused(frame, outcome)
            case _ as never:
                assert_never(never)
        self._floor.reply(reply)

    def _hold_after(self, line: _Line, wait_ms: int, code: Code) -> None:
        if wait_ms and not line.draft.is_command:
            hold = Hold(code, time.monotonic() + wait_ms / 1000, line.draft.rules.version)
            _keep(self._holds, line.room.id, hold)


def _author(draft: Draft) -> Author:
    return Author(draft.account_id or 0, draft.name, draft.role)


def _slow_seconds(draft: Draft) -> int:
    return 0 if draft.is_staff else draft.rules.slow_seconds_for(draft.role)


def settle(done: "asyncio.Future[None]") -> None:
    """The answer has left."""
    if not done.done():  # its outlet may have cancelled it
        done.set_result(None)


_T = TypeVar("_T")


def _keep(kept: dict[int, _T], room_id: int, value: _T) -> None:
    """Of a hundred rooms at most: whoever wanders further is asked about again."""
    if len(kept) >= ROOMS_MAX and room_id not in kept:
        kept.clear()
    kept[room_id] = value
