"""What a terminal shows for each kind of frame."""

import pytest

from clients.terminal import event_text, frame_texts, modes_line, name_colour, restriction_line, system_line

BY = {"id": 1, "name": "mod", "role": "moderator"}


def message(**more: object) -> dict[str, object]:
    return {"t": "message", "id": "m", "at_ms": 0, "author": {"id": 2, "name": "ann", **more}, "text": "hi"}


def test_a_message_shows_name_and_text() -> None:
    """Time, name, text, in this order."""
    text = event_text(message())
    assert text is not None
    assert text.plain.endswith("ann: hi")


def test_roles_show_as_badges() -> None:
    """A moderator's name has a mark before it."""
    text = event_text(message(role="moderator"))
    assert text is not None
    assert "⚔ ann: hi" in text.plain


def test_me_has_no_colon() -> None:
    """/me reads as a sentence."""
    text = event_text({**message(), "me": True})
    assert text is not None
    assert text.plain.endswith("ann hi")


def test_an_announcement_is_set_off_by_a_word() -> None:
    """Also where there is no colour; one of a colour to come is shown as plain."""
    for colour in ("blue", "ultraviolet"):
        text = event_text({**message(), "t": "announcement", "colour": colour})
        assert text is not None
        assert text.plain.endswith("» announcement by ann: hi")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"t": "deleted", "by": BY}, "a message was deleted by mod"),
        (
            {"t": "user_cleared", "name": "ann", "by": BY, "seconds": 60, "reason": "spam"},
            "ann was timed out for 60 s by mod: spam",
        ),
        ({"t": "user_cleared", "name": "ann", "by": BY}, "ann was banned by mod"),
        ({"t": "user_restored", "name": "ann", "by": BY}, "ann may speak again (mod)"),
        ({"t": "room_cleared", "by": BY}, "the chat was cleared by mod"),
        ({"t": "modes", "by": BY, "slow_seconds": 5}, "mod changed the chat: slow mode 5 s"),
        ({"t": "role", "by": BY, "name": "ann", "role": "vip"}, "ann is now vip (mod)"),
        (
            {"t": "pinned", "by": BY, "message": {"author": {"name": "ann"}, "text": "hi"}},
            "pinned by mod: ann: hi",
        ),
        ({"t": "unpinned", "by": BY}, "mod took the pinned message down"),
        ({"t": "from_the_future", "by": BY}, None),
    ],
)
def test_system_events_read_as_sentences(event: dict[str, object], words: str | None) -> None:
    """Every event of the room's log has its words; an unknown one is passed over."""
    assert system_line(event) == words


def test_modes_in_words() -> None:
    """No mode at all is said too."""
    assert modes_line({}) == "everybody may speak"
    assert modes_line({"followers_only_seconds": 0}) == "followers only"
    assert modes_line({"followers_only_seconds": 60}) == "followers only for 60 s"


def test_joining_shows_the_backfill_and_ones_role() -> None:
    """The backfill's lines come first, then who one is; a recovered join says so."""
    joined = {"t": "joined", "events": [{"offset": 1, "event": message()}], "role": "vip"}
    assert [text.plain for text in frame_texts(joined)][-1] == "— you are here as vip —"
    assert len(frame_texts(joined)) == 2
    assert "nothing was missed" in frame_texts({"t": "joined", "recovered": True})[-1].plain


def test_restrictions_say_until_when() -> None:
    """A timeout names its end and reason."""
    line = restriction_line({"code": "timed_out", "until_ms": 1_000, "reason": "spam"})
    assert line.startswith("you are timed out until ")
    assert line.endswith(": spam")
    assert frame_texts({"t": "you", "restriction": {"code": "banned"}})[0].plain == "— you are banned —"


def test_losing_the_connection_is_told_and_other_frames_are_quiet() -> None:
    """A lost connection shows when the next try comes; a pong shows nothing."""
    assert "1.5 s" in frame_texts({"t": "disconnected", "retry_seconds": 1.5})[0].plain
    assert frame_texts({"t": "pong"}) == []


def test_colour_is_the_same_whatever_the_case() -> None:
    """A name keeps its colour."""
    assert name_colour("Ann") == name_colour("ann")
    assert name_colour("ann") != name_colour("bob")
