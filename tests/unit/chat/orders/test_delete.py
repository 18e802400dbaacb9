"""chat.orders.delete: one's own lines and those of lower ranks."""

from chat.orders.clear import Clear
from chat.orders.delete import Delete
from chat.orders.order import Decision
from chat.room import Refusal
from chat.wire import Deleted, RoomCleared
from tests.unit.chat.orders.hearings import AT_MS, MONA, hearing, occupant, said


def test_a_line_is_deleted_by_its_betters_and_its_author() -> None:
    """Also where the author's account is gone."""
    gone = Decision(Deleted(AT_MS, "m1", MONA))
    for author in (occupant(4, "u4"), occupant(2, "mona", "moderator"), None):
        assert Delete("m1").decide(hearing(), said(), author) == gone


def test_an_equals_line_stays() -> None:
    """The owner's and another moderator's."""
    outcome = Delete("m1").decide(hearing(), said(), occupant(3, "max", "moderator"))
    assert isinstance(outcome, Refusal)
    assert outcome.code == "forbidden"


def test_a_room_is_cleared_without_more() -> None:
    """`/clear` needs no facts."""
    assert Clear().decide(hearing()) == Decision(RoomCleared(AT_MS, MONA))
