"""What a channel's texts may be, and what follows from its broadcast's state.  Pure."""

import unicodedata
from typing import Final

from server.refusal import AppError

TITLE_MAX_CHARS: Final = 140
CATEGORY_MAX_CHARS: Final = 50
DESCRIPTION_MAX_CHARS: Final = 2000

_JOINERS: Final = {"\u200c", "\u200d"}
"""Zero-width non-joiner and joiner: Persian spelling and composed emoji need them."""
_TAGS: Final = range(0xE0020, 0xE0080)
"""Tag characters: the flags of England, Scotland and Wales."""


def parse_line(text: str, *, field: str, most_chars: int) -> str:
    """One line of text in NFC, without spaces around it; may be empty.

    Raises:
        AppError: 400 `bad_text` for control, bidi or invisible characters and line breaks; `too_long`.
    """
    return _parse(text, field, most_chars, line_breaks=False)


def parse_paragraphs(text: str, *, field: str, most_chars: int) -> str:
    """Text in NFC that may have line breaks, each a single line feed.

    Raises:
        AppError: as `parse_line`.
    """
    return _parse(text.replace("\r\n", "\n"), field, most_chars, line_breaks=True)


def _parse(text: str, field: str, most_chars: int, *, line_breaks: bool) -> str:
    clean = unicodedata.normalize("NFC", text).strip()
    if len(clean) > most_chars:
        raise AppError("too_long", 400, f"At most {most_chars} characters.", field=field)
    for character in clean:
        if not _is_allowed(character, line_breaks=line_breaks):
            raise AppError("bad_text", 400, f"U+{ord(character):04X} has no place here.", field=field)
    return clean


def _is_allowed(character: str, *, line_breaks: bool) -> bool:
    match unicodedata.category(character):
        case "Cc":
            return line_breaks and character == "\n"
        case "Cf":
            return character in _JOINERS or ord(character) in _TAGS
        case category:
            return category not in {"Cs", "Zl", "Zp"}
