"""Carry out an order in one transaction under the room's lock: gather the facts, let it decide, make it true.

All that is judged here are the database's rows and the room's log, whatever the caller's cached rules said.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, assert_never

import asyncpg

from chat import sanctions
from chat.announcements import Announcement, add_announcement, announcement_by_nonce, waiting_events
from chat.codes import Code
from chat.entry import Entry
from chat.history import Moderation, archived_line
from chat.moderation import judge_command, judge_target
from chat.orders.order import (
    AboutAccount,
    AboutLine,
    AboutRoom,
    Change,
    Hearing,
    LiftSanctions,
    Order,
    Outcome,
    SetModes,
    SetRole,
    SetSanction,
    out_of_reach,
)
from chat.room import Done, Refusal, RoomRules
from chat.steps.sanctions import refusal_of
from chat.wire import Event, Line

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

ReadLog = Callable[[int], AsyncIterator[Event]]
"""A room's log as Redis has it, the newest event first; read no further than it is asked for."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order as it came: in which room, from whom, and what makes its repeat harmless."""

    channel_id: int
    account_id: int
    entry: Entry
    order: Order
    nonce: str


async def carry_out(connection: Connection, read_log: ReadLog, ordered: Ordered) -> Announcement | Done | Refusal:
    """Judge and change in the caller's transaction; an `Announcement` is to be put into the log after the commit."""
    room = ordered.channel_id
    lock = await sanctions.lock_room(connection, room)
    if lock is None:
        return Refusal(Code.NO_ROOM, "There is no such channel.")
    nonce = f"{ordered.account_id}:{ordered.nonce}"
    earlier = await announcement_by_nonce(connection, room, nonce)
    if earlier is not None:
        return earlier
    actor = await sanctions.occupant_by_id(connection, room, ordered.account_id)
    if actor is None:
        return Refusal(Code.SIGN_IN, "Sign in to use commands.")
    hearing = Hearing(actor, lock.at, lock.board, secrets.token_hex(8))
    refusal = _judge_actor(hearing, ordered.entry)
    if refusal is not None:
        return refusal
    outcome = await _Court(connection, read_log, room).hear(ordered.order, hearing)
    if isinstance(outcome, Done | Refusal):
        return outcome
    if outcome.change is not None:
        await _make_true(connection, room, outcome.change, by=ordered.account_id)
    pinned = lock.board.after(outcome.event).pinned
    is_pin_changed = pinned != lock.board.pinned  # by a pin, or by whatever removed the pinned line
    if is_pin_changed:
        await sanctions.set_pinned(connection, room, pinned)
    changes_rules = outcome.event.changes_rules or is_pin_changed
    return await add_announcement(connection, room, outcome.event, changes_rules=changes_rules, nonce=nonce)


def _judge_actor(hearing: Hearing, entry: Entry) -> Refusal | None:
    """A dismissed moderator and a silenced one moderate nobody."""
    actor = hearing.actor
    if judge_command(entry.who, actor.person) is not None:
        return not_permitted(entry)
    silenced = {} if actor.sanction is None else {actor.account_id: actor.sanction}
    restriction = RoomRules(0, owner_id=0, sanctions=silenced).restriction_of(actor.account_id, hearing.at_ms)
    return None if restriction is None else refusal_of(restriction, hearing.at_ms)


def not_permitted(entry: Entry) -> Refusal:
    """The command is for a higher rank."""
    who = "the channel's owner" if entry.who == "owner" else "moderators"
    return Refusal(Code.FORBIDDEN, f"/{entry.name} is for {who}.")


@dataclass(frozen=True, slots=True)
class _Court:
    """Brings each kind of order the facts that it needs."""

    connection: Connection
    read_log: ReadLog
    room: int

    async def hear(self, order: Order, hearing: Hearing) -> Outcome:
        match order:
            case AboutRoom():
                return order.decide(hearing)
            case AboutAccount():
                return await self._hear_about_account(order, hearing)
            case AboutLine():
                line = await self._standing_line(order.message_id)
                if line is None:
                    return Refusal(Code.NO_MESSAGE, "There is no message of this id.", field="message_id")
                author = await sanctions.occupant_by_id(self.connection, self.room, line.author.id)
                return order.decide(hearing, line, author)
            case _ as never:
                assert_never(never)

    async def _hear_about_account(self, order: AboutAccount, hearing: Hearing) -> Outcome:
        target = await sanctions.occupant_by_name(self.connection, self.room, order.name)
        if target is None:
            return Refusal(Code.NO_ACCOUNT, f"There is no account named {order.name}.", field="name")
        match judge_target(hearing.actor.person, target.person):
            case Code.SELF:
                return Refusal(Code.SELF, "You can't do this to yourself.", field="name")
            case Code.FORBIDDEN:
                return out_of_reach(target)
            case None:
                return order.decide(hearing, target)

    async def _standing_line(self, message_id: str) -> Line | None:
        """The line of this id, unless something committed has removed it.

        The lock keeps new removals out.  Those of before stand in the outbox until they stand in the log, so the outbox
        is read first; what stands in both counts by its place in the log.
        """
        untold = set(await waiting_events(self.connection, self.room))
        moderation, found = Moderation(), None
        async for event in self.read_log(self.room):
            untold.discard(event)
            if found is None:
                stands = moderation.passes(event)
                if isinstance(event, Line) and event.id == message_id:
                    if not stands:
                        return None
                    found = event
            if found is not None and not untold:
                return found
        if found is not None:
            return None if any(event.removal and event.removal.hits(found) for event in untold) else found
        for event in untold:
            moderation.passes(event)
        return await archived_line(self.connection, self.room, message_id, moderation)


async def _make_true(connection: Connection, room: int, change: Change, *, by: int) -> None:
    match change:
        case SetSanction(account_id, until, reason):
            await sanctions.set_sanction(connection, room, account_id, by=by, until=until, reason=reason)
        case LiftSanctions(account_id):
            await sanctions.lift_sanctions(connection, room, account_id, by=by)
        case SetModes(modes):
            await sanctions.set_modes(connection, room, modes)
        case SetRole(account_id, role):
            await sanctions.set_role(connection, room, account_id, role, by=by)
        case _ as never:
            assert_never(never)
