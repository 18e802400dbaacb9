"""A member's line in a room without restrictions, to be changed as a test needs it."""

from typing import Any

import msgspec

from chat.codes import Code
from chat.draft import Draft, Verdict
from chat.room import Refusal, RoomRules

OWNER, MODERATOR, VIP, FAN = 1, 2, 3, 4
NOW_MS = 1_000_000
RULES = RoomRules(room_id=5, owner_id=OWNER, version=7, moderators=frozenset({MODERATOR}), vips=frozenset({VIP}))


def draft(account_id: int | None = FAN, rules: RoomRules = RULES, **changes: Any) -> Draft:
    """What the account says in a room of these rules."""
    plain = Draft(
        rules,
        rules.role_of(account_id),
        account_id,
        name="anna",
        is_staff=False,
        nonce="n1",
        text="hello",
        now_ms=NOW_MS,
        tick=50.0,
    )
    return msgspec.structs.replace(plain, **changes)


def refused(verdict: Verdict) -> Refusal:
    """The refusal, which the test expects."""
    assert isinstance(verdict, Refusal), verdict
    assert verdict.message
    return verdict


def code_of(verdict: Verdict) -> Code:
    """Why it was refused."""
    return refused(verdict).code
