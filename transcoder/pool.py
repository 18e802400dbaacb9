"""Share this worker's cores and encoder sessions among its broadcasts by what their ladders cost.

A ladder holds what was predicted, corrected by what ladders here turned out to cost, and never less than what it was
seen to take itself.  FFmpeg's part and our own are corrected apart: a copy is nearly all our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from media.costs import Costs, packaging_cores
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
PRIOR_CORES: Final = 1.0
"""Of FFmpeg's, thought to have turned out as predicted before anything has run: one ladder."""
OWN_PRIOR_CORES: Final = 0.1
"""As that, of our own: two broadcasts."""
HELD_WEIGHT: Final = 0.25
"""Of one measurement in what a ladder is seen to take: two seconds of FFmpeg scatter by a tenth."""
OWN_SECONDS: Final = 2.0
"""Our own process is measured over so long at least."""
SLOW_SECONDS: Final = 60.0
"""After a ladder fell behind there is no room for so long, whatever was planned: the machine is slower than it said."""
BANNED_SECONDS: Final = 300.0
"""How long an encoder that failed in a run is not asked for again."""


class _Load:
    """How much more something takes than was predicted, less below 1: of the last measurements, by their weight."""

    def __init__(self, prior_cores: float) -> None:
        self._taken = self._said = prior_cores

    @property
    def ratio(self) -> float:
        return min(LOAD_HIGH, max(LOAD_LOW, self._taken / self._said))

    def note(self, taken_cores: float, said_cores: float) -> None:
        self._taken += LOAD_WEIGHT * (taken_cores - self._taken)
        self._said += LOAD_WEIGHT * (said_cores - self._said)


@dataclass(slots=True)
class _Share:
    encoding: float | None = None
    """What FFmpeg was predicted to take before anything was learned; None until the ladder is planned."""
    packaging: float = 0.0
    """As that: our own part."""
    costs: Costs | None = None
    """Of that prediction."""
    measured: float | None = None
    """FFmpeg's."""
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
        self._encoding = _Load(PRIOR_CORES)
        self._packaging = _Load(OWN_PRIOR_CORES)
        self._own: tuple[float, float, float] | None = None
        self._slow_until = 0.0

    @property
    def planned_cores(self) -> float:
        """What all ladders here are expected to take."""
        return sum(self._held(share, 0.0) for share in self._shares.values())

    @property
    def is_full(self) -> bool:
        """Has it as many jobs as it may have, whatever they cost?"""
        return len(self._shares) >= MOST_JOBS

    def capacity(self, worker: str, tick: float = 0.0) -> Capacity:
        """What the other workers should know."""
        held = sum(self._held(share, EXPECTED_CORES) for share in self._shares.values())
        return Capacity(
            worker,
            round(self._cores, 3),
            round(self._bounded(self._cores - held, tick), 3),
            len(self._shares),
            tuple(sorted(self._sessions)),
            self._costs.high,
        )

    def means(self, holder: str, tick: float) -> Means:
        """What this session's ladder may cost and use; what it holds already counts as free."""
        others = [share for name, share in self._shares.items() if name != holder]
        free = self._cores - sum(self._held(share, LEAST_CORES) for share in others)
        own = self._shares.get(holder)
        if own is None or own.encoding is None:
            free = self._bounded(free, tick)
        sessions = {
            name: most - sum(share.sessions_of(name) for share in others)
            for name, most in self._sessions.items()
            if self._banned.get(name, tick) <= tick
        }
        return Means(free, self._costs.corrected(self._encoding.ratio, self._packaging.ratio), sessions)

    def spare(self, holder: str, tick: float) -> Means | None:
        """What this session's ladder may grow into, with room left for one more; None: no time to ask for more."""
        if tick < self._slow_until or any(share.encoding is None for share in self._shares.values()):
            return None  # who has come and is not planned yet comes first
        means = self.means(holder, tick)
        return replace(means, cores=means.cores - LEAST_CORES)

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
        """Enter a session's ladder, or another one in its place; it was planned with `means` just now."""
        share = self._shares.setdefault(holder, _Share())
        share.packaging = packaging_cores(self._costs, len(plan.video) + 1)
        own = share.packaging * self._packaging.ratio
        share.encoding = max(0.0, plan.cores - own) / self._encoding.ratio
        share.costs, share.measured, share.encoders = self._costs, None, {}
        for rung in plan.video:
            if not rung.is_copied and rung.encoder != FALLBACK:
                share.encoders[rung.encoder] = share.encoders.get(rung.encoder, 0) + 1
        self._count()

    def measure(self, holder: str, cores: float) -> None:
        """What FFmpeg was seen to take for the session's ladder of late."""
        share = self._shares.get(holder)
        if share is None or not share.encoding:
            return
        before = cores if share.measured is None else share.measured
        share.measured = before + HELD_WEIGHT * (cores - before)
        if share.costs is self._costs:
            self._encoding.note(cores, share.encoding)
        cost_ratio.observe(cores / share.encoding)
        self._count()

    def measure_own(self, cpu_seconds: float, tick: float) -> None:
        """What this process has taken until now; call it often."""
        said = sum(share.packaging for share in self._shares.values() if share.encoding is not None)
        if self._own is not None:
            before_seconds, before_tick, before_said = self._own
            if tick - before_tick < OWN_SECONDS and said == before_said:
                return
            if said and said == before_said:  # else somebody came or went meanwhile
                self._packaging.note((cpu_seconds - before_seconds) / (tick - before_tick), said)
                self._count()
        self._own = cpu_seconds, tick, said

    def equip(self, costs: Costs, sessions: Mapping[str, int]) -> None:
        """The machine is known now: plans to come are made with this, and what was learned of a guess is forgotten."""
        self._costs = costs
        self._encoding = _Load(PRIOR_CORES)
        self._sessions = dict(sessions)

    def note_slow(self, tick: float) -> None:
        """A ladder here has fallen behind for so long that it sheds a rung."""
        self._slow_until = tick + SLOW_SECONDS

    def ban(self, encoder: str, tick: float) -> None:
        """It failed in a run: plan without it for a while."""
        if encoder in self._sessions:
            self._banned[encoder] = tick + BANNED_SECONDS

    def release(self, holder: str) -> None:
        """The session is over."""
        self._shares.pop(holder, None)
        self._count()

    def _bounded(self, free: float, tick: float) -> float:
        return min(0.0, free) if tick < self._slow_until else free

    def _held(self, share: _Share, otherwise: float) -> float:
        if share.encoding is None:
            return otherwise
        encoding = max(share.encoding * self._encoding.ratio, share.measured or 0.0)
        return encoding + share.packaging * self._packaging.ratio

    def _count(self) -> None:
        planned_cores.set(self.planned_cores / self._cores)
