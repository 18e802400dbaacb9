"""Share this worker's cores and encoder sessions among its broadcasts by what their ladders cost.

A ladder holds what was predicted, corrected by what ladders here turned out to cost, and never less than what it was
seen to take itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from media.costs import Costs
from media.encoders import FALLBACK, share_sessions
from media.ladder import Means, Plan
from transcoder.figures import cost_ratio, planned_cores
from transcoder.placement import LEAST_CORES, MOST_JOBS, Capacity

EXPECTED_CORES: Final = 1.0
"""What a claimed job is thought to become until it is planned: a 720p ladder of four rungs."""
LOAD_LOW: Final = 0.5
LOAD_HIGH: Final = 2.0
LOAD_WEIGHT: Final = 0.1
"""Of one measurement in the running ratio; a session measures every two seconds."""
BANNED_SECONDS: Final = 300.0
"""How long an encoder that failed in a run is not asked for again."""


@dataclass(slots=True)
class _Share:
    predicted: float | None = None
    """None until the ladder is planned."""
    measured: float = 0.0
    encoders: dict[str, int] = field(default_factory=dict)

    def sessions_of(self, encoder: str) -> int:
        """How many it leaves this encoder fewer."""
        return sum(count for name, count in self.encoders.items() if share_sessions(name, encoder))


class Pool:
    """The budget; whoever is admitted holds a share until it lets go."""

    def __init__(self, cores: float, costs: Costs | None = None, sessions: Mapping[str, int] | None = None) -> None:
        self._cores = cores
        self._costs = costs or Costs()
        self._sessions = dict(sessions or {})
        self._banned: dict[str, float] = {}
        self._shares: dict[str, _Share] = {}
        self._load = 1.0

    @property
    def is_full(self) -> bool:
        """Has it as many jobs as it may have, whatever they cost?"""
        return len(self._shares) >= MOST_JOBS

    def capacity(self, worker: str) -> Capacity:
        """What the other workers should know."""
        held = sum(self._held(share, EXPECTED_CORES) for share in self._shares.values())
        return Capacity(
            worker,
            round(self._cores, 3),
            round(self._cores - held, 3),
            len(self._shares),
            tuple(sorted(self._sessions)),
            self._costs.high,
        )

    def means(self, holder: str, tick: float) -> Means:
        """What this session's ladder may cost and use; what it holds already counts as free."""
        others = [share for name, share in self._shares.items() if name != holder]
        free = self._cores - sum(self._held(share, LEAST_CORES) for share in others)
        sessions = {
            name: most - sum(share.sessions_of(name) for share in others)
            for name, most in self._sessions.items()
            if self._banned.get(name, tick) <= tick
        }
        return Means(free / self._load, self._costs, sessions)

    def is_short(self) -> bool:
        """Do several sessions share too little for one more?"""
        held = sum(self._held(share, EXPECTED_CORES) for share in self._shares.values())
        return len(self._shares) > 1 and self._cores - held < LEAST_CORES

    def later_than(self, holder: str) -> int:
        """How many sessions were admitted after this one."""
        names = list(self._shares)
        return len(names) - 1 - names.index(holder) if holder in self._shares else 0

    def reserve(self, holder: str) -> None:
        """A job was claimed; its ladder is not planned yet."""
        self._shares[holder] = _Share()
        self._count()

    def hold(self, holder: str, plan: Plan) -> None:
        """Enter a session's ladder, or another one in its place."""
        share = self._shares.setdefault(holder, _Share())
        share.predicted, share.measured, share.encoders = plan.cores, 0.0, {}
        for rung in plan.video:
            if not rung.is_copied and rung.encoder != FALLBACK:
                share.encoders[rung.encoder] = share.encoders.get(rung.encoder, 0) + 1
        self._count()

    def measure(self, holder: str, cores: float) -> None:
        """What the session's ladder was seen to take of late."""
        share = self._shares.get(holder)
        if share is None or not share.predicted:
            return
        share.measured = cores
        ratio = min(LOAD_HIGH, max(LOAD_LOW, cores / share.predicted))
        self._load += LOAD_WEIGHT * (ratio - self._load)
        cost_ratio.observe(cores / share.predicted)
        self._count()

    def packaging_cores(self, renditions: int) -> float:
        """What our own part of a broadcast with so many renditions is predicted to take."""
        return self._costs.session + self._costs.rendition * renditions

    def equip(self, costs: Costs, sessions: Mapping[str, int]) -> None:
        """The machine is known now: plans to come are made with this."""
        self._costs = costs
        self._sessions = dict(sessions)

    def ban(self, encoder: str, tick: float) -> None:
        """It failed in a run: plan without it for a while."""
        if encoder in self._sessions:
            self._banned[encoder] = tick + BANNED_SECONDS

    def release(self, holder: str) -> None:
        """The session is over."""
        self._shares.pop(holder, None)
        self._count()

    def _held(self, share: _Share, otherwise: float) -> float:
        return otherwise if share.predicted is None else max(share.predicted * self._load, share.measured)

    def _count(self) -> None:
        planned_cores.set(sum(self._held(share, 0.0) for share in self._shares.values()) / self._cores)
