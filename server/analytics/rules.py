"""What a player may tell, and what is kept of it: sums and histograms of one broadcast's minute.  Pure."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

BODY_MAX_BYTES: Final = 4096
MINUTE_MS: Final = 60_000
BEACON_MS_MAX: Final = 120_000
"""What one beacon can tell of: its 5 s, or the minute to which browsers slow the timers of hidden pages, twice."""
BEACON_FRAMES_MAX: Final = 120 * BEACON_MS_MAX // 1000

STARTUP_BOUNDS_MS: Final = (250, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 10_000, 20_000)
LATENCY_BOUNDS_MS: Final = (1000, 1500, 2000, 2500, 3000, 4000, 5000, 6000, 8000, 12_000, 30_000)
"""Upper ends of the classes; one more is without end.  Stored histograms have this shape: append, never change."""

RUNGS: Final = ("audio", "240p", "360p", "480p", "720p", "1080p", "1440p", "2160p", "other")
_HEIGHTS: Final = (240, 360, 480, 720, 1080, 1440, 2160)
_RUNG = re.compile(r"([0-9]{2,4})p[0-9]{0,3}")
_ROUNDED: Final = 1.1
"""A picture of 368 lines is one of 360."""

_Name = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z_-]{1,64}\Z")]
_Span = Annotated[int, Meta(ge=0, le=2**31)]
_Count = Annotated[int, Meta(ge=0, le=2**31)]


class Beacon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one player fared since its last one; the shape that players send."""

    session: _Name
    """Random, of one player in one page; says nothing of who it is."""
    broadcast: _Name
    kind: Literal["live", "vod"]
    event: Literal["start", "beat", "end"]
    startup_ms: _Span | None
    played_ms: _Span
    stalls: _Count
    stalled_ms: _Span
    dropped_frames: _Count
    frames: _Count
    rung: Annotated[str, Meta(max_length=16)] | None
    latency_ms: Annotated[int, Meta(ge=-(2**31), le=2**31)] | None
    """Below zero where the viewer's clock is wrong."""


