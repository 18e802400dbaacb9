"""chat.durations: what people type is read, and what is written reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.durations import duration_text, parse_duration


@given(st.integers(min_value=0, max_value=9_999_999))
def test_a_duration_reads_back(seconds: int) -> None:
    """`duration_text` and `parse_duration` are each other's inverse."""
    assert parse_duration(duration_text(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("90s", 90), ("10M", 600), ("2h", 7200), ("1d", 86_400), ("1d2h3m4", 93_784), ("0", 0)],
)
def test_durations_in_every_unit(text: str, seconds: int) -> None:
    """A bare number is seconds; units go from days to seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "+1", "1.5h", "1w", "1m1h", "1 m", "1e3", "12345678"])
def test_what_is_no_duration(text: str) -> None:
    """Signs, fractions, unknown or disordered units and absurd lengths are refused."""
    assert parse_duration(text) is None
