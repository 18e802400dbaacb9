"""chat.steps.rate: the fast refusal of a member's rate."""

from chat.codes import Code
from chat.draft import Hold
from chat.steps.rate import wait_for_rate
from tests.unit.chat.drafts import RULES, draft, refused

HOLD = Hold(Code.RATE_LIMITED, 50.75, RULES.version)


def test_who_is_too_fast_waits() -> None:
    """For as long as the script said."""
    refusal = refused(wait_for_rate(draft(hold=HOLD)))
    assert (refusal.code, refusal.is_temporary, refusal.retry_after_ms) == (Code.RATE_LIMITED, True, 750)


def test_the_script_is_asked_where_a_hold_says_nothing() -> None:
    """No hold, one that is over, one of older rules, one for another reason; and commands have their own rate."""
    for line in (
        draft(),
        draft(tick=50.75, hold=HOLD),
        draft(hold=Hold(Code.RATE_LIMITED, 52.0, RULES.version - 1)),
        draft(hold=Hold(Code.SLOW_MODE, 52.0, RULES.version)),
        draft(text="/help", hold=HOLD),
    ):
        assert wait_for_rate(line) is line
