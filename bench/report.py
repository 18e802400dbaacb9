"""The last line of every bench: one JSON object, and an exit status that says whether the goals were met."""

import json
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number beside its goal; `baseline` is what the ratio or goal is taken against, if anything."""

    value: float
    unit: str
    goal: float | None = None
    baseline: float | str | None = None
    better: Literal["lower", "higher"] = "lower"

    @property
    def is_met(self) -> bool:
        """Is the goal reached?  A figure without goal always is."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


def report(bench: str, figures: dict[str, Figure]) -> int:
    """Print the result; returns the exit status: 1 when a goal was missed."""
    passed = all(figure.is_met for figure in figures.values())
    rows = {
        name: {"value": figure.value, "unit": figure.unit, "goal": figure.goal, "baseline": figure.baseline}
        for name, figure in figures.items()
    }
    print(json.dumps({"bench": bench, "passed": passed, "figures": rows}), flush=True)
    return 0 if passed else 1


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]
