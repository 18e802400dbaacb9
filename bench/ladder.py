"""The highest rate that passes, by a search and by a climb; and what several rounds say together.  No clock, no I/O."""

from collections.abc import Callable, Sequence
from statistics import median

GROWTH = 1.6
"""Between the steps of a search until one fails."""
RESOLUTION = 1.08
"""Two neighbouring rates of a result: it is right to 8 %."""


def search(passes: Callable[[float], bool], start: float, most: float) -> float:
    """The highest passing rate, at most `most`: up (or down) by `GROWTH`, then halves between pass and failure.

    Returns 0 when not even a hundredth of `start` passes.
    """
    low, high = 0.0, most * RESOLUTION
    rate = min(start, most)
    while low < most and high / max(low, 1e-9) > RESOLUTION:
        if passes(rate):
            low = rate
        else:
            high = rate
        if low == 0 and high <= start / 100:
            return 0.0
        if low == 0:
            rate = high / GROWTH
        elif high > most:
            rate = min(low * GROWTH, most)
        else:
            rate = (low * high) ** 0.5
    return low


def climb(passes: Callable[[float], bool], best: float, most: float) -> float:
    """Confirm an earlier result: from below it up in steps of `RESOLUTION` to the first failure.

    Where the first step fails it goes down instead: what passed once may have been luck.
    """
    rate = min(best, most) / RESOLUTION
    if not passes(rate):
        while rate > best / 4:
            rate /= RESOLUTION
            if passes(rate):
                return rate
        return 0.0
    while rate < most:
        higher = min(rate * RESOLUTION, most)
        if not passes(higher):
            break
        rate = higher
    return rate


def median_ratio(values: Sequence[float], baselines: Sequence[float]) -> float:
    """The median over the rounds of each round's own ratio: what drifts in the machine drifts for both."""
    return median(value / baseline for value, baseline in zip(values, baselines, strict=True))
