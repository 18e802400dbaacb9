"""What stands over a room's lines, as its log tells it.  Pure.

`joined` carries it, so it has to be that of the position beside it: the rules as Postgres knows them may be ahead of
the log (committed, not yet announced) or behind it (a reading that began before the commit).  So what the log says
comes after what the rules said, and only where the log is silent do the rules speak.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from chat.wire import Event, Modes, ModesChanged, Pinned, Unpinned


@dataclass(frozen=True, slots=True)
class Board:
    """The room's modes, and the event that pinned what is pinned."""

    modes: Modes
    pinned: Pinned | None = None

    def after(self, event: Event) -> Self:
        """The board once the event was told."""
        match event:
            case ModesChanged():
                return replace(self, modes=Modes(event.slow_seconds, event.followers_only_seconds))
            case Pinned():
                return replace(self, pinned=event)
            case Unpinned():
                return replace(self, pinned=None)
            case _:
                is_removed = self.pinned and event.removal and event.removal.hits(self.pinned.message)
                return replace(self, pinned=None) if is_removed else self

    def after_all(self, events: Iterable[Event]) -> Self:
        """The board once all of them were told, oldest first."""
        board = self
        for event in events:
            board = board.after(event)
        return board
