"""`/pin` and `/unpin`.  Pure.

The court keeps what is pinned as the board has it after each event, so what removes a line unpins it too.
"""

from dataclasses import dataclass

from chat.entry import MESSAGE_ID, Entry
from chat.orders.order import AboutLine, AboutRoom, Decision, Hearing, Occupant, Outcome
from chat.room import Done
from chat.wire import Line, Pinned, Quote, Unpinned


@dataclass(frozen=True, slots=True)
class Pin(AboutLine):
    """Let a line stand over the room, in place of any other."""

    def decide(self, hearing: Hearing, line: Line, author: Occupant | None) -> Outcome:  # noqa: ARG002  # whoever said it
        """Anybody's line, also the owner's: it takes nothing from them."""
        pinned = hearing.board.pinned
        if pinned is not None and pinned.message.id == line.id:
            return Done("This message is pinned already.")
        quote = Quote(line.id, line.at_ms, line.author, line.text)
        return Decision(Pinned(hearing.at_ms, hearing.by, quote))


@dataclass(frozen=True, slots=True)
class Unpin(AboutRoom):
    """Let nothing stand over the room."""

    def decide(self, hearing: Hearing) -> Outcome:
        """There may be nothing."""
        if hearing.board.pinned is None:
            return Done("Nothing is pinned.")
        return Decision(Unpinned(hearing.at_ms, hearing.by))


ENTRIES = (
    Entry("pin", (MESSAGE_ID,), "Let a message stand over the chat.", "moderator", lambda values: Pin(values.word)),
    Entry("unpin", (), "Take the pinned message down.", "moderator", lambda _: Unpin()),
)
