"""Count what is missing, reordered or out of step among an encoder's frames.  Pure: times come from the tags.

A minute here is a minute of media that came: clocks that jump don't shorten it.
"""

from collections import deque
from dataclasses import dataclass

MINUTE_MS = 60_000
JUMPS_SPAN_MS = 600_000
JUMPS_MAX = 1_000
"""More are not worth remembering apart."""
HOLE = 1.5
"""Frame intervals between two frames from which on something is missing; FLV rounds times to milliseconds."""


@dataclass(slots=True)
class _Second:
    start_ms: int
    frames: int = 0
    missing: int = 0


class FrameMeter:
    """Feed it every tag's time, every frame of the picture, and every jump of the clock."""

    def __init__(self) -> None:
        self.played_ms = 0
        """Media that came, jumps left out."""
        self._high_ms: int | None = None
        self._last_ms: int | None = None
        self._seconds: deque[_Second] = deque()
        self._jumps: deque[int] = deque(maxlen=JUMPS_MAX)
        self._since_ms = 0
        self._shown_ms: int | None = None
        self._run = self._longest = self._longest_before = 0

    def pass_time(self, time_ms: int, longest_ms: int) -> None:
        """Any tag came; tags of picture and sound may be out of order by a little."""
        if self._high_ms is not None and time_ms > self._high_ms:
            self.played_ms += min(time_ms - self._high_ms, longest_ms)
        self._high_ms = time_ms if self._high_ms is None else max(self._high_ms, time_ms)

    def take(self, time_ms: int, offset_ms: int, interval_ms: float, *, is_key: bool) -> None:
        """One frame; `offset_ms` is how much later than decoded it is shown, `interval_ms` the nominal distance."""
        missing = 0
        if self._last_ms is not None and time_ms - self._last_ms > HOLE * interval_ms:
            missing = round((time_ms - self._last_ms) / interval_ms) - 1
        self._last_ms = time_ms
        if not self._seconds or self.played_ms - self._seconds[-1].start_ms >= 1_000:
            self._seconds.append(_Second(self.played_ms))
        self._seconds[-1].frames += 1
        self._seconds[-1].missing += missing
        while self._seconds[0].start_ms <= self.played_ms - MINUTE_MS:
            self._seconds.popleft()
        self._note_order(time_ms + offset_ms, is_key=is_key)

    def _note_order(self, shown_ms: int, *, is_key: bool) -> None:
        """A frame shown before one that was decoded earlier is a B-frame."""
        if is_key:
            self._longest_before, self._longest = self._longest, 0
        if is_key or self._shown_ms is None or shown_ms >= self._shown_ms:
            self._shown_ms, self._run = shown_ms, 0
            return
        self._run += 1
        self._longest = max(self._longest, self._run)

    def begin(self, *, is_jump: bool) -> None:
        """Another source, or another clock, begins: the distance to what was before means nothing."""
        if is_jump:
            self._jumps.append(self.played_ms)
        self._since_ms = self.played_ms
        self._high_ms = self._last_ms = self._shown_ms = None
        self._run = self._longest = self._longest_before = 0

    @property
    def steady_seconds(self) -> float:
        """Media since the last begin."""
        return (self.played_ms - self._since_ms) / 1000

    @property
    def missing(self) -> int:
        """Frames that should have been in the last minute."""
        return sum(second.missing for second in self._seconds)

    @property
    def missing_percent(self) -> float:
        """Their share of all that should have been there."""
        expected = sum(second.frames + second.missing for second in self._seconds)
        return 100 * self.missing / expected if expected else 0.0

    @property
    def jumps(self) -> int:
        """Jumps of the clock in ten minutes."""
        return sum(at_ms > self.played_ms - JUMPS_SPAN_MS for at_ms in self._jumps)

    @property
    def b_frames(self) -> int:
        """The most in a row, in this group of pictures or the one before."""
        return max(self._longest, self._longest_before)
