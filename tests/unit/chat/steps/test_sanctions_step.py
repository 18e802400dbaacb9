"""chat.steps.sanctions: timeouts and bans."""

from chat.codes import Code
from chat.room import Refusal, RoomRules, Sanction
from chat.steps.sanctions import silence
from tests.unit.chat.drafts import FAN, NOW_MS, OWNER, VIP, draft, refused

RULES = RoomRules(
    room_id=5, owner_id=OWNER, sanctions={FAN: Sanction("ban", reason="spam"), VIP: Sanction("timeout", NOW_MS + 1500)}
)


def test_the_silenced_are_told_why_and_until_when() -> None:
    """A ban for good, a timeout with its end, rounded up to the second."""
    banned = refused(silence(draft(FAN, RULES)))
    assert (banned.code, banned.is_temporary, banned.retry_after_ms) == (Code.BANNED, False, None)
    assert "spam" in banned.message
    assert silence(draft(VIP, RULES)) == Refusal(
        Code.TIMED_OUT, "You are timed out for another 2 s.", is_temporary=True, retry_after_ms=1500
    )


def test_everybody_else_speaks() -> None:
    """Others, who was timed out once the time is over, and every command (the commander judges those)."""
    for line in (
        draft(OWNER, RULES),
        draft(VIP, RULES, now_ms=NOW_MS + 1500),
        draft(FAN, RULES, text="/help"),
        draft(FAN),
    ):
        assert silence(line) is line


def test_me_is_no_way_around() -> None:
    """What a command made is a line like any other."""
    assert refused(silence(draft(FAN, RULES, is_ordered=True))).code is Code.BANNED
