"""Guests read.  Pure."""

from chat.codes import Code
from chat.draft import Draft
from chat.room import Refusal


def require_account(draft: Draft) -> Draft | Refusal:
    """Only accounts speak."""
    return Refusal(Code.SIGN_IN, "Sign in to chat.") if draft.account_id is None else draft
