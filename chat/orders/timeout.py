"""`/timeout` and `/untimeout`.  Pure."""

from dataclasses import dataclass
from datetime import timedelta

from chat.entry import NAME, REASON, Entry, duration
from chat.orders.ban import lift
from chat.orders.order import AboutAccount, Decision, Hearing, Occupant, Outcome, SetSanction
from chat.room import Done
from chat.wire import UserCleared

DEFAULT_SECONDS = 10 * 60
MAX_SECONDS = 14 * 86_400


@dataclass(frozen=True, slots=True)
class Timeout(AboutAccount):
    """Silence an account for `seconds` and remove what it said."""

    seconds: int
    reason: str

    def decide(self, hearing: Hearing, target: Occupant) -> Outcome:
        """A ban is not shortened to a timeout."""
        if target.sanction is not None and target.sanction.kind == "ban":
            return Done(f"{target.name} is banned, which is more; /unban comes first.")
        until = hearing.at + timedelta(seconds=self.seconds)
        return Decision(
            UserCleared(hearing.at_ms, target.account_id, target.name, hearing.by, self.seconds, self.reason),
            SetSanction(target.account_id, until, self.reason),
        )


@dataclass(frozen=True, slots=True)
class Untimeout(AboutAccount):
    """End an account's timeout; a ban stays."""

    def decide(self, hearing: Hearing, target: Occupant) -> Outcome:
        """There may be none."""
        return lift(hearing, target, "timeout")


ENTRIES = (
    Entry(
        "timeout",
        (NAME, duration("DURATION", default=DEFAULT_SECONDS, least=1, most=MAX_SECONDS), REASON),
        "Silence somebody for a while and remove their messages.",
        "moderator",
        lambda values: Timeout(values.name, values.seconds, values.text),
    ),
    Entry("untimeout", (NAME,), "End a timeout.", "moderator", lambda values: Untimeout(values.name)),
)
