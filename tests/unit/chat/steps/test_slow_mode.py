"""chat.steps.slow_mode: the fast refusal of slow mode."""

from chat.codes import Code
from chat.draft import Hold
from chat.steps.slow_mode import wait_for_slow_mode
from tests.unit.chat.drafts import RULES, draft, refused

HOLD = Hold(Code.SLOW_MODE, 52.0, RULES.version)


def test_who_has_to_wait_is_told_how_long() -> None:
    """To the millisecond in the field, to the next second in the words."""
    refusal = refused(wait_for_slow_mode(draft(tick=50.5, hold=HOLD)))
    assert (refusal.code, refusal.is_temporary, refusal.retry_after_ms) == (Code.SLOW_MODE, True, 1500)
    assert "2 s" in refusal.message


def test_the_script_is_asked_where_a_hold_says_nothing() -> None:
    """No hold, one that is over, one of older rules, one for another reason; and commands are not held."""
    for line in (
        draft(),
        draft(tick=52.0, hold=HOLD),
        draft(hold=Hold(Code.SLOW_MODE, 52.0, RULES.version - 1)),
        draft(hold=Hold(Code.RATE_LIMITED, 52.0, RULES.version)),
        draft(text="/slowoff", hold=HOLD),
    ):
        assert wait_for_slow_mode(line) is line
