"""chat.room: roles, sanctions, modes."""

import pytest

from chat.room import RoomRules, Sanction
from chat.wire import Modes, Restriction, Role

OWNER, MODERATOR, VIP, FAN, BANNED, TIMED = range(1, 7)
NOW = 1_000_000
RULES = RoomRules(
    room_id=5,
    owner_id=OWNER,
    moderators=frozenset({MODERATOR}),
    vips=frozenset({VIP}),
    sanctions={BANNED: Sanction("ban", reason="spam"), TIMED: Sanction("timeout", NOW + 1500)},
    slow_seconds=30,
)


@pytest.mark.parametrize(
    ("account", "role", "slow"),
    [(OWNER, "owner", 0), (MODERATOR, "moderator", 0), (VIP, "vip", 0), (FAN, "member", 30), (None, "guest", 30)],
)
def test_roles_and_who_waits_in_slow_mode(account: int | None, role: Role, slow: int) -> None:
    """The highest role counts; slow mode is for members and guests."""
    assert RULES.role_of(account) == role
    assert RULES.slow_seconds_for(role) == slow


def test_modes_are_told_as_they_are() -> None:
    """The wire's modes mirror the rules."""
    assert RULES.board.modes == Modes(30, None)


def test_restrictions_end_by_themselves() -> None:
    """A timeout restricts until its end, a ban always, a guest never."""
    assert RULES.restriction_of(TIMED, NOW) == Restriction("timed_out", NOW + 1500)
    assert RULES.restriction_of(TIMED, NOW + 1500) is None
    assert RULES.restriction_of(BANNED, NOW) == Restriction("banned", None, "spam")
    assert RULES.restriction_of(FAN, NOW) is None
    assert RULES.restriction_of(None, NOW) is None
