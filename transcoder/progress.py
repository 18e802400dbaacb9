"""Read what FFmpeg's `-progress` writes, and tell when it has stopped getting on.  Pure: ticks come in."""

from dataclasses import dataclass

STALL_SECONDS = 5.0
MAX_LINE_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of FFmpeg's, twice a second."""

    out_seconds: float
    """Media time that has left the encoders."""
    speed: float
    """Media seconds a second since the start; 0 while unknown."""


class ProgressReader:
    """Collects `key=value` lines into `Progress` values; a line that says nothing to us is passed over."""

    def __init__(self) -> None:
        self._buffer = b""
        self._out_seconds = 0.0
        self._speed = 0.0

    def feed(self, data: bytes) -> list[Progress]:
        """Take bytes as they come; returns the reports they completed."""
        *lines, rest = (self._buffer + data).split(b"\n")
        self._buffer = rest[-MAX_LINE_BYTES:]
        reports: list[Progress] = []
        for line in lines:
            key, _, value = line.partition(b"=")
            match key:
                case b"out_time_us":
                    self._out_seconds = _number(value, 1e-6, self._out_seconds)
                case b"speed":
                    self._speed = _number(value.strip().removesuffix(b"x"), 1.0, 0.0)
                case b"progress":
                    reports.append(Progress(self._out_seconds, self._speed))
        return reports


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


def _number(text: bytes, scale: float, otherwise: float) -> float:
    try:
        return float(text) * scale
    except ValueError:
        return otherwise  # FFmpeg says N/A before the first packet
