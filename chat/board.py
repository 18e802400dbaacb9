"""What stands over a room's lines, as its log tells it.  Pure.

`joined` carries it, so it has to be that of the position beside it: the rules as Postgres knows them may be ahead of
the log (committed, not yet announced) or behind it (a reading that began before the commit).  So what the log says
comes after what the rules said, and only where the log is silent do the rules speak.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from chat.wire import Event, Modes, ModesChanged


@dataclass(frozen=True, slots=True)
class Board:
    """The room's modes."""

    modes: Modes

    def after(self, event: Event) -> Self:
        """The board once the event was told."""
        match event:
            case ModesChanged():
                return replace(self, modes=Modes(event.slow_seconds, event.followers_only_seconds))
            case _:
                return self

    def after_all(self, events: Iterable[Event]) -> Self:
        """The board once all of them were told, oldest first."""
        board = self
        for event in events:
            board = board.after(event)
        return board
