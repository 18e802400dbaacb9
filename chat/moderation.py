"""Who may do what to whom in a room.  Pure.

Owner over moderator over VIP over member over guest; the site's staff and admins count as moderators everywhere.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from chat.codes import Code
from chat.wire import Role


class Rank(IntEnum):
    """A role's height."""

    GUEST = 0
    MEMBER = 1
    VIP = 2
    MODERATOR = 3
    OWNER = 4


_RANKS: dict[Role, Rank] = {
    "guest": Rank.GUEST,
    "member": Rank.MEMBER,
    "vip": Rank.VIP,
    "moderator": Rank.MODERATOR,
    "owner": Rank.OWNER,
}


@dataclass(frozen=True, slots=True)
class Person:
    """An account as it stands in a room; a guest has no account."""

    account_id: int | None
    role: Role
    is_staff: bool = False

    @property
    def rank(self) -> Rank:
        """The role's rank, at least a moderator's for the site's staff."""
        return max(_RANKS[self.role], Rank.MODERATOR) if self.is_staff else _RANKS[self.role]


def may_give(person: Person, who: Role) -> bool:
    """Does this person reach the rank of the least role that may give a command?"""
    return person.rank >= _RANKS[who]


def bypasses_modes(person: Person) -> bool:
    """Slow mode and followers-only are not for VIPs, moderators, owners and staff."""
    return person.rank >= Rank.VIP


def judge_command(who: Role, person: Person) -> Literal[Code.SIGN_IN, Code.FORBIDDEN] | None:
    """Why this person may not give a command that is for `who` and those above; None: permitted."""
    if may_give(person, who):
        return None
    return Code.SIGN_IN if person.rank is Rank.GUEST else Code.FORBIDDEN


def judge_target(actor: Person, target: Person) -> Literal[Code.SELF, Code.FORBIDDEN] | None:
    """Why `actor`, whom the command is permitted to, may not aim it at `target`; None: permitted.

    Nobody is their own target; the owner reaches everybody else, others only those of a lower rank.
    """
    if actor.account_id == target.account_id:
        return Code.SELF
    return None if actor.rank > target.rank else Code.FORBIDDEN


def judge_removal(actor: Person, author: Person) -> Literal[Code.FORBIDDEN] | None:
    """Why a moderator may not remove this author's message; one's own is always one's to remove."""
    if actor.account_id == author.account_id or actor.rank > author.rank:
        return None
    return Code.FORBIDDEN
