"""When the rooms of a process write: those that are due share one call of the loop, the others one timer.

A pass over a huge room rests every few milliseconds, so that joins, acknowledgements and smaller rooms come between.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chat.audience import Socket
from chat.fanout import Fanout
from chat.shared import Shared

SLICE_SECONDS = 0.004
"""Written without a rest: about 1,000 sockets."""
TIMER_SECONDS = 0.0005
"""What is due within half a millisecond is due now: the loop's timers count in milliseconds."""


@dataclass(slots=True)
class _Pass:
    fanout: Fanout
    steps: Iterator[list[Socket]]
    cost_seconds: float = 0.0


class Rounds:
    """The passes of all rooms of this process."""

    def __init__(
        self,
        on_slow: Callable[[Socket], None],
        on_passed: Callable[[list[Shared]], None],
        *,
        is_joining: bool,
        loop: asyncio.AbstractEventLoop | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_slow, self._on_passed = on_slow, on_passed
        self._is_joining = is_joining
        self._loop = loop
        self._clock = clock
        self._passes: deque[_Pass] = deque()
        self._due: list[Fanout] = []
        self._later: list[tuple[float, int, Fanout]] = []
        self._count = 0
        self._is_called = False
        self._timer: asyncio.TimerHandle | None = None

    def add(self, fanout: Fanout, frame: Shared) -> None:
        """A frame of the room is ready: written at once where nothing is joined, else when the room is due."""
        is_first = not fanout.is_waiting
        fanout.add(frame)
        if not self._is_joining:
            begun = _Pass(fanout, fanout.begin())
            self._continue(begun, float("inf"))
            self._end(begun)
        elif is_first and not fanout.is_passing:
            self._schedule(fanout)

    def _schedule(self, fanout: Fanout) -> None:
        if fanout.due <= self._clock() + TIMER_SECONDS:
            self._due.append(fanout)
            self._call()
        else:
            self._count += 1
            heapq.heappush(self._later, (fanout.due, self._count, fanout))
            if self._later[0][2] is fanout:
                self._set_timer()

    def _call(self) -> None:
        if not self._is_called:
            self._is_called = True
            self._running_loop().call_soon(self._turn)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._later[0][0]
        self._timer = self._running_loop().call_later(due - self._clock(), self._ring)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _ring(self) -> None:
        self._timer = None
        now = self._clock() + TIMER_SECONDS
        while self._later and self._later[0][0] <= now:
            self._due.append(heapq.heappop(self._later)[2])
        if self._later:
            self._set_timer()
        if self._due and not self._is_called:
            self._is_called = True
            self._turn()

    def _turn(self) -> None:
        """Begin what is due, and write for as long as a slice lasts, each room in its turn."""
        self._is_called = False
        due, self._due = self._due, []
        self._passes.extend([_Pass(fanout, fanout.begin()) for fanout in due])
        ends = self._clock() + SLICE_SECONDS
        while self._passes:
            begun = self._passes.popleft()
            if self._continue(begun, ends):
                self._end(begun)
                if begun.fanout.is_waiting:
                    self._schedule(begun.fanout)
            else:
                self._passes.append(begun)
                self._call()
                return

    def _continue(self, begun: _Pass, ends: float) -> bool:
        """Write until the tick; True: all is written."""
        began = self._clock()
        tick = began
        try:
            for slow in begun.steps:
                for socket in slow:
                    self._on_slow(socket)
                tick = self._clock()
                if tick >= ends:
                    return False
            return True
        finally:
            begun.cost_seconds += tick - began

    def _end(self, begun: _Pass) -> None:
        self._on_passed(begun.fanout.end(self._clock(), begun.cost_seconds))
