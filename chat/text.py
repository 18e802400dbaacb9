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

_KEPT_FORMAT = {"\u200c", "\u200d"}
"""Zero-width non-joiner and joiner: Persian spelling and composed emoji need them."""
_TAGS = range(0xE0020, 0xE0080)
"""Tag characters: the flags of England, Scotland and Wales."""
_MARK_RUN = re.compile(r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]{5,}")
_SPACES = re.compile(r"\s+")


def normalise(text: str) -> str | Refusal:
    """NFC without control, bidi and invisible format characters, spaces collapsed; or why it can't be said."""
    if len(text) > RAW_MAX_CHARS:
        return _too_long()
    if any("\ud800" <= char <= "\udfff" for char in text):
        return Refusal(Code.BAD_TEXT, "The text holds half a character.", field="text")
    clean = unicodedata.normalize("NFC", "".join(_kept(char) for char in text))
    clean = _MARK_RUN.sub(lambda run: run[0][:MARKS_MAX], clean)
    clean = _SPACES.sub(" ", clean).strip()
    if not any(char.isprintable() and not char.isspace() for char in clean):
        return Refusal(Code.EMPTY, "There is nothing to say.", field="text")
    return _too_long() if len(clean) > TEXT_MAX_CHARS else clean


def _kept(char: str) -> str:
    if char.isspace():
        return " "
    category = unicodedata.category(char)
    if category == "Cc":
        return ""
    if category == "Cf" and char not in _KEPT_FORMAT and ord(char) not in _TAGS:
        return ""
    return char


def _too_long() -> Refusal:
    return Refusal(Code.TOO_LONG, f"A message is at most {TEXT_MAX_CHARS} characters.", field="text")
