"""What people type, made fit to be shown.  Pure."""

import msgspec

from chat.draft import Draft
from chat.room import Refusal
from chat.text import normalise


def tidy_text(draft: Draft) -> Draft | Refusal:
    """The line as everybody will read it, commands too."""
    text = normalise(draft.text)
    if isinstance(text, Refusal):
        return text
    return draft if text == draft.text else msgspec.structs.replace(draft, text=text)
