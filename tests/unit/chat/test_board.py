"""chat.board: what stands over the lines, as the log tells it."""

from chat.board import Board
from chat.wire import Author, Message, Modes, ModesChanged

ANN = Author(7, "ann", "owner")


def test_the_board_is_what_was_told_last() -> None:
    """Events that tell nothing of it leave it as it is."""
    board = Board(Modes(5))
    assert board.after(Message("m1", 1, ANN, "hi")) is board
    told = board.after_all([ModesChanged(1, ANN, 30, 0), ModesChanged(2, ANN, 0, 600)])
    assert told == Board(Modes(0, 600))
