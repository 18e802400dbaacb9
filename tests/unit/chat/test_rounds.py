"""chat.rounds: rooms that are due share one call, gaps share one timer, and a huge pass lets others come between."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from chat.audience import Audience, Socket
from chat.fanout import CHUNK_SOCKETS, Fanout
from chat.rounds import SLICE_SECONDS, Rounds
from chat.shared import Shared, SharedFrame
from chat.wire import Encoding, Pong, encode
from tests.unit.chat.sockets import Reading, listening_socket

GAP_MAX = 0.01


class HandCrankedLoop:
    """Time stands still but for `advance`; what is called runs in `turn`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.soon: list[Callable[[], None]] = []
        self.timers: list[tuple[float, Callable[[], None], Timer]] = []

    def call_soon(self, work: Callable[[], None]) -> None:
        self.soon.append(work)

    def call_later(self, seconds: float, work: Callable[[], None]) -> "Timer":
        timer = Timer()
        self.timers.append((self.now + seconds, work, timer))
        return timer

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for work in soon:
            work()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer[0] <= self.now]
        self.timers = [timer for timer in self.timers if timer[0] > self.now]
        for _, work, timer in due:
            if not timer.is_cancelled:
                work()


class Timer:
    """A handle."""

    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Slow(Reading):
    """Each write takes a while of the loop's time."""

    def __init__(self, loop: HandCrankedLoop, seconds: float) -> None:
        super().__init__()
        self._loop, self._seconds = loop, seconds

    def write(self, data: bytes) -> None:
        super().write(data)
        self._loop.now += self._seconds


class House:
    """Rooms over one `Rounds`."""

    def __init__(self, *, is_joining: bool = True) -> None:
        self.loop = HandCrankedLoop()
        self.slow: list[Socket] = []
        self.passed: list[Shared] = []
        self.rounds = Rounds(
            self.slow.append,
            self.passed.extend,
            is_joining=is_joining,
            loop=cast("asyncio.AbstractEventLoop", cast("Any", self.loop)),
            clock=lambda: self.loop.now,
        )

    def room(self, sockets: int = 1, seconds: float = 0.0) -> tuple[Fanout, list[Reading]]:
        fanout = Fanout(Audience(), GAP_MAX)
        outlets: list[Reading] = [Slow(self.loop, seconds) for _ in range(sockets)]
        for outlet in outlets:
            fanout.enter(Socket(outlet, Encoding.JSON))
        return fanout, outlets

    def say(self, fanout: Fanout, number: int) -> None:
        self.rounds.add(fanout, SharedFrame(Pong(number)))


def _payloads(*numbers: int) -> list[bytes]:
    return [encode(Pong(number), Encoding.JSON) for number in numbers]


def test_an_idle_room_writes_with_the_end_of_the_turn() -> None:
    """What became ready in one turn of the loop, in many rooms, costs one call."""
    house = House()
    rooms = [house.room() for _ in range(3)]
    for fanout, _ in rooms:
        house.say(fanout, 1)
        house.say(fanout, 2)
    assert len(house.loop.soon) == 1
    house.loop.turn()
    assert all(outlet.payloads == _payloads(1, 2) for _, (outlet,) in rooms)
    assert all(len(outlet.frames) == 1 for _, (outlet,) in rooms)
    assert len(house.passed) == 6
    assert house.loop.soon == []


def test_a_busy_room_gathers_for_the_gap() -> None:
    """Three costs of the last pass, by a timer that all rooms share; a quiet room doesn't wait for it."""
    house = House()
    (hot, (hot_outlet,)), (warm, (warm_outlet,)), (cold, (cold_outlet,)) = (
        house.room(seconds=cost) for cost in (0.002, 0.001, 0.0)
    )
    for fanout in (hot, warm, cold):
        house.say(fanout, 1)
    house.loop.turn()
    for number in (2, 3):
        for fanout in (hot, warm, cold):
            house.say(fanout, number)
    house.loop.turn()
    assert cold_outlet.payloads == _payloads(1, 2, 3)
    assert warm_outlet.payloads == hot_outlet.payloads == _payloads(1)
    house.loop.advance(0.0032)
    assert warm_outlet.payloads == _payloads(1, 2, 3)
    assert hot_outlet.payloads == _payloads(1)
    house.loop.advance(0.0032)
    assert hot_outlet.payloads == _payloads(1, 2, 3)
    assert len(hot_outlet.frames) == len(warm_outlet.frames) == 2
    house.loop.advance(1)
    house.say(hot, 4)
    assert len(house.loop.soon) == 1


