"""The rate of one member's messages in one room: its fast refusal.  Pure."""

from chat.codes import Code
from chat.draft import Draft
from chat.room import Refusal


def wait_for_rate(draft: Draft) -> Draft | Refusal:
    """Refuse what the publish script, which has the last word, would refuse."""
    if draft.hold is None or draft.is_command:
        return draft
    left_ms = draft.held_ms(Code.RATE_LIMITED)
    return too_fast(left_ms) if left_ms else draft


def too_fast(wait_ms: int) -> Refusal:
    """The bucket is empty."""
    return Refusal(Code.RATE_LIMITED, "You chat too fast; wait a moment.", is_temporary=True, retry_after_ms=wait_ms)
