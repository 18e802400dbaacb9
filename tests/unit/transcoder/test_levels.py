import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.levels import FLOOR_DB, FRAMES_MAX, MAX_LINE_BYTES, LevelReader

REAL = (
    b"frame:0    pts:0       pts_time:0\n"
    b"lavfi.astats.Overall.RMS_level=-9.048423\n"
    b"frame:1    pts:1024    pts_time:0.0213333\n"
    b"lavfi.astats.Overall.RMS_level=-inf\n"
)


def lines(*levels: tuple[float, str]) -> bytes:
    return b"".join(
        f"frame:0 pts:0 pts_time:{at:g}\nlavfi.astats.Overall.RMS_level={level}\n".encode() for at, level in levels
    )


def read(data: bytes) -> LevelReader:
    reader = LevelReader()
    reader.feed(data)
    return reader


def test_ffmpegs_own_lines() -> None:
    """Powers are averaged: half of the span silent is 3 dB less."""
    reader = read(REAL)
    assert reader.level_db == pytest.approx(-9.048 - 3.01, abs=0.01)
    assert reader.silent_seconds == pytest.approx(0.0213, abs=0.001)


def test_nothing_is_known_before_the_first_frame() -> None:
    """Neither by a level without a time."""
    reader = read(b"lavfi.astats.Overall.RMS_level=-9\nframe:0 pts:NOPTS pts_time:NOPTS\nlavfi.x=-9\n")
    assert (reader.level_db, reader.silent_seconds) == (None, 0.0)


def test_silence_lasts_until_something_is_loud() -> None:
    """Digital silence is the floor; noise below the threshold is silence too."""
    reader = read(lines((0, "-20"), *((at, "-inf") for at in range(1, 11)), (11, "-75.5")))
    assert reader.silent_seconds == 11
    assert reader.level_db is not None
    assert reader.level_db < -70
    reader.feed(lines((12, "-20")))
    assert reader.silent_seconds == 0
    assert read(lines((5, "-inf"))).level_db == FLOOR_DB


def test_a_frame_without_a_verdict_is_passed_over() -> None:
    """FFmpeg says nan for an empty frame."""
    assert read(lines((0, "nan"), (1, "what"))).level_db is None
    assert read(lines((0, "inf"))).level_db is None
    assert read(lines((0, "99"))).level_db == pytest.approx(20)


def test_a_clock_that_goes_back_begins_anew() -> None:
    """Only the last seconds count, and none of them lies ahead."""
    reader = read(lines((100, "-10"), (1, "-40")))
    assert reader.level_db == pytest.approx(-40)
    assert reader.silent_seconds == 0


def test_memory_is_bounded() -> None:
    """By a line without an end, and by frames that come at one time."""
    reader = LevelReader()
    reader.feed(b"x" * (MAX_LINE_BYTES + 1))
    reader.feed(b"\n" + lines((0, "-10")))
    assert reader.level_db == pytest.approx(-10)
    reader.feed(lines(*((0, "-10") for _ in range(FRAMES_MAX + 10))))
    assert len(reader._recent) == FRAMES_MAX


@given(
    st.lists(
        st.sampled_from([*REAL.splitlines(keepends=True), b"frame:", b"=", b"nan\n", b"-inf", b"\xff\n", b"1e999\n"])
    )
)
def test_whatever_comes_makes_a_level_or_none(pieces: list[bytes]) -> None:
    """No line raises, and the level is a number in its range."""
    reader = LevelReader()
    for piece in pieces:
        reader.feed(piece)
        level = reader.level_db
        assert level is None or FLOOR_DB <= level <= 20.001
        assert math.isfinite(reader.silent_seconds)


@given(st.integers(1, 40))
def test_bytes_may_be_cut_anywhere(size: int) -> None:
    """As a pipe cuts them."""
    reader = LevelReader()
    for start in range(0, len(REAL), size):
        reader.feed(REAL[start : start + size])
    assert reader.level_db == read(REAL).level_db
