"""Followers-only mode.  Pure."""

import msgspec

from chat.codes import Code
from chat.draft import Draft, Fact
from chat.room import Refusal


def only_followers(draft: Draft) -> Draft | Refusal | Fact:
    """In this mode members must have followed for so long; VIPs, moderators, the owner and the site's staff pass."""
    needed_seconds = draft.rules.followers_only_seconds
    if needed_seconds is None or draft.role != "member" or draft.is_staff or draft.is_command:
        return draft
    since_ms = draft.followed_since_ms
    if isinstance(since_ms, msgspec.UnsetType):
        return Fact.FOLLOWED_SINCE
    if since_ms is None:
        return Refusal(Code.FOLLOWERS_ONLY, "Only followers may chat here now.")
    missing_ms = needed_seconds * 1000 - (draft.now_ms - since_ms)
    if missing_ms <= 0:
        return draft
    return Refusal(
        Code.FOLLOWERS_ONLY,
        f"Only accounts that have followed for {needed_seconds} s may chat here now.",
        is_temporary=True,
        retry_after_ms=missing_ms,
    )
