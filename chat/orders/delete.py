"""`/delete`.  Pure."""

from dataclasses import dataclass

from chat.entry import MESSAGE_ID, Entry
from chat.moderation import judge_removal
from chat.orders.order import AboutLine, Decision, Hearing, Occupant, Outcome, out_of_reach
from chat.wire import Deleted, Line


@dataclass(frozen=True, slots=True)
class Delete(AboutLine):
    """Remove one line."""

    def decide(self, hearing: Hearing, line: Line, author: Occupant | None) -> Outcome:
        """One's own, and those of lower ranks."""
        if author is not None and judge_removal(hearing.actor.person, author.person) is not None:
            return out_of_reach(author)
        return Decision(Deleted(hearing.at_ms, line.id, hearing.by))


ENTRIES = (Entry("delete", (MESSAGE_ID,), "Remove one message.", "moderator", lambda values: Delete(values.word)),)
