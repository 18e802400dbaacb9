"""chat.orders.ban: a ban takes any sanction's place; only a ban is unbanned."""

from chat.orders.ban import Ban, Unban
from chat.orders.order import Decision, LiftSanctions, SetSanction
from chat.room import Done, Sanction
from chat.wire import UserCleared, UserRestored
from tests.unit.chat.orders.hearings import AT_MS, MONA, hearing, occupant

BOB = occupant(4, "bob")
BANNED = occupant(4, "bob", sanction=Sanction("ban"))
TIMED_OUT = occupant(4, "bob", sanction=Sanction("timeout", AT_MS + 1))


def test_a_ban_is_for_good_whatever_was_before() -> None:
    """Its event clears without seconds, its row has no end."""
    for target in (BOB, BANNED, TIMED_OUT):
        assert Ban("bob", "spam").decide(hearing(), target) == Decision(
            UserCleared(AT_MS, 4, "bob", MONA, None, "spam"), SetSanction(4, None, "spam")
        )


def test_only_a_ban_is_unbanned() -> None:
    """Who is not banned, or only timed out, stays as they are."""
    assert Unban("bob").decide(hearing(), BANNED) == Decision(UserRestored(AT_MS, 4, "bob", MONA), LiftSanctions(4))
    for target in (BOB, TIMED_OUT):
        assert Unban("bob").decide(hearing(), target) == Done("bob is not banned.")
