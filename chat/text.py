"""What people type, made fit to be shown to others.  Pure."""

import re
import unicodedata

from chat.codes import Code
from chat.room import Refusal
from chat.wire import TEXT_MAX_CHARS

MARKS_MAX = 4
"""Combining marks on one letter; more only serve to paint over the lines around."""
RAW_MAX_CHARS = 4 * TEXT_MAX_CHARS
"""Before normalisation, which may shorten a text."""

_HALF = re.compile("[\ud800-\udfff]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001]"
)
"""Control and format characters (Unicode's Cc and Cf) but white space, and but three kinds that are needed.

Zero-width non-joiner and joiner (Persian spelling, composed emoji), and the tags of the flags of England, Scotland and
Wales.  The unit test compares this with `unicodedata`, character by character.
"""
_MARK_RUN = re.compile(r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]{5,}")


def normalise(text: str) -> str | Refusal:
    """NFC without control, bidi and invisible format characters, spaces collapsed; or why it can't be said."""
    if len(text) > RAW_MAX_CHARS:
        return _too_long()
    if not text.isprintable():  # most lines are, and hold nothing that would have to go
        if _HALF.search(text) is not None:
            return Refusal(Code.BAD_TEXT, "The text holds half a character.", field="text")
        text = _UNSEEN.sub("", text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        text = _MARK_RUN.sub(lambda run: run[0][:MARKS_MAX], text)
    clean = " ".join(text.split())
    if not clean or not (clean.isprintable() or any(char.isprintable() and char != " " for char in clean)):
        return Refusal(Code.EMPTY, "There is nothing to say.", field="text")
    return _too_long() if len(clean) > TEXT_MAX_CHARS else clean


def _too_long() -> Refusal:
    return Refusal(Code.TOO_LONG, f"A message is at most {TEXT_MAX_CHARS} characters.", field="text")
