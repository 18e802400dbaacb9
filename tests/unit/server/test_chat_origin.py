"""Whose pages may open the chat."""

import pytest

from server.chat_ws import is_same_origin

PUBLIC = "https://leams.test"


@pytest.mark.parametrize(
    ("origin", "host", "is_ours"),
    [
        (None, "leams.test", True),
        ("https://leams.test", "leams.test", True),
        ("https://leams.test", "127.0.0.1:8080", True),
        ("http://localhost:8080", "localhost:8080", True),
        ("http://leams.test", "127.0.0.1:8080", False),
        ("https://evil.test", "leams.test", False),
        ("null", "leams.test", False),
        ("null", None, False),
    ],
)
def test_a_page_is_ours_by_the_public_name_or_by_its_own(origin: str | None, host: str | None, is_ours: bool) -> None:  # noqa: FBT001  # a parameter's value
    """A program sends no Origin; a page is ours under the public address, or the one it was opened by."""
    assert is_same_origin(origin, PUBLIC, host) is is_ours
