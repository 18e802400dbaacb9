"""What a process's sockets are watched by: one timer for all their pings, deadlines and cuts."""

import asyncio
import random
from typing import Protocol

from chat.wheel import Wheel

HORIZON_SECONDS = 60.0
"""Longer than any wait of a socket."""


class Watched(Protocol):
    """A socket, as the sweep knows it."""

    def ping_is_due(self) -> bool:
        """Ping, or give up; False: watch it no more."""

    def deadline_is_due(self, tick: float) -> None:
        """A deadline that was set may be over."""

    def cut_is_due(self) -> None:
        """It closed, and had its time to say so."""


class Sweep:
    """Turns its wheels while there are sockets; one for a process and loop."""

    def __init__(self, ping_seconds: float, slot_seconds: float) -> None:
        self._ping_seconds = ping_seconds
        self._slot_seconds = slot_seconds
        self._loop = asyncio.get_running_loop()
        tick = self.tick()
        self._pings, self._deadlines, self._cuts = (
            Wheel[Watched](slot_seconds, HORIZON_SECONDS, tick),
            Wheel[Watched](slot_seconds, HORIZON_SECONDS, tick),
            Wheel[Watched](slot_seconds, HORIZON_SECONDS, tick),
        )
        self._is_turning = False

    def tick(self) -> float:
        """Monotonic seconds; a jump of the clock on the wall is nothing to it."""
        return self._loop.time()

    def watch(self, socket: Watched) -> None:
        """Ping it from now on: the first time at random, so that those who came at once aren't pinged at once."""
        wait_seconds = self._ping_seconds * random.uniform(0.5, 1.0)  # noqa: S311  # jitter
        self._add(self._pings, socket, wait_seconds)

    def remind(self, socket: Watched, seconds: float) -> None:
        """Tell it that its deadline is over, then."""
        self._add(self._deadlines, socket, seconds)

    def cut(self, socket: Watched, seconds: float) -> None:
        """End it then, if it is still there."""
        self._add(self._cuts, socket, seconds)

    def _add(self, wheel: Wheel[Watched], socket: Watched, seconds: float) -> None:
        wheel.add(socket, self.tick() + seconds)
        if not self._is_turning:
            self._is_turning = True
            self._turn_later()

    def _turn_later(self) -> None:
        self._loop.call_later(self._slot_seconds, self._turn_on)

    def _turn_on(self) -> None:
        try:
            self.turn()
        finally:  # whatever went wrong with one socket, the others are still pinged
            self._is_turning = bool(self._pings or self._deadlines or self._cuts)
            if self._is_turning:
                self._turn_later()

    def turn(self) -> None:
        """Do what fell due."""
        tick = self.tick()
        for socket in self._cuts.turn(tick):
            socket.cut_is_due()
        for socket in self._deadlines.turn(tick):
            socket.deadline_is_due(tick)
        for socket in self._pings.turn(tick):
            if socket.ping_is_due():
                self._pings.add(socket, tick + self._ping_seconds)
