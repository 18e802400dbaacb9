"""What players may tell, and what is made of it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.analytics.rules import (
    BEACON_FRAMES_MAX,
    BEACON_MS_MAX,
    LATENCY_BOUNDS_MS,
    RUNGS,
    STARTUP_BOUNDS_MS,
    Beacon,
    Minute,
    Tally,
    analytics_of,
    quantile,
    rung_class,
    stall_ratio,
)

START: dict[str, Any] = {
    "session": "f2b6a0c4-8d0e", "broadcast": "p0123456789abcdef01", "kind": "live", "event": "start",
    "startup_ms": 900, "played_ms": 0, "stalls": 0, "stalled_ms": 0, "dropped_frames": 0, "frames": 3,
    "rung": "1080p60", "latency_ms": 1800,
}  # fmt: skip


def beacon(**changes: Any) -> Beacon:
    return msgspec.convert({**START, **changes}, Beacon)


@pytest.mark.parametrize(
    "changes",
    [
        {"session": ""},
        {"session": "x" * 65},
        {"session": "a:b"},
        {"session": "abc\n"},
        {"broadcast": "../etc"},
        {"kind": "radio"},
        {"event": "pause"},
        {"startup_ms": -1},
        {"startup_ms": 0.5},
        {"played_ms": 2**31 + 1},
        {"stalls": None},
        {"frames": "3"},
        {"rung": "x" * 17},
        {"latency_ms": True},
        {"more": 1},
    ],
)
def test_what_no_player_says_is_refused(changes: dict[str, Any]) -> None:
    """Names that could be read as something else, numbers out of all bounds, other words and other fields."""
    with pytest.raises(msgspec.ValidationError):
        beacon(**changes)


def test_a_beacon_counts_where_it_belongs() -> None:
    """Its startup and latency in their classes, its time under its rung."""
    tally = Tally()
    tally.add(beacon())
    tally.add(
        beacon(event="beat", startup_ms=None, played_ms=4000, stalls=1, stalled_ms=1000, frames=240, dropped_frames=7)
    )
    tally.add(beacon(event="end", startup_ms=None, played_ms=500, rung=None, latency_ms=None, frames=0))
    assert (tally.starts, tally.ends, tally.played_ms, tally.stalled_ms, tally.stalls) == (1, 1, 4500, 1000, 1)
    assert (tally.frames, tally.dropped_frames) == (243, 7)
    assert tally.startup[STARTUP_BOUNDS_MS.index(1000)] == sum(tally.startup) == 1
    assert tally.latency[LATENCY_BOUNDS_MS.index(2000)] == sum(tally.latency) == 2
    assert dict(zip(RUNGS, tally.rungs_ms, strict=True))["1080p"] == 4000
    assert dict(zip(RUNGS, tally.rungs_ms, strict=True))["other"] == 500


def test_a_lying_beacon_weighs_no_more_than_an_honest_one_could() -> None:
    """What cannot have happened since the last one is cut off; a clock that is wrong says nothing of the latency."""
    tally = Tally()
    huge = 2**31
    tally.add(
        beacon(
            played_ms=huge,
            stalled_ms=huge,
            stalls=huge,
            frames=huge,
            dropped_frames=huge,
            latency_ms=-1,
            startup_ms=huge,
        )
    )
    assert tally.played_ms == tally.stalled_ms == BEACON_MS_MAX
    assert tally.stalls == BEACON_MS_MAX // 1000
    assert tally.frames == tally.dropped_frames == BEACON_FRAMES_MAX
    assert sum(tally.latency) == 0
    assert tally.startup[-1] == 1


@given(st.lists(st.sampled_from(["start", "beat", "end"]), max_size=20), st.integers(0, 20))
def test_sums_of_parts_are_the_sum(events: list[str], cut: int) -> None:
    """However beacons are spread over processes and seconds, their minute is the same."""
    whole, one, other = Tally(), Tally(), Tally()
    for number, event in enumerate(events):
        told = beacon(event=event, played_ms=number * 100, stalled_ms=number, rung=f"{number * 100}p")
        whole.add(told)
        (one if number < cut else other).add(told)
    one.merge(other)
    assert one == whole


@pytest.mark.parametrize(
    ("name", "rung"),
    [
        ("audio", "audio"), ("1080p60", "1080p"), ("720p", "720p"), ("368p", "360p"), ("144p", "240p"),
        ("2160p", "2160p"), ("4320p", "other"), (None, "other"), ("", "other"), ("1080", "other"), ("99999p", "other"),
    ],
)  # fmt: skip
def test_rungs_are_a_closed_set(name: str | None, rung: str) -> None:
    """Whatever a player calls it."""
    assert rung_class(name) == rung


def test_quantiles_lie_within_their_class() -> None:
    """Interpolated between its ends; beyond the last bound as that bound; of nothing, none."""
    bounds = (100, 200, 400)
    assert quantile([0, 0, 0, 0], bounds, 0.5) is None
    assert quantile([0, 10, 0, 0], bounds, 0.5) == 150
    assert quantile([10, 0, 10, 0], bounds, 0.95) == 380
    assert quantile([1, 0, 0, 9], bounds, 0.5) == 400


def test_the_share_that_stood_still() -> None:
    """Of what was wanted; of nothing, none."""
    assert stall_ratio(0, 0) is None
    assert stall_ratio(3000, 1000) == 0.25


def test_a_broadcast_as_its_streamer_sees_it() -> None:
    """Totals of all, the last minutes one by one; rungs that nobody saw are left out."""
    first, second = Tally(), Tally()
    first.add(beacon(rung="720p", played_ms=1000))
    second.add(beacon(event="beat", startup_ms=None, played_ms=3000, stalled_ms=1000))
    minutes = [Minute(60_000, 12, 20, 2, first), Minute(120_000, 9, 27, 4, second), Minute(180_000, 0, 0, 0, Tally())]
    told = analytics_of("b", minutes, 2)
    assert told.at_ms == [120_000, 180_000]
    assert (told.viewers_max, told.viewers_avg) == ([9, 0], [6.8, 0.0])
    assert told.rungs_ms == {"1080p": [3000, 0]}
    assert told.startup_p50_ms == [None, None]
    assert (told.totals.viewers_max, told.totals.starts, told.totals.startup_p50_ms) == (12, 1, 875)
    assert told.totals.stall_ratio == 0.2
    assert told.totals.rungs_ms == {"720p": 1000, "1080p": 3000}
    assert analytics_of("b", [], 2).totals.viewers_max == 0
