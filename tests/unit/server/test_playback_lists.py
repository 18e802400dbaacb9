from dataclasses import replace

import pytest

from media.playlist_reader import parse_media
from media.spine_text import Listing
from media.window import Live
from server.playback.lists import HOLD_SECONDS, Lists, is_behind
from tests.services.lives import GENERATION, live_of

LIVE = Listing()
KNOWN = live_of(20, 2)


def lists_of(live: Live | None) -> Lists:
    lists = Lists("b1")
    lists.take(live, 0.0)
    return lists


@pytest.mark.parametrize(
    ("fresh", "behind"),
    [
        (None, True),
        (live_of(19, 5), True),
        (replace(KNOWN, is_ended=True), False),
        (replace(KNOWN, generation=GENERATION - 1), True),
        (replace(KNOWN, generation=GENERATION + 1), False),
        (live_of(20, 3), False),
        (live_of(19, 2, first=2), False),
    ],
)
def test_what_would_go_back_is_behind(fresh: Live | None, behind: bool) -> None:  # noqa: FBT001  # a table's column
    """Fewer segments, an older writer, nothing at all: numbers would go back."""
    assert is_behind(fresh, KNOWN) == behind


def test_a_window_that_slid_is_ahead_of_one_that_did_not() -> None:
    """A first segment that is back again, and an end undone, are behind too."""
    slid = live_of(18, 2, first=2)
    assert is_behind(KNOWN, slid)
    assert not is_behind(slid, KNOWN)
    assert is_behind(KNOWN, replace(KNOWN, is_ended=True))


def test_what_is_behind_is_passed_over_for_a_while() -> None:
    """The worker has time to restore what Redis lost; then what stands is believed."""
    lists = lists_of(KNOWN)
    assert not lists.take(None, 1.0)
    assert not lists.take(live_of(3), HOLD_SECONDS)
    assert lists.live is KNOWN
    assert lists.take(live_of(3), HOLD_SECONDS + 1)
    assert lists.live == live_of(3)


def test_news_end_the_waiting() -> None:
    """Whoever was behind and is restored has the whole time again."""
    lists = lists_of(KNOWN)
    assert not lists.take(None, 0.0)
    assert lists.take(live_of(20, 3), 20.0)
    assert not lists.take(None, HOLD_SECONDS + 1)


def test_a_list_is_rendered_when_it_changed() -> None:
    """The same text until the rendition has a new part, or something is new for all."""
    lists = lists_of(KNOWN)
    first = lists.media("v1", LIVE, may_skip=False)
    assert lists.media("v1", LIVE, may_skip=False) is first
    lists.take(replace(live_of(20, 2), generation=GENERATION + 5), 1.0)
    assert lists.media("v1", LIVE, may_skip=False) is first
    tails = {**(live_of(20, 3).tails or {}), "v1": (KNOWN.tails or {})["v1"]}
    lists.take(replace(KNOWN, tails=tails, generation=GENERATION + 5), 1.0)
    assert lists.media("v1", LIVE, may_skip=False) is first
    assert lists.take(replace(live_of(21), generation=GENERATION + 5), 2.0)
    second = lists.media("v1", LIVE, may_skip=False)
    assert second is not None
    assert len(parse_media(second.plain.decode()).entries) == 15


def test_nothing_is_said_of_what_is_not_known() -> None:
    """No broadcast, no rendition, no part."""
    lists = lists_of(None)
    assert lists.window("v1") is None
    assert lists.media("v1", LIVE, may_skip=False) is None
    assert lists.multivariant(is_rewind=False) is None
    assert lists.part("v1", GENERATION, 0) == "unknown"
    assert lists_of(KNOWN).media("v9", LIVE, may_skip=False) is None


@pytest.mark.parametrize(
    ("live", "number", "expected"),
    [
        (KNOWN, 121, "there"),
        (KNOWN, 122, "hinted"),
        (KNOWN, 123, "unknown"),
        (KNOWN, 0, "unknown"),
        (replace(KNOWN, is_ended=True), 122, "unknown"),
        (live_of(20, 2, part_target_us=0), 122, "unknown"),
    ],
)
def test_what_became_of_a_part(live: Live, number: int, expected: str) -> None:
    """There, to be waited for, or none."""
    assert lists_of(live).part("v1", GENERATION, number) == expected


def test_a_rendition_without_segments_is_judged_by_its_numbers() -> None:
    """An empty tail: the list stands where the others do."""
    lists = lists_of(live_of(4, tail_segments=0))
    window = lists.window("v1")
    assert window is not None
    assert window.last_whole == 3
