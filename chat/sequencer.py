"""One room's log in order: releases contiguous offsets, drops repeats, reports holes.  Pure.

Two sources feed it with the same entries: the script's reply to our own publish, and the subscriber.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from chat.room import Position

T = TypeVar("T")

HELD_MAX = 2000
"""Entries held behind a hole or before `start`; what comes beyond is dropped and read from the log later."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Entries after `after` and before `before` are missing: read them from the log."""

    after: int
    before: int


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """What the shell must do: deliver `released` in order, then fill the hole or begin anew."""

    released: list[tuple[int, T]] = field(default_factory=list)
    hole: Hole | None = None
    is_new_epoch: bool = False
    """The log began anew: forget the position and read it."""


class Sequencer(Generic[T]):
    """Holds entries until `start` tells the position that history ends at; then keeps the order."""

    def __init__(self) -> None:
        self._epoch: str | None = None
        self._offset = 0
        self._held: dict[int, T] = {}
        self._early: list[tuple[str, int, T]] = []

    @property
    def position(self) -> Position | None:
        """The last released place; None before `start`."""
        return None if self._epoch is None else Position(self._epoch, self._offset)

    def pause(self) -> None:
        """Hold what comes until the next `start`."""
        self._epoch = None
        self._held.clear()

    def start(self, epoch: str, offset: int) -> Step[T]:
        """History is known up to here; merge what came early."""
        self._epoch, self._offset = epoch, offset
        self._held = {place: item for born, place, item in self._early if born == epoch and place > offset}
        self._early = [entry for entry in self._early if entry[0] > epoch]
        return Step(is_new_epoch=True) if self._early else self._settle()

    def feed(self, epoch: str, offset: int, item: T) -> Step[T]:
        """Take one entry from either source."""
        if epoch == self._epoch:
            return self._take([(offset, item)])
        # Epochs sort by birth: an older one is an echo of the log that was lost.
        if self._epoch is not None and epoch < self._epoch:
            return Step()
        if len(self._early) < HELD_MAX:
            self._early.append((epoch, offset, item))  # what is read of the new log may end before it
        return Step(is_new_epoch=self._epoch is not None)

    def fill(self, epoch: str, entries: Iterable[tuple[int, T]]) -> Step[T]:
        """Entries read from the log, for a hole or after a silence."""
        return self._take(entries) if epoch == self._epoch else Step()

    def _take(self, entries: Iterable[tuple[int, T]]) -> Step[T]:
        for offset, item in entries:
            if offset > self._offset and (len(self._held) < HELD_MAX or offset == self._offset + 1):
                self._held.setdefault(offset, item)
        return self._settle()

    def _settle(self) -> Step[T]:
        released = []
        while self._offset + 1 in self._held:
            self._offset += 1
            released.append((self._offset, self._held.pop(self._offset)))
        return Step(released, Hole(self._offset, min(self._held)) if self._held else None)
