"""chat.orders.roles: one role at a time."""

import pytest

from chat.orders.order import Decision, GivenRole, SetRole
from chat.orders.roles import Appoint, Dismiss
from chat.room import Done
from chat.wire import RoleChanged
from tests.unit.chat.orders.hearings import AT_MS, MONA, hearing, occupant


@pytest.mark.parametrize(("role", "called"), [("moderator", "a moderator"), ("vip", "a VIP")])
def test_roles_are_given_and_taken(role: GivenRole, called: str) -> None:
    """What is so already is only said."""
    member, bearer = occupant(4, "bob"), occupant(4, "bob", role)
    assert Appoint("bob", role).decide(hearing(), member) == Decision(
        RoleChanged(AT_MS, 4, "bob", role, MONA), SetRole(4, role)
    )
    assert Appoint("bob", role).decide(hearing(), bearer) == Done(f"bob is {called} already.")
    assert Dismiss("bob", role).decide(hearing(), bearer) == Decision(
        RoleChanged(AT_MS, 4, "bob", "member", MONA), SetRole(4, None)
    )
    assert Dismiss("bob", role).decide(hearing(), member) == Done(f"bob is not {called}.")
