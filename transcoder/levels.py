"""Read the sound's level from what FFmpeg's `astats` and `ametadata=print` write.  Pure.

One frame of sound is two lines: `frame:0 pts:0 pts_time:0.0213` and `lavfi.astats.Overall.RMS_level=-21.07`.
Source: FFmpeg's af_astats.c and f_metadata.c.
"""

import math
from collections import deque
from typing import Final

SPAN_SECONDS: Final = 3.0
SILENT_DB: Final = -60.0
"""Digital noise of an open input lies below, the quietest speech above (EBU R 128 gates at -70 LUFS)."""
FLOOR_DB: Final = -120.0
MAX_LINE_BYTES: Final = 4_096
FRAMES_MAX: Final = 1_000
"""Of 1,024 samples at 48 kHz the span has 141; one in sixteen is told."""


class LevelReader:
    """Feed it bytes as they come; ask for the level."""

    def __init__(self) -> None:
        self._buffer = b""
        self._at_seconds: float | None = None
        self._loud_at: float | None = None
        self._recent: deque[tuple[float, float]] = deque(maxlen=FRAMES_MAX)
        """(time, mean square) of the last seconds' frames."""

    def feed(self, data: bytes) -> None:
        """Take bytes; a line that says nothing to us is passed over."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > MAX_LINE_BYTES:
            self._buffer = b""
        for line in lines:
            if line.startswith(b"frame:"):
                self._at_seconds = _number(line.rpartition(b"pts_time:")[2])
            elif line.startswith(b"lavfi.") and self._at_seconds is not None:
                self._note(self._at_seconds, _level(line.rpartition(b"=")[2]))

    def _note(self, at_seconds: float, level_db: float | None) -> None:
        if level_db is None:
            return
        if self._loud_at is None or level_db > SILENT_DB or at_seconds < self._loud_at:
            self._loud_at = at_seconds
        self._recent.append((at_seconds, 10 ** (level_db / 10)))
        while not at_seconds - SPAN_SECONDS <= self._recent[0][0] <= at_seconds:
            self._recent.popleft()

    @property
    def level_db(self) -> float | None:
        """The RMS of the last seconds in dBFS, `FLOOR_DB` at least; None before the first frame."""
        if not self._recent:
            return None
        power = sum(power for _, power in self._recent) / len(self._recent)
        return max(FLOOR_DB, 10 * math.log10(power))

    @property
    def silent_seconds(self) -> float:
        """How long nothing has been above `SILENT_DB`."""
        if self._loud_at is None or not self._recent:
            return 0.0
        return self._recent[-1][0] - self._loud_at


def _number(text: bytes) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _level(text: bytes) -> float | None:
    """Decibels, from `FLOOR_DB` to 20; digital silence is `-inf`, a frame that could not be judged `nan`."""
    if text.strip() == b"-inf":
        return FLOOR_DB
    found = _number(text)
    return None if found is None else min(max(found, FLOOR_DB), 20.0)
