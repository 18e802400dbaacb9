"""What a command does to a room, in one transaction under its lock: judge by the database's rows, then change them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias, assert_never

import asyncpg

from chat import sanctions
from chat.announcements import Announcement, add_announcement, announcement_by_nonce
from chat.codes import Code
from chat.commands import (
    Appoint,
    Ban,
    Clear,
    Delete,
    Dismiss,
    Entry,
    Followers,
    Lift,
    Slow,
    Timeout,
)
from chat.moderation import judge_command, judge_removal, judge_target
from chat.room import Done, Refusal, RoomRules, judge
from chat.sanctions import Lock, Occupant
from chat.wire import Author, Deleted, Event, Modes, ModesChanged, RoleChanged, RoomCleared, UserCleared, UserRestored

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

Order = Timeout | Ban | Lift | Delete | Clear | Slow | Followers | Appoint | Dismiss
"""The commands that change a room."""

Outcome = Announcement | Done | Refusal


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order as it came: in which room, from whom, and what makes its repeat harmless."""

    channel_id: int
    account_id: int
    entry: Entry
    order: Order
    nonce: str
    author_id: int | None = None
    """Who said the message of a `/delete`, where the room's log knows."""


async def carry_out(connection: Connection, ordered: Ordered) -> Outcome:
    """Judge and change in the caller's transaction; an `Announcement` is to be put into the log after the commit."""
    lock = await sanctions.lock_room(connection, ordered.channel_id)
    if lock is None:
        return Refusal(Code.NO_ROOM, "There is no such channel.")
    nonce = f"{ordered.account_id}:{ordered.nonce}"
    earlier = await announcement_by_nonce(connection, ordered.channel_id, nonce)
    if earlier is not None:
        return earlier
    actor = await sanctions.occupant_by_id(connection, ordered.channel_id, ordered.account_id)
    refusal = _judge_actor(actor, ordered.entry, lock)
    if actor is None or refusal is not None:
        return refusal or Refusal(Code.SIGN_IN, "Sign in to use commands.")
    result = await _Hearing(connection, ordered.channel_id, lock, actor).decide(ordered.order, ordered.author_id)
    if isinstance(result, Done | Refusal):
        return result
    changes_rules = not isinstance(result, Deleted | RoomCleared)
    version = await sanctions.next_version(connection, ordered.channel_id) if changes_rules else None
    return await add_announcement(connection, ordered.channel_id, result, version=version, nonce=nonce)


def _judge_actor(actor: Occupant | None, entry: Entry, lock: Lock) -> Refusal | None:
    if actor is None:
        return None
    if judge_command(entry.name, actor.person) is not None:
        return not_permitted(entry)
    return silence_of(actor, sanctions.unix_ms(lock.at))


def silence_of(occupant: Occupant, now_ms: int) -> Refusal | None:
    """A silenced moderator moderates nobody."""
    silenced = {} if occupant.sanction is None else {occupant.account_id: occupant.sanction}
    return judge(RoomRules(0, owner_id=0, sanctions=silenced), occupant.account_id, None, now_ms)


def not_permitted(entry: Entry) -> Refusal:
    """The command is for a higher rank."""
    who = "the channel's owner" if entry.who == "owner" else "moderators"
    return Refusal(Code.FORBIDDEN, f"/{entry.name} is for {who}.")


