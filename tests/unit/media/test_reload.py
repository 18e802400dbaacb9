from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.reload import (
    DELIVER,
    DELIVER_NEWEST,
    PARK,
    PLAIN,
    Deliver,
    Directives,
    Park,
    Refused,
    advance_limit,
    judge,
    parse_directives,
)
from media.window import MediaWindow, window
from tests.services.lives import PARTS, live_of

TOO_FAR = Refused("too_far")
LIMIT = 9
"""Parts of 0.33 s in three seconds."""


def window_of(segments: int, open_parts: int = 0, *, part_target_us: int = 334_667) -> MediaWindow:
    found = window(live_of(segments, open_parts, part_target_us=part_target_us), "v1")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", PLAIN),
        (b"n=1&m=2", PLAIN),
        (b"_HLS_msn=7", Directives(7)),
        (b"_HLS_msn=7&_HLS_part=3", Directives(7, 3)),
        (b"_HLS_part=3&token=x&_HLS_msn=7&_HLS_skip=v2", Directives(7, 3, may_skip=True)),
        (b"_HLS_skip=YES", Directives(may_skip=True)),
        (b"_HLS_msn=0000000007", Directives(7)),
        (b"_HLS_push=1", PLAIN),
        (b"%5FHLS_msn=x", PLAIN),
        (b"_HLS_part=3", Refused("part_without_msn")),
        (b"_HLS_part=3&_HLS_skip=YES", Refused("part_without_msn")),
        (b"_HLS_msn=7&_HLS_msn=7", Refused("repeated")),
        (b"_HLS_skip=YES&_HLS_skip=v2", Refused("repeated")),
        *[
            (b"_HLS_msn=" + value, Refused("malformed"))
            for value in (
                b"-1",
                b"",
                b"+7",
                b"7.0",
                b"0x7",
                b"1e3",
                b"seven",
                b"12345678901",
                b"%37",
                b"7 ",
                b"\xd9\xa7",
            )
        ],
        (b"_HLS_msn=7&_HLS_part=-1", Refused("malformed")),
        (b"_HLS_msn", Refused("malformed")),
        (b"_HLS_skip=NO", Refused("malformed")),
        (b"_HLS_skip=yes", Refused("malformed")),
    ],
)
def test_directives_are_read_or_refused(query: bytes, expected: Directives | Refused) -> None:
    """Digits alone are numbers, each directive comes once, a part needs its segment; what isn't ours is passed over."""
    assert parse_directives(query) == expected


@given(st.binary(max_size=80) | st.binary(max_size=40).map(lambda rest: b"_HLS_msn=" + rest))
def test_no_query_breaks_the_reader(query: bytes) -> None:
    """Whatever is asked, it is read or refused."""
    assert isinstance(parse_directives(query), Directives | Refused)


@pytest.mark.parametrize(
    ("msn", "part", "expected"),
    [
        (None, None, DELIVER),
        (0, None, DELIVER),  # long gone or old: the list as it stands
        (8, None, DELIVER),
        (9, None, DELIVER),  # the last whole one, and the list goes on behind it
        (10, None, PARK),  # open: all of it
        (11, None, PARK),
        (12, None, TOO_FAR),  # the last whole one is 9
        (9_999_999_999, None, TOO_FAR),
        (3, 5, DELIVER),
        (3, 10_000, DELIVER),
        (9, 5, DELIVER),
        (9, 6, DELIVER),  # behind the last of 9 is the first of 10, which is there
        (10, 0, DELIVER),
        (10, 1, DELIVER_NEWEST),
        (10, 2, PARK),
        (10, 1 + LIMIT, PARK),
        (10, 2 + LIMIT, TOO_FAR),
        (11, 0, PARK),
        (11, LIMIT - 1, PARK),
        (11, LIMIT, TOO_FAR),
        (12, 0, TOO_FAR),
    ],
)
def test_what_becomes_of_a_request(msn: int | None, part: int | None, expected: Deliver | Park | Refused) -> None:
    """Ten whole segments (0 to 9) of six parts, two parts of the next."""
    assert judge(Directives(msn, part), window_of(10, 2)) == expected


@pytest.mark.parametrize(
    ("msn", "part", "expected"),
    [
        (9, None, DELIVER_NEWEST),
        (9, 5, DELIVER_NEWEST),
        (9, 4, DELIVER),
        (9, 6, PARK),  # the first part of 10
        (9, 10_000, PARK),
        (10, 0, PARK),
        (10, LIMIT, TOO_FAR),
    ],
)
def test_between_two_segments(msn: int, part: int | None, expected: Deliver | Park | Refused) -> None:
    """Ten whole segments, and the next one has not begun."""
    assert judge(Directives(msn, part), window_of(10)) == expected


def test_a_part_behind_the_last_of_its_segment_moves_on() -> None:
    """Part 8 of segment 10 waits; when 10 ends with six parts it is the first of 11."""
    asked = Directives(10, 8)
    assert judge(asked, window_of(10, 3)) == PARK
    assert judge(asked, window_of(11)) == PARK
    assert judge(asked, window_of(11, 1)) == DELIVER_NEWEST
    assert judge(asked, window_of(11, 2)) == DELIVER
    assert judge(Directives(10, 6), window_of(11, 1)) == DELIVER_NEWEST


def test_a_segment_that_shows_no_parts_has_all() -> None:
    """A gap, or a list of whole segments, is there with all of its parts."""
    bare = replace(window_of(10), segments=window(live_of(10, tail_segments=0), "v1").segments)  # type: ignore[union-attr]
    assert judge(Directives(9, 3), bare) == DELIVER_NEWEST
    assert judge(Directives(9, 3), replace(bare, segments=(), media_sequence=10)) == DELIVER_NEWEST


def test_the_first_list_can_be_waited_for() -> None:
    """Before anything is there: the first two segments, no more."""
    empty = MediaWindow(2, 334_667)
    assert judge(Directives(0), empty) == PARK
    assert judge(Directives(0, 0), empty) == PARK
    assert judge(Directives(1), empty) == PARK
    assert judge(Directives(2), empty) == TOO_FAR


@pytest.mark.parametrize("asked", [PLAIN, Directives(99), Directives(9, 99), Directives(3, 1, may_skip=True)])
def test_after_the_end_nothing_waits(asked: Directives) -> None:
    """An ended list is delivered, whatever was asked."""
    assert judge(asked, replace(window_of(10, 2), is_ended=True)) == DELIVER


@pytest.mark.parametrize(
    ("part_target_us", "limit"), [(334_667, 9), (500_000, 6), (999_999, 4), (1_000_000, 3), (2_000_000, 3), (0, 3)]
)
def test_the_advance_part_limit(part_target_us: int, limit: int) -> None:
    """Three seconds of parts shorter than a second, else three."""
    assert advance_limit(part_target_us) == limit


@given(
    segments=st.integers(0, 20),
    open_parts=st.integers(0, PARTS - 1),
    msn=st.integers(0, 25),
    part=st.none() | st.integers(0, 20),
)
def test_what_was_delivered_once_is_delivered_ever_after(
    segments: int, open_parts: int, msn: int, part: int | None
) -> None:
    """A list that grows never takes an answer back, and a request that may wait is answered after two segments more."""
    asked = Directives(msn, part)
    now, later = judge(asked, window_of(segments, open_parts)), judge(asked, window_of(segments + 1, open_parts))
    if isinstance(now, Deliver):
        assert isinstance(later, Deliver)
    if now == PARK:
        assert not isinstance(later, Refused)
        assert isinstance(judge(asked, window_of(segments + 3, 1)), Deliver)
