"""`/ban` and `/unban`.  Pure."""

from dataclasses import dataclass
from typing import Literal

from chat.entry import NAME, REASON, Entry
from chat.orders.order import AboutAccount, Decision, Hearing, LiftSanctions, Occupant, Outcome, SetSanction
from chat.room import Done
from chat.wire import UserCleared, UserRestored


@dataclass(frozen=True, slots=True)
class Ban(AboutAccount):
    """Silence an account for good and remove what it said."""

    reason: str

    def decide(self, hearing: Hearing, target: Occupant) -> Outcome:
        """It takes the place of a timeout, and of an earlier ban with another reason."""
        return Decision(
            UserCleared(hearing.at_ms, target.account_id, target.name, hearing.by, None, self.reason),
            SetSanction(target.account_id, None, self.reason),
        )


@dataclass(frozen=True, slots=True)
class Unban(AboutAccount):
    """End an account's ban."""

    def decide(self, hearing: Hearing, target: Occupant) -> Outcome:
        """There may be none."""
        return lift(hearing, target, "ban")


def lift(hearing: Hearing, target: Occupant, kind: Literal["timeout", "ban"]) -> Outcome:
    """End the sanction, if it is of this kind."""
    if target.sanction is None or target.sanction.kind != kind:
        return Done(f"{target.name} is not {'banned' if kind == 'ban' else 'timed out'}.")
    return Decision(
        UserRestored(hearing.at_ms, target.account_id, target.name, hearing.by), LiftSanctions(target.account_id)
    )


ENTRIES = (
    Entry(
        "ban",
        (NAME, REASON),
        "Silence somebody for good and remove their messages.",
        "moderator",
        lambda values: Ban(values.name, values.text),
    ),
    Entry("unban", (NAME,), "End a ban.", "moderator", lambda values: Unban(values.name)),
)
