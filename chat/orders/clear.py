"""`/clear`.  Pure."""

from dataclasses import dataclass

from chat.entry import Entry
from chat.orders.order import AboutRoom, Decision, Hearing, Outcome
from chat.wire import RoomCleared


@dataclass(frozen=True, slots=True)
class Clear(AboutRoom):
    """Remove every line so far."""

    def decide(self, hearing: Hearing) -> Outcome:
        """Nothing stands against it."""
        return Decision(RoomCleared(hearing.at_ms, hearing.by))


ENTRIES = (Entry("clear", (), "Remove every message so far.", "moderator", lambda _: Clear()),)