@dataclass(frozen=True, slots=True)
class _Hearing:
    """One order being decided: the event that tells what was changed, or why nothing was."""

    connection: Connection
    channel_id: int
    lock: Lock
    actor: Occupant

    @property
    def at_ms(self) -> int:
        return sanctions.unix_ms(self.lock.at)

    @property
    def by(self) -> Author:
        role = self.actor.person.role
        is_raised = self.actor.person.is_staff and role != "owner"
        return Author(self.actor.account_id, self.actor.name, "moderator" if is_raised else role)

    async def decide(self, order: Order, author_id: int | None) -> Event | Done | Refusal:
        match order:
            case Delete():
                return await self._delete(order, author_id)
            case Clear():
                return RoomCleared(self.at_ms, self.by)
            case Slow():
                return await self._set_modes(Modes(order.seconds, self.lock.modes.followers_only_seconds))
            case Followers():
                return await self._set_modes(Modes(self.lock.modes.slow_seconds, order.seconds))
            case Timeout() | Ban() | Lift() | Appoint() | Dismiss():
                return await self._decide_about(order)
            case _ as never:
                assert_never(never)

    async def _delete(self, order: Delete, author_id: int | None) -> Event | Refusal:
        if author_id is None:
            author_id = await sanctions.archived_author(self.connection, self.channel_id, order.message_id)
        if author_id is None:
            return Refusal(Code.NO_MESSAGE, "There is no message of this id.", field="message_id")
        author = await sanctions.occupant_by_id(self.connection, self.channel_id, author_id)
        if author is not None and judge_removal(self.actor.person, author.person) is not None:
            return _out_of_reach(author)
        return Deleted(self.at_ms, order.message_id, self.by)

    async def _set_modes(self, modes: Modes) -> Event | Done:
        if modes == self.lock.modes:
            return Done("The room is in this mode already.")
        await sanctions.set_modes(self.connection, self.channel_id, modes)
        return ModesChanged(self.at_ms, self.by, modes.slow_seconds, modes.followers_only_seconds)

    async def _decide_about(self, order: Timeout | Ban | Lift | Appoint | Dismiss) -> Event | Done | Refusal:
        target = await sanctions.occupant_by_name(self.connection, self.channel_id, order.name)
        if target is None:
            return Refusal(Code.NO_ACCOUNT, f"There is no account named {order.name}.", field="name")
        match judge_target(self.actor.person, target.person):
            case Code.SELF:
                return Refusal(Code.SELF, "You can't do this to yourself.", field="name")
            case Code.FORBIDDEN:
                return _out_of_reach(target)
            case None:
                pass
        match order:
            case Timeout() | Ban():
                return await self._sanction(target, order)
            case Lift():
                return await self._lift(target, order)
            case Appoint() | Dismiss():
                return await self._set_role(target, order)
            case _ as never:
                assert_never(never)

    async def _sanction(self, target: Occupant, order: Timeout | Ban) -> Event | Done:
        seconds = order.seconds if isinstance(order, Timeout) else None
        is_banned = target.sanction is not None and target.sanction.kind == "ban"
        if is_banned and seconds is not None:
            return Done(f"{target.name} is banned, which is more; /unban comes first.")
        until = None if seconds is None else self.lock.at + timedelta(seconds=seconds)
        await sanctions.set_sanction(
            self.connection,
            self.channel_id,
            target.account_id,
            by=self.actor.account_id,
            until=until,
            reason=order.reason,
        )
        return UserCleared(self.at_ms, target.account_id, target.name, self.by, seconds, order.reason)

    async def _lift(self, target: Occupant, order: Lift) -> Event | Done:
        if target.sanction is None or target.sanction.kind != order.kind:
            return Done(f"{target.name} is not {'banned' if order.kind == 'ban' else 'timed out'}.")
        await sanctions.lift_sanctions(self.connection, self.channel_id, target.account_id, by=self.actor.account_id)
        return UserRestored(self.at_ms, target.account_id, target.name, self.by)

    async def _set_role(self, target: Occupant, order: Appoint | Dismiss) -> Event | Done:
        role = order.role if isinstance(order, Appoint) else None
        has_role = target.person.role == order.role
        if has_role == isinstance(order, Appoint):
            called = "a moderator" if order.role == "moderator" else "a VIP"
            return Done(f"{target.name} is {called} already." if has_role else f"{target.name} is not {called}.")
        await sanctions.set_role(self.connection, self.channel_id, target.account_id, role, by=self.actor.account_id)
        return RoleChanged(self.at_ms, target.account_id, target.name, role or "member", self.by)


def _out_of_reach(occupant: Occupant) -> Refusal:
    return Refusal(Code.FORBIDDEN, f"{occupant.name} is out of your reach.", field="name")
