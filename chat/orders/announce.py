"""`/announce`, and in a colour `/announceblue` and so on, as Twitch has them.  Pure.

A colour of its own argument would take a word from the text: "/announce blue whales ahead".
"""

from dataclasses import dataclass
from typing import get_args

from chat.entry import TEXT, Entry
from chat.orders.order import AboutRoom, Decision, Hearing, Outcome
from chat.wire import Announced, Colour


@dataclass(frozen=True, slots=True)
class Announce(AboutRoom):
    """Say something that everybody in the room should see."""

    text: str
    colour: Colour

    def decide(self, hearing: Hearing) -> Outcome:
        """No mode keeps it back."""
        return Decision(Announced(hearing.fresh_id, hearing.at_ms, hearing.by, self.text, self.colour))


def _entry(colour: Colour) -> Entry:
    is_plain = colour == "primary"
    return Entry(
        "announce" if is_plain else f"announce{colour}",
        (TEXT,),
        "Say something set off from the messages."
        if is_plain
        else f"Say something set off from the messages, in {colour}.",
        "moderator",
        lambda values: Announce(values.text, colour),
    )


ENTRIES = tuple(_entry(colour) for colour in get_args(Colour))
