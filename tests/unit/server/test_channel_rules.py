"""A channel's texts."""

import pytest

from server.channels.rules import parse_line, parse_paragraphs
from server.refusal import AppError


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("", ""),
        ("  a  b ", "a  b"),
        ("e\u0308", "ë"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("🏴\U000e0067\U000e007f", "🏴\U000e0067\U000e007f"),
    ],
)
def test_lines(text: str, clean: str) -> None:
    """Composed, trimmed, and nothing else is changed."""
    assert parse_line(text, field="title", most_chars=10) == clean


@pytest.mark.parametrize(
    "text", ["a\nb", "a\tb", "a\u0000", "a\u202eb", "a\u2066b", "a\u200bb", "a\u2028b", "a\u2029b", "\ud800"]
)
def test_characters_without_a_place_in_a_line(text: str) -> None:
    """Control, bidi, invisible, line breaks of every kind, half a character."""
    with pytest.raises(AppError) as caught:
        parse_line(text, field="title", most_chars=10)
    assert (caught.value.code, caught.value.field) == ("bad_text", "title")


def test_the_length_is_that_of_what_is_kept() -> None:
    """Spaces around don't count; one character too many does."""
    assert len(parse_line(f"  {'x' * 10}  ", field="title", most_chars=10)) == 10
    with pytest.raises(AppError) as caught:
        parse_line("x" * 11, field="title", most_chars=10)
    assert caught.value.code == "too_long"


def test_paragraphs() -> None:
    """Line breaks of both kinds become one; other control characters stay out."""
    assert parse_paragraphs("one\r\n\ntwo\n", field="description", most_chars=20) == "one\n\ntwo"
    with pytest.raises(AppError):
        parse_paragraphs("one\rtwo", field="description", most_chars=20)
