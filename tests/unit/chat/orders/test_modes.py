"""chat.orders.modes: one mode changes, the other stays."""

from chat.board import Board
from chat.orders.modes import Followers, Slow
from chat.orders.order import Decision, SetModes
from chat.room import Done
from chat.wire import Modes, ModesChanged
from tests.unit.chat.orders.hearings import AT_MS, MONA, hearing


def test_one_mode_at_a_time() -> None:
    """The event and the rows say both."""
    board = Board(Modes(5, 600))
    assert Slow(0).decide(hearing(board=board)) == Decision(ModesChanged(AT_MS, MONA, 0, 600), SetModes(Modes(0, 600)))
    assert Followers(None).decide(hearing(board=board)) == Decision(
        ModesChanged(AT_MS, MONA, 5, None), SetModes(Modes(5, None))
    )


def test_a_mode_that_is_set_already_changes_nothing() -> None:
    """And says so."""
    for order in (Slow(0), Followers(None)):
        assert order.decide(hearing()) == Done("The room is in this mode already.")
