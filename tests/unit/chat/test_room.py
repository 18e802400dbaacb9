"""chat.room: roles, sanctions, modes, and who may speak."""

import pytest

from chat.codes import Code
from chat.room import Refusal, RoomRules, Sanction, judge
from chat.wire import Modes, Restriction, Role

OWNER, MODERATOR, VIP, FAN, LATE, BANNED, TIMED = range(1, 8)
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


def _judged(account: int | None, rules: RoomRules = RULES, followed: int | None = None, *, staff: bool = False) -> Code:
    refusal = judge(rules, account, followed, NOW, is_staff=staff)
    assert refusal is not None
    assert refusal.message
    return refusal.code


def test_guests_and_sanctioned_accounts_may_not_speak() -> None:
    """Each for its reason; a timeout says when it ends."""
    assert _judged(None) is Code.SIGN_IN
    assert _judged(BANNED) is Code.BANNED
    assert judge(RULES, TIMED, None, NOW) == Refusal(
        Code.TIMED_OUT, "You are timed out for another 2 s.", is_temporary=True, retry_after_ms=1500
    )
    assert judge(RULES, FAN, None, NOW) is None


def test_followers_only() -> None:
    """Only an account that followed long enough; owner, moderators, VIPs and the site's staff pass."""
    rules = RoomRules(room_id=5, owner_id=OWNER, vips=frozenset({VIP}), followers_only_seconds=600)
    assert _judged(FAN, rules) is Code.FOLLOWERS_ONLY
    young = judge(rules, LATE, NOW - 100_000, NOW)
    assert young is not None
    assert (young.is_temporary, young.retry_after_ms) == (True, 500_000)
    assert judge(rules, LATE, NOW - 600_000, NOW) is None
    assert judge(rules, VIP, None, NOW) is None
    assert judge(rules, FAN, None, NOW, is_staff=True) is None
