"""A line's own name, by which a repeat is known.  Pure."""

import re

from chat.codes import Code
from chat.draft import Draft
from chat.room import Refusal
from chat.wire import NONCE_MAX_CHARS

_NONCE = re.compile(rf"[A-Za-z0-9_.:-]{{1,{NONCE_MAX_CHARS}}}")


def check_nonce(draft: Draft) -> Draft | Refusal:
    """It becomes part of a Redis key, so its letters are few."""
    if _NONCE.fullmatch(draft.nonce) is None:
        return Refusal(Code.BAD_NONCE, f"A nonce is 1 to {NONCE_MAX_CHARS} letters, digits or _.:-", field="nonce")
    return draft