class Tally(msgspec.Struct):
    """Sums over beacons."""

    starts: int = 0
    ends: int = 0
    played_ms: int = 0
    stalled_ms: int = 0
    stalls: int = 0
    dropped_frames: int = 0
    frames: int = 0
    startup: list[int] = msgspec.field(default_factory=lambda: [0] * (len(STARTUP_BOUNDS_MS) + 1))
    """How many by `STARTUP_BOUNDS_MS`."""
    latency: list[int] = msgspec.field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_MS) + 1))
    rungs_ms: list[int] = msgspec.field(default_factory=lambda: [0] * len(RUNGS))
    """Time played by `RUNGS`."""

    def add(self, beacon: Beacon) -> None:
        """Count one beacon; what it can't have lived through is cut off."""
        played_ms = min(beacon.played_ms, BEACON_MS_MAX)
        self.starts += beacon.event == "start"
        self.ends += beacon.event == "end"
        self.played_ms += played_ms
        self.stalled_ms += min(beacon.stalled_ms, BEACON_MS_MAX)
        self.stalls += min(beacon.stalls, BEACON_MS_MAX // 1000)
        self.frames += min(beacon.frames, BEACON_FRAMES_MAX)
        self.dropped_frames += min(beacon.dropped_frames, beacon.frames, BEACON_FRAMES_MAX)
        self.rungs_ms[RUNGS.index(rung_class(beacon.rung))] += played_ms
        if beacon.startup_ms is not None and beacon.event == "start":
            self.startup[bisect_left(STARTUP_BOUNDS_MS, beacon.startup_ms)] += 1
        if beacon.latency_ms is not None and beacon.latency_ms >= 0:
            self.latency[bisect_left(LATENCY_BOUNDS_MS, beacon.latency_ms)] += 1

    def merge(self, other: "Tally") -> None:
        """Add another's sums."""
        self.starts += other.starts
        self.ends += other.ends
        self.played_ms += other.played_ms
        self.stalled_ms += other.stalled_ms
        self.stalls += other.stalls
        self.dropped_frames += other.dropped_frames
        self.frames += other.frames
        self.startup = _sums(self.startup, other.startup)
        self.latency = _sums(self.latency, other.latency)
        self.rungs_ms = _sums(self.rungs_ms, other.rungs_ms)

    @property
    def stall_ratio(self) -> float | None:
        """Of the time that viewers wanted to watch, the share in which nothing moved; None without any."""
        return stall_ratio(self.played_ms, self.stalled_ms)


class Minute(msgspec.Struct):
    """A broadcast's minute as it is kept; `at_ms` is its beginning."""

    at_ms: int
    viewers_max: int
    viewers_sum: int
    viewer_samples: int
    tally: Tally

    @property
    def viewers_avg(self) -> float:
        """Over the samples of this minute."""
        return round(self.viewers_sum / self.viewer_samples, 1) if self.viewer_samples else 0.0


class Totals(msgspec.Struct, frozen=True):
    """A broadcast's figures over all its minutes."""

    viewers_max: int
    starts: int
    startup_p50_ms: int | None
    startup_p95_ms: int | None
    latency_p50_ms: int | None
    latency_p95_ms: int | None
    played_ms: int
    stalled_ms: int
    stalls: int
    stall_ratio: float | None
    dropped_frames: int
    frames: int
    rungs_ms: dict[str, int]


class Analytics(msgspec.Struct, frozen=True):
    """A broadcast's figures by the minute, oldest first: one entry of each list for each of `at_ms`."""

    broadcast: str
    at_ms: list[int]
    viewers_max: list[int]
    viewers_avg: list[float]
    starts: list[int]
    startup_p50_ms: list[int | None]
    startup_p95_ms: list[int | None]
    latency_p50_ms: list[int | None]
    latency_p95_ms: list[int | None]
    played_ms: list[int]
    stalled_ms: list[int]
    stalls: list[int]
    dropped_frames: list[int]
    frames: list[int]
    rungs_ms: dict[str, list[int]]
    """By rung; one that nobody saw is left out."""
    totals: Totals


def analytics_of(broadcast: str, minutes: list[Minute], shown_max: int) -> Analytics:
    """The totals of all `minutes`, and the last `shown_max` of them one by one."""
    shown = minutes[-shown_max:]
    tallies = [minute.tally for minute in shown]
    total = _total(minute.tally for minute in minutes)
    return Analytics(
        broadcast=broadcast,
        at_ms=[minute.at_ms for minute in shown],
        viewers_max=[minute.viewers_max for minute in shown],
        viewers_avg=[minute.viewers_avg for minute in shown],
        starts=[tally.starts for tally in tallies],
        startup_p50_ms=[quantile(tally.startup, STARTUP_BOUNDS_MS, 0.5) for tally in tallies],
        startup_p95_ms=[quantile(tally.startup, STARTUP_BOUNDS_MS, 0.95) for tally in tallies],
        latency_p50_ms=[quantile(tally.latency, LATENCY_BOUNDS_MS, 0.5) for tally in tallies],
        latency_p95_ms=[quantile(tally.latency, LATENCY_BOUNDS_MS, 0.95) for tally in tallies],
        played_ms=[tally.played_ms for tally in tallies],
        stalled_ms=[tally.stalled_ms for tally in tallies],
        stalls=[tally.stalls for tally in tallies],
        dropped_frames=[tally.dropped_frames for tally in tallies],
        frames=[tally.frames for tally in tallies],
        rungs_ms={
            rung: [tally.rungs_ms[place] for tally in tallies]
            for place, rung in enumerate(RUNGS)
            if any(tally.rungs_ms[place] for tally in tallies)
        },
        totals=Totals(
            viewers_max=max((minute.viewers_max for minute in minutes), default=0),
            starts=total.starts,
            startup_p50_ms=quantile(total.startup, STARTUP_BOUNDS_MS, 0.5),
            startup_p95_ms=quantile(total.startup, STARTUP_BOUNDS_MS, 0.95),
            latency_p50_ms=quantile(total.latency, LATENCY_BOUNDS_MS, 0.5),
            latency_p95_ms=quantile(total.latency, LATENCY_BOUNDS_MS, 0.95),
            played_ms=total.played_ms,
            stalled_ms=total.stalled_ms,
            stalls=total.stalls,
            stall_ratio=total.stall_ratio,
            dropped_frames=total.dropped_frames,
            frames=total.frames,
            rungs_ms={rung: played_ms for rung, played_ms in zip(RUNGS, total.rungs_ms, strict=True) if played_ms},
        ),
    )


def rung_class(name: str | None) -> str:
    """The one of `RUNGS` that a player's name of a rung (`1080p60`) belongs to."""
    if name == "audio":
        return name
    found = _RUNG.fullmatch(name or "")
    if found is None:
        return "other"
    height = int(found[1])
    return next((f"{known}p" for known in _HEIGHTS if height <= known * _ROUNDED), "other")


def stall_ratio(played_ms: int, stalled_ms: int) -> float | None:
    """Of the time that was wanted, the share in which nothing moved; None without any."""
    wanted_ms = played_ms + stalled_ms
    return round(stalled_ms / wanted_ms, 4) if wanted_ms else None


def quantile(histogram: list[int], bounds: tuple[int, ...], share: float) -> int | None:
    """The value that `share` (0 to 1) of all do not exceed, interpolated within its class; None without any.

    What lies beyond the last bound is told as that bound.
    """
    wanted = share * sum(histogram)
    if not wanted:
        return None
    below, lower = 0, 0
    for count, upper in zip(histogram, bounds, strict=False):
        if count and below + count >= wanted:
            return round(lower + (upper - lower) * (wanted - below) / count)
        below, lower = below + count, upper
    return bounds[-1]


def _total(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.merge(tally)
    return total


def _sums(one: list[int], other: list[int]) -> list[int]:
    return [first + second for first, second in zip(one, other, strict=True)]
