"""Read what FFmpeg's `-progress` writes, and tell when it has stopped getting on.  Pure: ticks come in."""

from collections import deque
from dataclasses import dataclass

STALL_SECONDS = 5.0
SPEED_SPAN_SECONDS = 6.0
MAX_LINE_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of FFmpeg's, twice a second."""

    out_seconds: float
    """Media time that has left the encoders."""
    speed: float
    """Media seconds a second over the last `SPEED_SPAN_SECONDS`; 0 while unknown."""


class ProgressReader:
    """Collects `key=value` lines into `Progress` values; a line that says nothing to us is passed over."""

    def __init__(self) -> None:
        self._buffer = b""
        self._out_seconds = 0.0
        self._history: deque[tuple[float, float]] = deque()

    def feed(self, data: bytes, tick: float) -> list[Progress]:
        """Take bytes as they come; returns the reports they completed."""
        *lines, rest = (self._buffer + data).split(b"\n")
        self._buffer = rest[-MAX_LINE_BYTES:]
        reports: list[Progress] = []
        for line in lines:
            key, _, value = line.partition(b"=")
            match key:
                case b"out_time_us":
                    self._out_seconds = _microseconds(value, self._out_seconds)
                case b"progress":
                    reports.append(Progress(self._out_seconds, self._speed(tick)))
        return reports

    def _speed(self, tick: float) -> float:
        """FFmpeg's own figure averages since the start, when it waited for its first bytes."""
        if self._out_seconds <= 0:
            return 0.0
        self._history.append((tick, self._out_seconds))
        while tick - self._history[0][0] > SPEED_SPAN_SECONDS:
            self._history.popleft()
        first_tick, first_out = self._history[0]
        elapsed = tick - first_tick
        return (self._out_seconds - first_out) / elapsed if elapsed >= SPEED_SPAN_SECONDS / 2 else 0.0


class Watchdog:
    """Stalled: media went in, and for `STALL_SECONDS` no media time came out."""

    def __init__(self, tick: float) -> None:
        self._advanced_at = tick
        self._out_seconds = -1.0
        self._fed_at = tick

    def note_fed(self, tick: float) -> None:
        """Input was offered to FFmpeg; after a pause of the encoder its silence counts from here."""
        if tick - self._fed_at > STALL_SECONDS / 2:
            self._advanced_at = tick
        self._fed_at = tick

    def note_out(self, progress: Progress, tick: float) -> None:
        """FFmpeg reported."""
        if progress.out_seconds > self._out_seconds:
            self._out_seconds = progress.out_seconds
            self._advanced_at = tick

    def is_stalled(self, tick: float) -> bool:
        """Has it been fed lately without getting on?"""
        return tick - self._advanced_at >= STALL_SECONDS and tick - self._fed_at < STALL_SECONDS


def _microseconds(text: bytes, otherwise: float) -> float:
    try:
        return int(text) / 1_000_000
    except ValueError:
        return otherwise  # FFmpeg says N/A before the first packet
