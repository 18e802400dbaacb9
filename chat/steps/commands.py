"""Commands of one socket have a rate of their own: each may cost a transaction.  Pure."""

import msgspec

from chat.codes import Code
from chat.draft import Draft
from chat.ratelimit import COMMANDS, spend, wait_ms
from chat.room import Refusal


def slow_down_commands(draft: Draft) -> Draft | Refusal:
    """Take one from the socket's bucket of commands."""
    if not draft.is_command:
        return draft
    full_at = spend(COMMANDS, draft.commands_full_at, draft.tick)
    if full_at is None:
        return Refusal(
            Code.RATE_LIMITED,
            "Too many commands; wait a moment.",
            is_temporary=True,
            retry_after_ms=wait_ms(COMMANDS, draft.commands_full_at, draft.tick),
        )
    return msgspec.structs.replace(draft, commands_full_at=full_at)
