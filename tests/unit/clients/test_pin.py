"""clients.pin: what is pinned, by the frames of a room."""

from typing import Any

import pytest

from clients.pin import pinned_after

PINNED: dict[str, Any] = {"t": "pinned", "message": {"id": "m1", "author": {"id": 4, "name": "bob"}, "text": "hi"}}


def event(**fields: object) -> dict[str, Any]:
    return {"t": "event", "event": fields}


def test_joined_and_pinned_say_what_stands() -> None:
    """Whatever stood there before."""
    assert pinned_after(None, {"t": "joined", "pinned": PINNED}) == PINNED
    assert pinned_after(PINNED, {"t": "joined"}) is None
    assert pinned_after(None, {"t": "event", "event": PINNED}) == PINNED


@pytest.mark.parametrize(
    "frame",
    [
        event(t="unpinned"),
        event(t="deleted", message_id="m1"),
        event(t="user_cleared", account_id=4),
        event(t="room_cleared"),
    ],
)
def test_it_stands_until_it_is_taken_down_or_removed(frame: dict[str, Any]) -> None:
    """By any event that removes its line."""
    assert pinned_after(PINNED, frame) is None
    assert pinned_after(None, frame) is None


@pytest.mark.parametrize(
    "frame",
    [
        {"t": "info"},
        event(t="message"),
        event(t="deleted", message_id="m2"),
        event(t="user_cleared", account_id=5),
        event(t="of tomorrow"),
    ],
)
def test_nothing_else_takes_it_down(frame: dict[str, Any]) -> None:
    """Neither what removes other lines nor what we don't know."""
    assert pinned_after(PINNED, frame) == PINNED
