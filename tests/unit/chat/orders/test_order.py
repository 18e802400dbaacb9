"""chat.orders.order: what every order may know."""

from chat.orders.order import out_of_reach
from chat.wire import Author, Role
from tests.unit.chat.orders.hearings import AT_MS, hearing, occupant


def test_the_time_of_the_wire() -> None:
    """Unix milliseconds of the lock."""
    assert hearing().at_ms == AT_MS


def test_staff_act_as_moderators_and_owners_as_owners() -> None:
    """Whatever role staff have in the room; only the owner's is more."""
    acting: dict[tuple[Role, bool], Role] = {
        ("member", True): "moderator",
        ("vip", True): "moderator",
        ("owner", True): "owner",
        ("moderator", False): "moderator",
    }
    for (role, is_staff), shown in acting.items():
        assert hearing(occupant(5, "stan", role, is_staff=is_staff)).by == Author(5, "stan", shown)


def test_who_is_out_of_reach_is_named() -> None:
    """The field is the name's."""
    refusal = out_of_reach(occupant(1, "olga", "owner"))
    assert (refusal.code, refusal.field) == ("forbidden", "name")
    assert "olga" in refusal.message
