"""chat.draft: what a draft says of itself."""

from chat.admission import admit
from chat.codes import Code
from chat.draft import Draft, Hold
from chat.room import RoomRules, Sanction
from tests.unit.chat.drafts import FAN, NOW_MS, OWNER, RULES, code_of, draft


def test_what_a_command_is() -> None:
    """A slash at the beginning, unless a command made the line."""
    assert draft(text="/help").is_command
    assert not draft(text="/help", is_ordered=True).is_command
    assert not draft(text="a /help").is_command


def test_a_hold_counts_by_the_monotonic_clock() -> None:
    """Rounded up to the millisecond, for its own reason and its own rules alone."""
    hold = Hold(Code.RATE_LIMITED, 50.0004, RULES.version)
    assert draft(tick=50.0, hold=hold).held_ms(Code.RATE_LIMITED) == 1
    assert draft(tick=50.0, hold=hold).held_ms(Code.SLOW_MODE) == 0
    assert draft(tick=50.1, hold=hold).held_ms(Code.RATE_LIMITED) == 0
    assert draft().held_ms(Code.RATE_LIMITED) == 0


def test_jumps_of_the_wall_clock() -> None:
    """No jump frees or holds a rate; a timeout ends at its time of day, whatever way the clock came there."""
    hold = Hold(Code.RATE_LIMITED, 60.0, RULES.version)
    for now_ms in (0, NOW_MS, 10**15):
        assert code_of(admit(draft(now_ms=now_ms, hold=hold))) is Code.RATE_LIMITED
        assert isinstance(admit(draft(now_ms=now_ms, tick=60.0, hold=hold)), Draft)
    rules = RoomRules(5, OWNER, sanctions={FAN: Sanction("timeout", NOW_MS)})
    assert code_of(admit(draft(FAN, rules, now_ms=0))) is Code.TIMED_OUT
    assert isinstance(admit(draft(FAN, rules, now_ms=10**15)), Draft)
