"""Who takes a new job: what each worker says of itself, and how long a worker lets others be first.  Pure.

Nobody hands jobs out.  Every worker sees the same list of capacities and waits the longer before it takes a job, the
more others have clearly more room: the one with the most takes it at once, and whoever is dead, asleep or lying costs
the job some tenths of a second, never its place.  A sole worker never waits.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

MOST_CORES: Final = 1024.0
MOST_JOBS: Final = 64
"""Copies cost next to nothing, descriptors and memory do not."""
CLEARLY_CORES: Final = 0.1
CLEARLY_SHARE: Final = 0.1
"""Room is clearly more when it is more by this many cores and by this share of one's own room."""
STEP_SECONDS: Final = 0.1
"""For each worker with clearly more room."""
LOOK_SECONDS: Final = 0.02
"""Before a step ends, everybody looks whether the job still stands; then whoever is next takes it."""
LONGEST_SECONDS: Final = 0.3
FULL_SECONDS: Final = 0.7
"""More, for a worker without room while another says that it has some."""
DOUBT_SECONDS: Final = 30.0
"""How long a worker that took nothing is not waited for; who has come back to life shows it by what it takes."""
LEAST_CORES: Final = 0.15
"""With less left a new picture could only be copied."""


class Capacity(msgspec.Struct, frozen=True):
    """What a worker says of itself, about once a second and whenever it changes."""

    worker: str
    cores: float
    """What its ladders may cost together."""
    free: float
    """Of them; below 0 when its ladders cost more than was planned."""
    jobs: int
    encoders: tuple[str, ...] = ()
    """Beside x264."""
    cores_per_megapixel: float = 0.0
    """Of its x264 at the tall preset: how fast it is."""

    @property
    def is_believable(self) -> bool:
        """Could a sane worker say this?"""
        return (
            0 < self.cores <= MOST_CORES
            and math.isfinite(self.free)
            and self.free <= self.cores
            and 0 <= self.jobs <= MOST_JOBS
        )

    @property
    def has_room(self) -> bool:
        """Could it take a job and encode something of it?"""
        return self.free >= LEAST_CORES and self.jobs < MOST_JOBS


def roomier(own: Capacity, others: Iterable[Capacity]) -> list[Capacity]:
    """The workers with clearly more room than one's own."""
    margin = max(CLEARLY_CORES, CLEARLY_SHARE * own.free)
    return [
        other
        for other in others
        if other.worker != own.worker and other.is_believable and other.has_room and other.free > own.free + margin
    ]


def patience_seconds(own: Capacity, others: Iterable[Capacity]) -> float:
    """How long to leave a new job to others; at most `LONGEST_SECONDS` + `FULL_SECONDS`."""
    better = roomier(own, others)
    wait = min(LONGEST_SECONDS, STEP_SECONDS * len(better))
    return wait if own.has_room or not better else wait + FULL_SECONDS


class Trust:
    """Whom a worker lets be first: nobody who lately left a job standing that was left to it."""

    def __init__(self) -> None:
        self._doubted: dict[str, float] = {}

    def doubt(self, others: Sequence[Capacity], waited_seconds: float, tick: float) -> None:
        """A job still stands: whoever should have it by now is not waited for, for a while."""
        for other in others:
            if other.is_believable and patience_seconds(other, others) + STEP_SECONDS <= waited_seconds + 1e-6:
                self._doubted[other.worker] = tick + DOUBT_SECONDS

    def trusted(self, others: Iterable[Capacity], tick: float) -> list[Capacity]:
        """The workers that are not in doubt."""
        self._doubted = {worker: until for worker, until in self._doubted.items() if until > tick}
        return [other for other in others if other.worker not in self._doubted]
