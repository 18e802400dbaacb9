"""How soon an FFmpeg run may begin anew, and when it has failed too often.  Pure: ticks and chance come in."""

from typing import Final

MAX_RESTARTS: Final = 6
SPAN_SECONDS: Final = 60.0
BACKOFF_FIRST_SECONDS: Final = 0.1
BACKOFF_MAX_SECONDS: Final = 8.0
AWAY_SECONDS: Final = 2.0
"""Between two tries while the disk is full or the store away."""


class Restarts:
    """Of one session."""

    def __init__(self) -> None:
        self._ends: list[float] = []
        self._not_before = 0.0

    def may_begin(self, tick: float) -> bool:
        """Is it time for the next run?"""
        return tick >= self._not_before

    def note_fault(self, tick: float, chance: float) -> bool:
        """A run ended by a fault of its own; False: too often within a minute, another try would not help.

        The first repeats at once.  `chance`, 0 to 1, is the jitter.
        """
        self._ends = [*(at for at in self._ends if tick - at < SPAN_SECONDS), tick]
        count = len(self._ends)
        backoff = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2.0**count) if count > 1 else 0.0
        self._not_before = tick + (0.5 + chance / 2) * backoff
        return count <= MAX_RESTARTS

    def note_away(self, tick: float, chance: float) -> None:
        """What a run writes to is away or full: no fault of the stream's, however long that lasts."""
        self._not_before = tick + (0.5 + chance / 2) * AWAY_SECONDS
