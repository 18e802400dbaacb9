"""Decide when a run has been too slow for too long, so that one of its rungs has to go.  Pure: ticks come in.

Too slow means that less media comes out than goes in: an encoder of the streamer's that sends at half speed is no fault
of ours.
"""

from collections import deque
from typing import Final

LEAST_SPEED: Final = 0.98
SLOW_SECONDS: Final = 10.0
SPEED_SPAN_SECONDS: Final = 4.0
"""Speed is measured over so long: a report each half second, to the frame, makes it true to one per cent."""
LATER_SECONDS: Final = 3.0
"""More, for each session that began after this one: the newest sheds first, and that may be enough for all."""
SETTLE_SECONDS: Final = 3.0
"""A run's beginning, when it works up what had come before, says nothing."""


class Shedder:
    """One FFmpeg run's judge; make a new one for each run."""

    def __init__(self, tick: float) -> None:
        self._begins = tick + SETTLE_SECONDS
        self._history: deque[tuple[float, float, float]] = deque()
        self._slow_since: float | None = None

    @property
    def is_behind(self) -> bool:
        """Has less come out than went in, of late?"""
        return self._slow_since is not None

    def note(self, fed_seconds: float, out_seconds: float, tick: float, *, later_sessions: int = 0) -> bool:
        """Note how much media has gone in and come out in all; True: shed a rung now, once."""
        if tick < self._begins:
            return False
        self._history.append((tick, fed_seconds, out_seconds))
        while len(self._history) > 1 and tick - self._history[1][0] >= SPEED_SPAN_SECONDS:
            self._history.popleft()
        first_tick, first_fed, first_out = self._history[0]
        elapsed = tick - first_tick
        if elapsed < SPEED_SPAN_SECONDS:
            return False
        wanted = min(elapsed, fed_seconds - first_fed)
        if out_seconds - first_out >= LEAST_SPEED * wanted - 1e-6:
            self._slow_since = None
            return False
        if self._slow_since is None:
            self._slow_since = tick
        if tick - self._slow_since < SLOW_SECONDS + LATER_SECONDS * later_sessions:
            return False
        self._history.clear()
        self._slow_since = None
        self._begins = tick + SETTLE_SECONDS
        return True
