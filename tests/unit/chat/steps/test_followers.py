"""chat.steps.followers: followers-only mode."""

import pytest

from chat.codes import Code
from chat.draft import Fact
from chat.room import RoomRules
from chat.steps.followers import only_followers
from tests.unit.chat.drafts import FAN, MODERATOR, NOW_MS, OWNER, VIP, draft, refused

RULES = RoomRules(
    room_id=5,
    owner_id=OWNER,
    moderators=frozenset({MODERATOR}),
    vips=frozenset({VIP}),
    followers_only_seconds=600,
)


def test_the_follow_is_asked_for() -> None:
    """The step cannot know since when; the session learns it and asks again."""
    assert only_followers(draft(FAN, RULES)) is Fact.FOLLOWED_SINCE


def test_who_does_not_follow_is_refused() -> None:
    """For as long as that is so."""
    refusal = refused(only_followers(draft(FAN, RULES, followed_since_ms=None)))
    assert (refusal.code, refusal.is_temporary) == (Code.FOLLOWERS_ONLY, False)


def test_a_young_follow_waits() -> None:
    """And is told how long; at that moment it is old enough."""
    young = draft(FAN, RULES, followed_since_ms=NOW_MS - 100_000)
    refusal = refused(only_followers(young))
    assert (refusal.code, refusal.is_temporary, refusal.retry_after_ms) == (Code.FOLLOWERS_ONLY, True, 500_000)
    grown = draft(FAN, RULES, followed_since_ms=NOW_MS - 600_000)
    assert only_followers(grown) is grown


@pytest.mark.parametrize("account", [OWNER, MODERATOR, VIP])
def test_higher_roles_pass(account: int) -> None:
    """Without being asked about."""
    line = draft(account, RULES)
    assert only_followers(line) is line


def test_staff_commands_and_other_rooms_pass() -> None:
    """The site's staff anywhere, a command, a room without the mode."""
    for line in (draft(FAN, RULES, is_staff=True), draft(FAN, RULES, text="/help"), draft()):
        assert only_followers(line) is line
