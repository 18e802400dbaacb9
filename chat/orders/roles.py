"""`/mod`, `/unmod`, `/vip` and `/unvip`.  Pure."""

from dataclasses import dataclass

from chat.entry import NAME, Entry
from chat.orders.order import AboutAccount, Decision, GivenRole, Hearing, Occupant, Outcome, SetRole
from chat.room import Done
from chat.wire import RoleChanged


@dataclass(frozen=True, slots=True)
class Appoint(AboutAccount):
    """Give an account a role."""

    role: GivenRole

    def decide(self, hearing: Hearing, target: Occupant) -> Outcome:
        """It takes the place of the account's other role."""
        if target.person.role == self.role:
            return Done(f"{target.name} is {_called(self.role)} already.")
        return _change(hearing, target, self.role)


@dataclass(frozen=True, slots=True)
class Dismiss(AboutAccount):
    """Take the role from an account that has it."""

    role: GivenRole

    def decide(self, hearing: Hearing, target: Occupant) -> Outcome:
        """It may have none, or another."""
        if target.person.role != self.role:
            return Done(f"{target.name} is not {_called(self.role)}.")
        return _change(hearing, target, None)


def _change(hearing: Hearing, target: Occupant, role: GivenRole | None) -> Outcome:
    event = RoleChanged(hearing.at_ms, target.account_id, target.name, role or "member", hearing.by)
    return Decision(event, SetRole(target.account_id, role))


def _called(role: GivenRole) -> str:
    return "a moderator" if role == "moderator" else "a VIP"


ENTRIES = (
    Entry("mod", (NAME,), "Make somebody a moderator.", "owner", lambda values: Appoint(values.name, "moderator")),
    Entry("unmod", (NAME,), "Dismiss a moderator.", "owner", lambda values: Dismiss(values.name, "moderator")),
    Entry("vip", (NAME,), "Make somebody a VIP.", "owner", lambda values: Appoint(values.name, "vip")),
    Entry("unvip", (NAME,), "Take the VIP role back.", "owner", lambda values: Dismiss(values.name, "vip")),
)
