"""A timing wheel: what falls due is found by looking at one slot, however many items there are.  Pure.

Nothing is ever taken out of it: an item that falls due is given, and knows whether it still cares.
"""

import math
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Wheel(Generic[Item]):
    """Items by the slot of time in which they fall due; `tick` is monotonic seconds."""

    def __init__(self, slot_seconds: float, horizon_seconds: float, tick: float) -> None:
        """An item is given up to `slot_seconds` late, never early, and at the latest after `horizon_seconds`."""
        self._slot_seconds = slot_seconds
        self._slots: list[list[Item]] = [[] for _ in range(math.ceil(horizon_seconds / slot_seconds) + 1)]
        self._next = self._slot_before(tick) + 1
        """The first slot that was not given yet."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, item: Item, due_tick: float) -> None:
        """Give this item in the first turn from `due_tick` on."""
        slot = math.ceil(due_tick / self._slot_seconds)
        slot = min(max(slot, self._next), self._next + len(self._slots) - 1)
        self._slots[slot % len(self._slots)].append(item)
        self._count += 1

    def turn(self, tick: float) -> list[Item]:
        """What fell due since the last turn, in order; after a long sleep everything at most once."""
        last = self._slot_before(tick)
        due: list[Item] = []
        for slot in range(self._next, min(last, self._next + len(self._slots) - 1) + 1):
            place = slot % len(self._slots)
            due += self._slots[place]
            self._slots[place] = []
        self._next = max(self._next, last + 1)
        self._count -= len(due)
        return due

    def _slot_before(self, tick: float) -> int:
        return math.floor(tick / self._slot_seconds)
