"""One session's ladders, one after the other: planned within what the pool has, judged while they run.

Whoever does not fit gets less at once, and runs behind all others; whoever turns out too slow gets less at the next key
frame.  When there has been room for long enough, what is missing comes (back) at a key frame.  Each change breaks the
picture, so each has to wait longer than the one before.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from media.ladder import TOP, Means, Plan, can_copy, costliest, plan
from media.policy import Policy
from media.source import Source
from transcoder.figures import grown_total, shed_total
from transcoder.pool import Pool
from transcoder.progress import Progress
from transcoder.shedding import LEAST_SPEED, Shedder

LOWER_PRIORITY: Final = ("nice", "-n", "10")
"""For a ladder that does not fit: it gets what the admitted ones leave, about a tenth of a core against theirs."""
GROW_SECONDS: Final = 30.0
"""How long a run lasts before its ladder may grow; four times that after each shed rung, twice after each growth."""
GROW_MOST_SECONDS: Final = 3600.0
GROW_CHECK_SECONDS: Final = 5.0


class Ladders:
    """What this session encodes."""

    def __init__(self, policy: Policy, pool: Pool, owner: str) -> None:
        self._policy = policy
        self._pool = pool
        self._owner = owner
        self._shed: set[str] = set()
        self._is_spent = False
        self._patience_seconds = GROW_SECONDS
        self._grow_at = 0.0
        self._may_copy = True
        self._plan: Plan | None = None
        self._source: Source | None = None
        self._shedder = Shedder(0.0)
        self._judged: Progress | None = None
        self._cpu: float | None = None

    @property
    def is_over(self) -> bool:
        """Was there no room for what runs now?"""
        return self._plan is not None and self._plan.is_over

    @property
    def wrapper(self) -> tuple[str, ...]:
        """What stands before FFmpeg's arguments."""
        return LOWER_PRIORITY if self.is_over else ()

    def begin(self, source: Source, gop_seconds: float | None, places: int | None, tick: float) -> Plan:
        """The ladder of a run that begins now; `places` are the video lists that the broadcast already has."""
        means = self._pool.means(self._owner, tick)
        allowed = Means(0.0, means.costs, means.sessions) if self._is_spent else means
        found = self._planned(source, allowed, gop_seconds, places, self._shed)
        found = replace(found, is_over=found.cores > means.cores)
        self.take(found, tick)
        self._source = source
        self._grow_at = tick + self._patience_seconds
        return found

    def _planned(
        self, source: Source, means: Means, gop_seconds: float | None, places: int | None, without: Collection[str]
    ) -> Plan:
        return plan(
            source,
            self._policy,
            means,
            gop_seconds=gop_seconds,
            may_copy=self._may_copy,
            rungs=None if places == 1 else places,  # a list that is alone leaves all other places free
            without=without,
        )

    def take(self, found: Plan, tick: float) -> None:
        """Run this ladder from now on: another's plan, such as a slate's."""
        self._pool.hold(self._owner, found)
        self._plan = found
        self._source = None
        self._shedder = Shedder(tick)
        self._judged = None
        self._cpu = None

    def is_too_slow(self, fed_seconds: float, progress: Progress, tick: float) -> bool:
        """Has the run fallen behind for so long that something has to go?  Then `shed`."""
        if progress is self._judged or not progress.out_seconds:
            return False  # between two reports nothing is known
        self._judged = progress
        later = self._pool.later_than(self._owner)
        is_slow = self._shedder.note(fed_seconds, progress.out_seconds, tick, later_sessions=later)
        if is_slow:
            self._pool.note_slow(tick)
        return is_slow

    def could_copy(self, gop_seconds: float | None) -> bool:
        """Is the top encoded although the encoder's own picture could be sent on by now?"""
        if self._plan is None or self._source is None or not self._plan.video or not self._may_copy:
            return False
        is_top_made = self._plan.video[0].name == TOP and not self._plan.video[0].is_copied
        return is_top_made and can_copy(self._source, self._policy, gop_seconds)

    def makes_room(self, gop_seconds: float | None) -> bool:
        """Should a new run begin, whose copied top leaves its cores to others?"""
        return self._pool.is_short() and self.could_copy(gop_seconds)

    def grow(self, gop_seconds: float | None, places: int | None, tick: float) -> bool:
        """Let the next ladder have what there has been room for long enough; False: nothing more, or not yet."""
        if self._plan is None or self._source is None or tick < self._grow_at or self._shedder.is_behind:
            return False
        self._grow_at = tick + GROW_CHECK_SECONDS
        spare = self._pool.spare(self._owner, tick)
        if spare is None:
            return False
        found = self._planned(self._source, spare, gop_seconds, places, ())
        if found.cores > spare.cores or len(found.video) <= len(self._plan.video):
            return False
        self._shed.clear()
        self._is_spent = False
        self._patience_seconds = min(GROW_MOST_SECONDS, 2 * self._patience_seconds)
        grown_total.inc()
        return True

    def shed(self, gop_seconds: float | None) -> bool:
        """Make the next ladder cheaper; False: nothing less is possible.

        The top is copied if its key frames have proved good by now; else a rung is left out, at last all but a copy.
        """
        if self._plan is None or (self._is_spent and not self.could_copy(gop_seconds)):
            return False
        if self.could_copy(gop_seconds):
            return True
        name = costliest(self._plan.video)
        if name is None:
            self._is_spent = True
        else:
            self._shed.add(name)
        self._patience_seconds = min(GROW_MOST_SECONDS, 4 * self._patience_seconds)
        shed_total.inc()
        return True

    def measure(self, cpu_seconds: float, elapsed_seconds: float, speed: float) -> None:
        """Tell the pool what FFmpeg took since the last call: all its processor time so far, and the span.

        A run that falls behind takes what it gets, not what it costs.
        """
        before, self._cpu = self._cpu, cpu_seconds
        if self._plan is None or before is None or cpu_seconds <= before or speed < LEAST_SPEED:
            return  # a run's beginning, or its end
        self._pool.measure(self._owner, (cpu_seconds - before) / elapsed_seconds)

    def forget_source(self) -> None:
        """Another source begins: its key frames may be better."""
        self._may_copy = True

    def note_miscut(self) -> None:
        """The copied rung's key frames don't fit segments."""
        self._may_copy = False

    def note_death(self, tick: float) -> None:
        """FFmpeg died: if it used a device, that is the first suspect."""
        for rung in self._plan.video if self._plan is not None else ():
            if not rung.is_copied:
                self._pool.ban(rung.encoder, tick)
