"""chat.orders.announce: a line of its own kind, in five colours."""

from typing import get_args

from chat.orders.announce import ENTRIES, Announce
from chat.orders.order import Decision
from chat.wire import Announced, Colour
from tests.unit.chat.orders.hearings import AT_MS, MONA, hearing


def test_an_announcement_is_a_line_with_an_id() -> None:
    """So it is shown, deleted and cleared like a message; no row changes."""
    assert Announce("hello", "blue").decide(hearing()) == Decision(Announced("f00d", AT_MS, MONA, "hello", "blue"))


def test_each_colour_is_a_command() -> None:
    """As Twitch's are called."""
    assert [entry.name for entry in ENTRIES] == [
        "announce",
        *(f"announce{colour}" for colour in get_args(Colour) if colour != "primary"),
    ]