def test_a_timer_that_rings_while_a_turn_is_coming_adds_to_it() -> None:
    """One pass over what is due."""
    house = House()
    hot, (hot_outlet,) = house.room(seconds=0.001)
    cold, (cold_outlet,) = house.room()
    house.say(hot, 1)
    house.loop.turn()
    house.say(hot, 2)
    house.say(cold, 1)
    house.loop.advance(0.01)
    assert cold_outlet.frames == []
    house.loop.turn()
    assert len(hot_outlet.frames) == 2
    assert cold_outlet.payloads == _payloads(1)


def test_a_huge_pass_rests_and_smaller_rooms_come_between() -> None:
    """Each slice ends in time; what became ready meanwhile waits for the pass's end and its gap."""
    house = House()
    huge, outlets = house.room(4 * CHUNK_SOCKETS, seconds=SLICE_SECONDS / CHUNK_SOCKETS)
    small, (small_outlet,) = house.room()
    house.say(huge, 1)
    house.loop.turn()
    assert sum(len(outlet.frames) for outlet in outlets) == CHUNK_SOCKETS
    house.say(huge, 2)
    house.say(small, 1)
    assert len(house.loop.soon) == 1
    house.loop.turn()
    assert sum(len(outlet.frames) for outlet in outlets) == 2 * CHUNK_SOCKETS
    house.loop.turn()
    assert small_outlet.payloads == _payloads(1)
    while house.loop.soon:
        house.loop.turn()
    assert {len(outlet.frames) for outlet in outlets} == {1}
    house.loop.advance(GAP_MAX)
    while house.loop.soon:
        house.loop.turn()
    assert all(outlet.payloads == _payloads(1, 2) for outlet in outlets)


def test_without_joining_each_frame_leaves_as_it_comes() -> None:
    """One write per message and socket, before `add` returns."""
    house = House(is_joining=False)
    fanout, (outlet, _) = house.room(2)
    house.say(fanout, 1)
    house.say(fanout, 2)
    assert [len(write) for write in outlet.frames] == [len(payload) + 2 for payload in _payloads(1, 2)]
    assert house.loop.soon == []


def test_who_is_too_slow_is_reported() -> None:
    """Whoever holds the sockets closes them."""
    house = House()
    fanout, _ = house.room()
    stuck, stuck_outlet = listening_socket()
    stuck_outlet.is_paused = True
    fanout.enter(stuck)
    house.say(fanout, 1)
    house.loop.turn()
    assert house.slow == [stuck]


async def test_the_running_loop_is_the_default() -> None:
    """In the server."""
    seen = asyncio.Event()
    rounds = Rounds(lambda _: None, lambda _: seen.set(), is_joining=True)
    fanout = Fanout(Audience(), GAP_MAX)
    socket, outlet = listening_socket()
    fanout.enter(socket)
    rounds.add(fanout, SharedFrame(Pong(1)))
    async with asyncio.timeout(5):
        await seen.wait()
    assert outlet.payloads == _payloads(1)


@pytest.mark.parametrize("encoding", Encoding)
def test_a_round_keeps_encodings_apart(encoding: Encoding) -> None:
    """Text frames for JSON, binary ones for MessagePack."""
    house = House()
    fanout = Fanout(Audience(), GAP_MAX)
    socket, outlet = listening_socket(encoding=encoding)
    fanout.enter(socket)
    house.say(fanout, 1)
    house.loop.turn()
    assert outlet.frames[0][0] == (0x81 if encoding is Encoding.JSON else 0x82)
