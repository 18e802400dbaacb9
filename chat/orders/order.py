"""What an order is: it hears the facts, taken under the room's lock, and decides by them.  Pure.

A decision is data: the event that will tell it, and the change of the room's rows that makes it true.  `chat/court.py`
brings the facts and does what was decided.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chat.board import Board
from chat.codes import Code
from chat.moderation import Person
from chat.room import Done, Refusal, Sanction
from chat.wire import Author, Event, Line, Modes

GivenRole = Literal["moderator", "vip"]


@dataclass(frozen=True, slots=True)
class Occupant:
    """An account as a room knows it, with the sanction that silences it now."""

    account_id: int
    name: str
    person: Person
    sanction: Sanction | None = None


@dataclass(frozen=True, slots=True)
class Hearing:
    """What every order may know: who gives it, when, and how the room stands."""

    actor: Occupant
    at: datetime
    board: Board
    fresh_id: str
    """For a line that the order says."""

    @property
    def at_ms(self) -> int:
        """The time, as the wire has it."""
        return round(self.at.timestamp() * 1000)

    @property
    def by(self) -> Author:
        """Who gives it; the site's staff do so as moderators."""
        role = self.actor.person.role
        is_raised = self.actor.person.is_staff and role != "owner"
        return Author(self.actor.account_id, self.actor.name, "moderator" if is_raised else role)


# -- what a decision changes --


@dataclass(frozen=True, slots=True)
class SetSanction:
    """A timeout until then, or a ban (None), instead of whatever was active."""

    account_id: int
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class LiftSanctions:
    """End what is active."""

    account_id: int


@dataclass(frozen=True, slots=True)
class SetModes:
    """These modes from here on."""

    modes: Modes


@dataclass(frozen=True, slots=True)
class SetRole:
    """This role instead of any other; None: a member again."""

    account_id: int
    role: GivenRole | None


Change = SetSanction | LiftSanctions | SetModes | SetRole


@dataclass(frozen=True, slots=True)
class Decision:
    """The event that tells what was decided, and what it changes besides the log."""

    event: Event
    change: Change | None = None


Outcome = Decision | Done | Refusal
"""Decided; or there is nothing to do, and why; or it may not be."""


# -- the three kinds of orders, by the facts that they need --


class AboutRoom(ABC):
    """An order that needs no more than the hearing."""

    @abstractmethod
    def decide(self, hearing: Hearing) -> Outcome:
        """Say what becomes of it."""


@dataclass(frozen=True, slots=True)
class AboutAccount(ABC):
    """An order against an account, or in its favour; the court has judged that the actor reaches it."""

    name: str

    @abstractmethod
    def decide(self, hearing: Hearing, target: Occupant) -> Outcome:
        """Say what becomes of it."""


@dataclass(frozen=True, slots=True)
class AboutLine(ABC):
    """An order about a line that stands: said in this room, and not removed."""

    message_id: str

    @abstractmethod
    def decide(self, hearing: Hearing, line: Line, author: Occupant | None) -> Outcome:
        """Say what becomes of it; `author` is None where the account's row is gone."""


Order = AboutRoom | AboutAccount | AboutLine


def out_of_reach(occupant: Occupant) -> Refusal:
    """The actor's rank is not above this one's."""
    return Refusal(Code.FORBIDDEN, f"{occupant.name} is out of your reach.", field="name")
