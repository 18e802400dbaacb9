"""A broadcast's figures over time: points as they are kept, and charts of them.  Pure."""

from collections.abc import Iterable
from typing import Final

import msgspec

from media.jobs import Health

STEP_SECONDS: Final = 2
"""Between two reports, and two points of an open broadcast's chart."""
SLOT_SECONDS: Final = 10
"""Between two points that are kept after it."""
RECENT_POINTS: Final = 1_800
"""An hour of reports."""
CHART_POINTS: Final = 2_000
"""A chart of more is made coarser: no screen has more columns to show it."""

Value = float | None


class Series(msgspec.Struct, frozen=True):
    """The lines of a chart, all of one length; None where nothing is known."""

    video_kbps: list[Value]
    fps: list[Value]
    keyframe_seconds: list[Value]
    audio_db: list[Value]
    speed: list[Value]
    dropped: list[Value]


class Chart(msgspec.Struct, frozen=True):
    """Point i is the mean of the span that begins at `from_ms + i * step_seconds * 1000`."""

    step_seconds: int
    from_ms: int
    series: Series


class Point(msgspec.Struct, frozen=True, array_like=True):
    """One report's figures, or the mean of some."""

    at_ms: int
    video_kbps: Value
    fps: Value
    keyframe_seconds: Value
    audio_db: Value
    speed: Value
    dropped: Value

    @property
    def slot(self) -> int:
        """Which `SLOT_SECONDS` of Unix time it lies in."""
        return self.at_ms // (SLOT_SECONDS * 1000)

    @property
    def values(self) -> tuple[Value, ...]:
        """In the order of `NAMES`."""
        return (self.video_kbps, self.fps, self.keyframe_seconds, self.audio_db, self.speed, self.dropped)


NAMES: Final = Series.__struct_fields__
_decoder: msgspec.json.Decoder[Point] = msgspec.json.Decoder(Point)


def encode(point: Point) -> bytes:
    """As it is kept."""
    return msgspec.json.encode(point)


def decode_all(kept: Iterable[bytes]) -> list[Point]:
    """What can be read of them: another version's are left out."""
    found = []
    for entry in kept:
        try:
            found.append(_decoder.decode(entry))
        except msgspec.DecodeError:
            continue
    return found


def point_of(report: Health) -> Point:
    """What is worth keeping of a report."""
    source, measured = report.source, report.measured
    has_picture = bool(source.video_codec)
    return Point(
        report.at_ms,
        source.video_kbps if has_picture else None,
        source.fps if has_picture else None,
        source.keyframe_seconds,
        None if measured is None else measured.audio_db,
        round(report.speed, 3) or None,
        None if measured is None or not has_picture else measured.missing_frames,
    )


def mean(points: list[Point], at_ms: int) -> Point:
    """One point for all of them; a figure that only some have is the mean of those."""
    return Point(at_ms, *(_mean(column) for column in zip(*(point.values for point in points), strict=True)))


def finished(points: list[Point], now: Point) -> Point | None:
    """The mean of the last slot before `now`'s, once `now` has left it; `points` are the last ones, in order."""
    if not points or points[-1].slot >= now.slot:
        return None
    slot = points[-1].slot
    return mean([point for point in points if point.slot == slot], slot * SLOT_SECONDS * 1000)


def chart(points: Iterable[Point], from_ms: int, step_seconds: int, count: int) -> Chart:
    """So many steps from there on; points outside are left out, several of one step become their mean."""
    steps: list[list[Point]] = [[] for _ in range(count)]
    for point in points:
        place = (point.at_ms - from_ms) // (step_seconds * 1000)
        if 0 <= place < count:
            steps[place].append(point)
    rows = [mean(step, 0).values if step else (None,) * len(NAMES) for step in steps]
    columns = [[row[place] for row in rows] for place in range(len(NAMES))]
    return Chart(step_seconds, from_ms, Series(*columns))


def step_of(span_seconds: int) -> int:
    """The step of a chart of so long, in whole slots: as fine as `CHART_POINTS` allow."""
    slots = -(-span_seconds // SLOT_SECONDS)
    return SLOT_SECONDS * max(1, -(-slots // CHART_POINTS))


def _mean(column: tuple[Value, ...]) -> Value:
    known = [value for value in column if value is not None]
    return round(sum(known) / len(known), 3) if known else None
