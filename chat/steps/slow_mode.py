"""Slow mode's fast refusal: while a member has to wait, Redis is not asked again.  Pure."""

from chat.codes import Code
from chat.draft import Draft
from chat.room import Refusal


def wait_for_slow_mode(draft: Draft) -> Draft | Refusal:
    """Refuse what the publish script, which has the last word, would refuse."""
    if draft.hold is None or draft.is_command:
        return draft
    left_ms = draft.held_ms(Code.SLOW_MODE)
    return too_soon(left_ms) if left_ms else draft


def too_soon(wait_ms: int) -> Refusal:
    """One message in so many seconds, and they are not over."""
    message = f"Slow mode: you may chat again in {-(-wait_ms // 1000)} s."
    return Refusal(Code.SLOW_MODE, message, is_temporary=True, retry_after_ms=wait_ms)
