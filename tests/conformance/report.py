"""All checks in one go, and their table."""

from collections.abc import Sequence

from tests.conformance import delivery, lists, low_latency, variants
from tests.conformance.follower import Observation, follow
from tests.conformance.verdict import Check, Verdict

CHECKS: tuple[Check, ...] = (*lists.CHECKS, *variants.CHECKS, *low_latency.CHECKS, *delivery.CHECKS)


async def examine(url: str, seconds: float) -> tuple[Observation, list[Verdict]]:
    """Follow the origin behind a multivariant playlist and judge every point."""
    seen = await follow(url, seconds)
    return seen, [check(seen) for check in CHECKS]


def table(verdicts: Sequence[Verdict]) -> str:
    """One line a point."""
    return "\n".join(f"{item.point:>3}  {item.status:<9}  {item.name:<26}  {item.reason}" for item in verdicts)


def score(verdicts: Sequence[Verdict]) -> str:
    """How many of all points are kept, or broken for reasons that are argued."""
    passed, argued = (sum(item.status == status for item in verdicts) for status in ("PASS", "DEVIATION"))
    return f"{passed + argued} of {len(verdicts)}: {passed} kept, {argued} argued deviations"
