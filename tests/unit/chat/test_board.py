"""chat.board: what stands over the lines, as the log tells it."""

from chat.board import Board
from chat.wire import (
    Author,
    Deleted,
    Message,
    Modes,
    ModesChanged,
    Pinned,
    Quote,
    RoomCleared,
    Unpinned,
    UserCleared,
)

ANN = Author(7, "ann", "owner")


def test_the_board_is_what_was_told_last() -> None:
    """Events that tell nothing of it leave it as it is."""
    board = Board(Modes(5))
    assert board.after(Message("m1", 1, ANN, "hi")) is board
    told = board.after_all([ModesChanged(1, ANN, 30, 0), ModesChanged(2, ANN, 0, 600)])
    assert told == Board(Modes(0, 600))


def test_what_is_pinned_stands_until_it_is_unpinned_replaced_or_removed() -> None:
    """By its id, with its author's other lines, with all lines; other removals leave it."""
    bob = Author(8, "bob")
    pinned = Pinned(1, ANN, Quote("m1", 1, bob, "hi"))
    board = Board(Modes()).after(pinned)
    assert board == Board(Modes(), pinned)
    other = Pinned(2, ANN, Quote("m2", 2, ANN, "ho"))
    assert board.after(other).pinned == other
    for event in (Unpinned(2, ANN), Deleted(2, "m1", ANN), UserCleared(2, 8, "bob", ANN), RoomCleared(2, ANN)):
        assert board.after(event) == Board(Modes())
    for event in (Deleted(2, "m2", ANN), UserCleared(2, 9, "eve", ANN)):
        assert board.after(event) is board
