"""chat.orders.timeout: for a while, and never instead of a ban."""

from datetime import timedelta

from chat.orders.order import Decision, LiftSanctions, SetSanction
from chat.orders.timeout import Timeout, Untimeout
from chat.room import Done, Sanction
from chat.wire import UserCleared, UserRestored
from tests.unit.chat.orders.hearings import AT, AT_MS, MONA, hearing, occupant

BANNED = occupant(4, "bob", sanction=Sanction("ban"))
TIMED_OUT = occupant(4, "bob", sanction=Sanction("timeout", AT_MS + 1))


def test_a_timeout_ends_its_seconds_after_the_lock() -> None:
    """A later one takes the place of an earlier one."""
    for target in (occupant(4, "bob"), TIMED_OUT):
        assert Timeout("bob", 90, "rude").decide(hearing(), target) == Decision(
            UserCleared(AT_MS, 4, "bob", MONA, 90, "rude"), SetSanction(4, AT + timedelta(seconds=90), "rude")
        )


def test_a_ban_is_neither_shortened_nor_lifted() -> None:
    """Both say so and change nothing."""
    outcome = Timeout("bob", 90, "").decide(hearing(), BANNED)
    assert isinstance(outcome, Done)
    assert "/unban" in outcome.text
    assert Untimeout("bob").decide(hearing(), BANNED) == Done("bob is not timed out.")


def test_a_timeout_is_lifted() -> None:
    """With its event."""
    assert Untimeout("bob").decide(hearing(), TIMED_OUT) == Decision(
        UserRestored(AT_MS, 4, "bob", MONA), LiftSanctions(4)
    )
