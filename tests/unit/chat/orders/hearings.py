"""A room's people, and hearings of theirs, for the tests of the orders."""

from datetime import UTC, datetime

from chat.board import Board
from chat.moderation import Person
from chat.orders.order import Hearing, Occupant
from chat.room import Sanction
from chat.wire import Author, Message, Modes, Role

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT_MS = 1_795_262_400_000
MONA = Author(2, "mona", "moderator")


def occupant(
    account_id: int, name: str, role: Role = "member", sanction: Sanction | None = None, *, is_staff: bool = False
) -> Occupant:
    """Somebody of the room."""
    return Occupant(account_id, name, Person(account_id, role, is_staff=is_staff), sanction)


def hearing(actor: Occupant | None = None, board: Board | None = None) -> Hearing:
    """An order of the moderator `mona`, or of another, in a room without modes, or another one."""
    return Hearing(actor or occupant(2, "mona", "moderator"), AT, board or Board(Modes()), "f00d")


def said(message_id: str = "m1", by: int = 4) -> Message:
    """A line of a member."""
    return Message(message_id, AT_MS - 1000, Author(by, f"u{by}"), "hello")
