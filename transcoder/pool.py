"""Share this worker's cores among its broadcasts by what their ladders cost."""

from transcoder.figures import planned_cores

MAX_JOBS = 64
LEAST_CORES = 0.15
"""With less left than the cheapest rung costs, a worker leaves new jobs to others."""


class Pool:
    """The core budget; whoever is admitted holds a share until it lets go."""

    def __init__(self, cores: float) -> None:
        self._cores = cores
        self._held: dict[str, float] = {}

    def has_room(self) -> bool:
        """May another job be taken?  The first always may."""
        return not self._held or (self.free("") >= LEAST_CORES and len(self._held) < MAX_JOBS)

    def free(self, holder: str) -> float:
        """What this session's ladder may cost; what it holds already counts as free."""
        return self._cores - sum(cores for name, cores in self._held.items() if name != holder)

    def hold(self, holder: str, cores: float) -> None:
        """Enter a session, or change what it holds."""
        self._held[holder] = cores
        self._count()

    def release(self, holder: str) -> None:
        """The session is over."""
        self._held.pop(holder, None)
        self._count()

    def _count(self) -> None:
        planned_cores.set(sum(self._held.values()) / self._cores)
