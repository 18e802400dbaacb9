"""Timeouts and bans.  Pure."""

from chat.codes import Code
from chat.draft import Draft
from chat.room import Refusal
from chat.wire import Restriction


def silence(draft: Draft) -> Draft | Refusal:
    """Who is timed out or banned says nothing; what they may command is judged by the database's rows."""
    if not draft.rules.sanctions or draft.is_command:
        return draft
    restriction = draft.rules.restriction_of(draft.account_id, draft.now_ms)
    return draft if restriction is None else refusal_of(restriction, draft.now_ms)


def refusal_of(restriction: Restriction, now_ms: int) -> Refusal:
    """What the silenced are told."""
    reason = f" Reason: {restriction.reason}" if restriction.reason else ""
    if restriction.until_ms is None:
        return Refusal(Code.BANNED, f"You are banned from this chat.{reason}")
    left_ms = restriction.until_ms - now_ms
    return Refusal(
        Code.TIMED_OUT,
        f"You are timed out for another {-(-left_ms // 1000)} s.{reason}",
        is_temporary=True,
        retry_after_ms=left_ms,
    )
