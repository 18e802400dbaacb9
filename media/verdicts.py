"""What each figure of an encoder's stream means.  Pure: one report in, judged figures out.

A figure whose faults (`media.faults`) all don't hold is good.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from media.faults import KEYS_FAR_SECONDS, ROWS, Metric, Reading, Verdict
from media.jobs import Health

GOOD: Final = "ok"
SETTLED_SECONDS: Final = 3.0
"""Rates over less media than this say nothing yet."""


class Figure(msgspec.Struct, frozen=True):
    """One thing measured, judged, with what to do about it."""

    metric: Metric
    value: float | None
    unit: str
    verdict: Verdict
    code: str
    advice: str


@dataclass(frozen=True, slots=True)
class Gauge:
    """How one metric is read."""

    unit: str
    is_known: Callable[[Reading], bool]
    value: Callable[[Reading], float | None]
    praise: str


def _is_settled(it: Reading) -> bool:
    return it.measured.steady_seconds >= SETTLED_SECONDS


def _has_moved(it: Reading) -> bool:
    return it.has_picture and _is_settled(it)


def _has_interval(it: Reading) -> bool:
    """One distance is whole, or the first one is too long already."""
    return _has_moved(it) and (it.measured.last_keyframe_seconds > 0 or it.keyframe_seconds > KEYS_FAR_SECONDS)


GAUGES: Final[dict[Metric, Gauge]] = {  # in the order of the dashboard
    "video_kbps": Gauge(
        "kbps",
        lambda it: _is_settled(it) or not it.has_picture,
        lambda it: it.source.video_kbps if it.has_picture else None,
        "The bitrate suits the picture.",
    ),
    "fps": Gauge("fps", _has_moved, lambda it: it.source.fps, "Every second has its frames."),
    "dropped_percent": Gauge("%", _has_moved, lambda it: it.measured.missing_percent, "No frames are lost on the way."),
    "keyframe_seconds": Gauge(
        "s", _has_interval, lambda it: it.keyframe_seconds, "Key frames come when players need them."
    ),
    "b_frames": Gauge(
        "frames", _has_moved, lambda it: it.measured.b_frames, "The number of B-frames suits live streaming."
    ),
    "height": Gauge(
        "px",
        lambda it: it.has_picture and it.source.height > 0,
        lambda it: it.source.height,
        "The picture's size suits live streaming.",
    ),
    "timestamp_jumps": Gauge(
        "jumps", lambda _: True, lambda it: it.measured.timestamp_jumps, "The encoder's clock runs evenly."
    ),
    "audio_kbps": Gauge(
        "kbps",
        lambda it: _is_settled(it) or not it.has_sound,
        lambda it: it.source.audio_kbps if it.has_sound else None,
        "The sound's bitrate is fine.",
    ),
    "audio_db": Gauge(
        "dBFS",
        lambda it: it.measured.audio_db is not None,
        lambda it: it.measured.audio_db,
        "The sound is neither too quiet nor too loud.",
    ),
    "silent_seconds": Gauge(
        "s",
        lambda it: it.measured.silent_seconds is not None,
        lambda it: it.measured.silent_seconds,
        "There is sound.",
    ),
    "speed": Gauge("x", lambda it: it.speed > 0, lambda it: round(it.speed, 2), "The server keeps up."),
}


def judge(report: Health) -> tuple[Figure, ...]:
    """The figures of one report, in the order of `GAUGES`; what is not known (yet) is left out."""
    if report.measured is None:
        return ()
    reading = Reading(report.source, report.measured, report.speed)
    return tuple(_figure(metric, gauge, reading) for metric, gauge in GAUGES.items() if gauge.is_known(reading))


def _figure(metric: Metric, gauge: Gauge, reading: Reading) -> Figure:
    value = gauge.value(reading)
    row = next((row for row in ROWS if row.metric == metric and row.holds(reading)), None)
    if row is None:
        return Figure(metric, value, gauge.unit, "good", GOOD, gauge.praise)
    return Figure(metric, value, gauge.unit, row.verdict, row.code, row.tell(reading))
