"""How fast is too fast: a token bucket in one number, and the allowances.  Pure: `tick` (monotonic seconds) comes in.

A bucket is the tick at which it will be full again; 0.0, or any past tick, is a full one.  Source: the generic cell
rate algorithm (ITU-T I.371, annex A) as a virtual schedule.
"""

from dataclasses import dataclass

from chat.wire import Role

_EPSILON_SECONDS = 1e-6
"""For sums of floats: a message that comes exactly in time is in time."""


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
COMMANDS = Allowance(burst=20, refill_ms=200)
"""Of one socket."""
HELLOS = Allowance(burst=5, refill_ms=2000)
"""Of one socket: each may cost a signature and a look-up, and one in ten minutes is all that a page needs."""
JOINS = Allowance(burst=120, refill_ms=200)
"""Of one socket: each costs a backfill of up to 50 messages, and an unknown room a query."""
PAGES = Allowance(burst=40, refill_ms=250)
"""Pages of older messages of one socket: each may cost a query of the archive."""


def allowance_of(role: Role) -> Allowance:
    """Messages of one member in one room."""
    return MODERATOR if role in {"owner", "moderator"} else MEMBER


def spend(allowance: Allowance, full_at: float, tick: float) -> float | None:
    """Take one from the bucket that is full at `full_at`: when it is full then, or None when there is none to take."""
    refill_seconds = allowance.refill_ms / 1000
    full_at = max(tick, full_at) + refill_seconds
    return full_at if full_at - tick <= allowance.burst * refill_seconds + _EPSILON_SECONDS else None


def wait_ms(allowance: Allowance, full_at: float, tick: float) -> int:
    """How long until `spend` gives one again; at least 1."""
    missing_seconds = full_at - tick - (allowance.burst - 1) * allowance.refill_ms / 1000
    return max(1, round(missing_seconds * 1000))
