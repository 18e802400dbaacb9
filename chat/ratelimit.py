"""How fast is too fast: a token bucket, and the allowance of each role.  Pure: `tick` (monotonic seconds) comes in."""

from dataclasses import dataclass

from chat.wire import Role


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` at once, then one more every `refill_ms`."""

    burst: int
    refill_ms: int


MEMBER = Allowance(burst=5, refill_ms=1000)
MODERATOR = Allowance(burst=20, refill_ms=200)
"""Owners and moderators, who answer many."""
FRAMES = Allowance(burst=200, refill_ms=20)
"""Frames of one socket, whatever they ask; a page that enters 100 rooms at once sends 101."""


def allowance_of(role: Role) -> Allowance:
    """Messages of one member in one room."""
    return MODERATOR if role in {"owner", "moderator"} else MEMBER


class Bucket:
    """A token bucket, full at first."""

    def __init__(self, allowance: Allowance, tick: float) -> None:
        self._allowance = allowance
        self._tokens = float(allowance.burst)
        self._tick = tick

    def take(self, tick: float) -> bool:
        """Take one token; False when there is none."""
        gained = (tick - self._tick) * 1000 / self._allowance.refill_ms
        self._tokens = min(self._allowance.burst, self._tokens + gained)
        self._tick = tick
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
