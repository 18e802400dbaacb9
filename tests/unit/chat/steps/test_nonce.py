"""chat.steps.nonce: a line's own name."""

import pytest

from chat.codes import Code
from chat.steps.nonce import check_nonce
from tests.unit.chat.drafts import draft, refused


@pytest.mark.parametrize("nonce", ["a", "x" * 64, "A-z_0.9:"])
def test_names_that_are_taken(nonce: str) -> None:
    """1 to 64 of a few letters."""
    line = draft(nonce=nonce)
    assert check_nonce(line) is line


@pytest.mark.parametrize("nonce", ["", "x" * 65, "a b", "a\n", "é", "{p1}", "a*", "\x00"])
def test_names_that_are_refused(nonce: str) -> None:
    """Anything that could be more than a name in a Redis key."""
    refusal = refused(check_nonce(draft(nonce=nonce)))
    assert (refusal.code, refusal.field) == (Code.BAD_NONCE, "nonce")
