"""chat.orders.pin: one line stands over the room."""

from dataclasses import replace

from chat.board import Board
from chat.orders.order import Decision
from chat.orders.pin import Pin, Unpin
from chat.room import Done
from chat.wire import Announced, Modes, Pinned, Quote, Unpinned
from tests.unit.chat.orders.hearings import AT_MS, MONA, hearing, occupant, said

PINNED = Pinned(AT_MS, MONA, Quote("m1", AT_MS - 1000, said().author, "hello"))
WITH_PIN = Board(Modes(), PINNED)


def test_a_line_is_pinned_whole_whoever_said_it() -> None:
    """The owner's by a moderator, an announcement, and one of an account that is gone; it takes another's place."""
    owner = occupant(1, "olga", "owner")
    assert Pin("m1").decide(hearing(), said(), owner) == Decision(PINNED)
    announced = Announced("a1", AT_MS, MONA, "hear", "blue")
    for board in (Board(Modes()), WITH_PIN):
        assert Pin("a1").decide(hearing(board=board), announced, None) == Decision(
            Pinned(AT_MS, MONA, Quote("a1", AT_MS, MONA, "hear"))
        )


def test_what_is_pinned_already_is_only_said() -> None:
    """And so is that nothing is."""
    assert Pin("m1").decide(hearing(board=WITH_PIN), said(), None) == Done("This message is pinned already.")
    assert Unpin().decide(hearing()) == Done("Nothing is pinned.")


def test_the_pinned_line_is_taken_down() -> None:
    """By an event of its own."""
    assert Unpin().decide(replace(hearing(), board=WITH_PIN)) == Decision(Unpinned(AT_MS, MONA))
