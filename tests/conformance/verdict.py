"""What a check answers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from tests.conformance.follower import Observation


@dataclass(frozen=True, slots=True)
class Verdict:
    """One point of the list, judged."""

    point: int
    name: str
    status: Literal["PASS", "FAIL", "DEVIATION"]
    reason: str


Check = Callable[[Observation], Verdict]


def judged(
    point: int, name: str, faults: Iterable[str], *, deviations: Iterable[str] = (), passed: str = ""
) -> Verdict:
    """FAIL with up to three faults, else DEVIATION with what is argued in `docs/hls.md`, else PASS."""
    found = list(dict.fromkeys(faults))
    if found:
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        return Verdict(point, name, "FAIL", "; ".join(found[:3]) + more)
    argued = list(deviations)
    if argued:
        return Verdict(point, name, "DEVIATION", "; ".join(argued))
    return Verdict(point, name, "PASS", passed)
