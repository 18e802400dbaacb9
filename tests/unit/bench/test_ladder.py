"""The search for the highest rate."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.ladder import RESOLUTION, climb, median_ratio, search


def server_of(limit: float, tried: list[float] | None = None) -> Callable[[float], bool]:
    """A server that carries up to `limit`."""

    def passes(rate: float) -> bool:
        if tried is not None:
            tried.append(rate)
        return rate <= limit

    return passes


@given(st.floats(10, 5000), st.floats(50, 1000))
def test_a_search_ends_within_its_resolution_below_the_limit(limit: float, start: float) -> None:
    """Whether the start is too low or too high."""
    found = search(server_of(limit), start, 10_000)
    assert limit / RESOLUTION <= found * 1.0001
    assert found <= limit


def test_a_search_stops_at_the_most_that_is_asked_for() -> None:
    """A server without a limit of its own."""
    assert search(server_of(1e9), 200, 4800) == 4800
    assert search(server_of(1e9), 9000, 4800) == 4800


def test_a_search_takes_few_steps() -> None:
    """Each one costs seconds."""
    tried: list[float] = []
    search(server_of(270, tried), 200, 4800)
    assert len(tried) <= 6


def test_a_server_that_carries_nothing_is_zero() -> None:
    """Not an endless search for the rate at which it would."""
    assert search(server_of(0.5), 200, 4800) == 0
    assert climb(server_of(0.5), 200, 4800) == 0


def test_a_climb_confirms_or_corrects() -> None:
    """It may end above the earlier result, or below it where that was luck."""
    assert climb(server_of(300), 270, 4800) == pytest.approx(291.6)
    assert 200 / RESOLUTION <= climb(server_of(200), 270, 4800) <= 200
    assert climb(server_of(1e9), 4000, 4800) == 4800


def test_a_ratio_is_taken_within_each_round() -> None:
    """A machine that is twice as slow in one round is so for both."""
    assert median_ratio([1, 4, 3], [2, 8, 3]) == 0.5
