"""Ten million frames, right and wrong ones, through the parser and the protocol object: no crash, no leak.

Valid streams of frames of every kind are mangled (bytes overwritten, cut out, doubled, swapped), cut into pieces and
fed to the transport's protocol as a loop would, over a transport that is none.  Nothing may come out of it but whole
messages to the conversation and whole frames to the peer, and what it held must be let go of.  The seed is printed.
"""

import argparse
import asyncio
import gc
import os
import random
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import uvloop
from uvicorn.server import ServerState

from bench.report import Figure, report
from chat.framing import Received
from chat.handshake import Handshake
from chat.opening import Opening
from chat.outlet import Outlet
from chat.sweep import Sweep
from chat.transport import SocketProtocol, Sockets
from tests.services.frames import client_frame
from tests.services.rfc6455 import deflated

FRAMES = 10_000_000
TRACED_FRAMES = 300_000
"""With tracemalloc on, which is several times slower."""
POOL_FRAMES = 4_000
STREAM_FRAMES = 150
"""Of one connection; the limit of frames at once is beyond it."""
RSS_GOAL_MB = 8.0
TRACED_GOAL_KB = 64.0
CRASHED = (1011).to_bytes(2)


class Wire:
    """A transport that keeps nothing but what must be checked."""

    def __init__(self) -> None:
        self.protocol: SocketProtocol | None = None
        self.crashes = 0
        self.bad_frames = 0
        self.is_closing = False
        self._is_reading = True

    def write(self, data: bytes) -> None:
        """Look at what would leave."""
        if data[:1] == b"\x88" and data[2:4] == CRASHED:
            self.crashes += 1
        if data[0] not in {0x81, 0x82, 0x88, 0x89, 0x8A, 0x48}:  # 0x48: the H of the answer to the handshake
            self.bad_frames += 1

    def close(self) -> None:
        """The end comes when the bench says so."""
        self.is_closing = True

    abort = write_eof = close

    def can_write_eof(self) -> bool:
        """As TCP can."""
        return True

    def is_reading(self) -> bool:
        """Whether the protocol lets us."""
        return self._is_reading

    def pause_reading(self) -> None:
        """The protocol has enough."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """The protocol wants more."""
        self._is_reading = True

    def set_write_buffer_limits(self, high: int | None = None) -> None:
        """Nothing is buffered."""

    def get_write_buffer_size(self) -> int:
        """Nothing is buffered."""
        return 0


class Counted(SocketProtocol):
    """Counts what the parser gave, and each fault it found as one frame."""

    __slots__ = ("frames",)
    frames: int

    def _take(self, received: Received, tick: float) -> None:
        self.frames += 1
        super()._take(received, tick)

    def _hang_up(self, code: int, reason: str) -> None:
        self.frames += 1
        super()._hang_up(code, reason)


class VirtualSweep(Sweep):
    """A sweep whose time the bench makes."""

    now = 1_000.0

    def tick(self) -> float:
        """The bench's time."""
        return self.now

    def _turn_later(self) -> None:
        """The bench turns it."""


class Talker:
    """Answers some messages later; every message must be what it says it is."""

    def __init__(self, outlet: Outlet, later: Callable[[], "asyncio.Future[None] | None"]) -> None:
        self.outlet = outlet
        self.messages = 0
        self.losses = 0
        self._later = later

    def take(self, data: bytes | str) -> "asyncio.Future[None] | None":
        """Count it."""
        self.messages += 1
        if len(data) > 16384:
            raise AssertionError("larger than the bound")
        return self._later()

    def lost(self) -> None:
        """Count it."""
        self.losses += 1


def pool(rng: random.Random) -> list[bytes]:
    """Valid messages and control frames of every kind and size, masked at random."""
    sizes = [0, 1, 5, 20, 60, 100, 125, 126, 127, 300, 1000, 4000, 16384]
    weights = [2, 2, 4, 8, 8, 4, 2, 2, 2, 1, 0.5, 0.2, 0.1]
    frames = []
    for _ in range(POOL_FRAMES):
        size = rng.choices(sizes, weights)[0]
        text = "".join(rng.choices('abc é漢😀{}:"', k=size)).encode()[:size].decode(errors="ignore").encode()
        mask = rng.randbytes(4)
        frames.append(
            rng.choices(
                [
                    client_frame(1, text, mask=mask),
                    client_frame(2, rng.randbytes(size), mask=mask),
                    client_frame(1, text[:20], fin=False, mask=mask) + client_frame(0, text[20:], mask=mask),
                    client_frame(9, rng.randbytes(min(size, 125)), mask=mask),
                    client_frame(10, mask=mask),
                    client_frame(1, deflated(text), rsv=4, mask=mask),
                    client_frame(8, b"\x03\xe8bye", mask=mask),
                ],
                [8, 6, 3, 2, 2, 1, 0.05],
            )[0]
        )
    return frames


def mangle(rng: random.Random, stream: bytes) -> bytes:
    """Break a stream in up to three places."""
    data = bytearray(stream)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        at = rng.randrange(len(data))
        match rng.randrange(6):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                del data[at : at + rng.randint(1, 9)]
            case 3:
                data[at:at] = data[at : at + rng.randint(1, 40)]
            case 4:
                data[at : at + 4] = rng.randbytes(4)
            case _:
                data[at:at] = rng.randbytes(rng.randint(1, 4))
        if not data:
            return b"\x81"
    return bytes(data)


class Fuzz:
    """One run: connections made, fed and ended, and what came of them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.pool = pool(self.rng)
        self.frames = self.connections = self.messages = self.closed = self.crashes = self.bad_frames = self.losses = 0
        self._state = ServerState()
        self._sockets = Sockets()
        self._sweep = VirtualSweep(20.0, 0.25)
        self._sockets._sweep = self._sweep  # noqa: SLF001  # time is the bench's

    async def run(self, frames: int) -> None:
        """Feed so many frames more."""
        goal = self.frames + frames
        while self.frames < goal:
            for _ in range(50):
                await self._connect()
            self._go_on(3.0)
            await asyncio.sleep(0)
        self._go_on(60.0)  # what the sweep still held it lets go of

    def _go_on(self, seconds: float) -> None:
        self._sweep.now += seconds
        self._sweep.turn()

    async def _connect(self) -> None:
        rng, wire = self.rng, Wire()
        may_deflate = rng.random() < 0.2
        handshake = Handshake(b"", [], [b"permessage-deflate"])
        socket = Counted(self._sockets, self._state, cast("asyncio.Transport", wire))
        socket.frames = 0
        opening = Opening(socket, handshake, [], may_deflate=may_deflate)
        talker = Talker(socket, self._later)

        async def app(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "websocket.accept"})
            socket.converse(talker)

        socket.open(opening, app, {"path": "/", "extensions": {}})
        await asyncio.sleep(0)
        stream = mangle(rng, b"".join(rng.choices(self.pool, k=rng.randint(1, STREAM_FRAMES))))
        at = 0
        while at < len(stream) and not wire.is_closing:
            size = rng.choice((1, 7, 50, 700, 5000, len(stream)))
            socket.data_received(stream[at : at + size])
            at += size
            while not wire.is_reading():  # noqa: ASYNC110  # turns of the loop are what is wanted
                await asyncio.sleep(0)
        self.closed += wire.is_closing
        socket.connection_lost(None)
        await asyncio.sleep(0)
        self.connections += 1
        self.frames += socket.frames
        self.messages += talker.messages
        self.crashes += wire.crashes
        self.bad_frames += wire.bad_frames
        self.losses += talker.losses

    def _later(self) -> "asyncio.Future[None] | None":
        if self.rng.random() < 0.98:
            return None
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        return future


def rss_mb() -> float:
    """What this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def measure(frames: int, seed: int) -> dict[str, Figure]:
    """Warm up, run, and compare what is held."""
    fuzz = Fuzz(seed)
    await fuzz.run(frames // 10)
    gc.collect()
    before, started = rss_mb(), time.process_time()
    await fuzz.run(frames - frames // 10 - TRACED_FRAMES)
    spent = time.process_time() - started
    gc.collect()
    grown = rss_mb() - before
    tracemalloc.start()
    await fuzz.run(TRACED_FRAMES // 3)
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0]
    await fuzz.run(TRACED_FRAMES * 2 // 3)
    gc.collect()
    leaked = (tracemalloc.get_traced_memory()[0] - traced) / 1e3
    tracemalloc.stop()
    return {
        "frames": Figure(fuzz.frames, "frames", goal=frames, better="higher"),
        "connections": Figure(fuzz.connections, "connections"),
        "messages": Figure(fuzz.messages, "messages"),
        "closed_by_us_or_peer": Figure(fuzz.closed, "connections"),
        "crashes": Figure(fuzz.crashes, "crashes", goal=0),
        "frames_of_ours_that_are_none": Figure(fuzz.bad_frames, "frames", goal=0),
        "conversations_not_ended_once": Figure(abs(fuzz.connections - fuzz.losses), "conversations", goal=0),
        "rss_growth": Figure(round(grown, 2), "MB", goal=RSS_GOAL_MB),
        "traced_growth": Figure(round(leaked, 1), "kB", goal=TRACED_GOAL_KB),
        "cpu_per_frame": Figure(round(spent / (frames * 0.9 - TRACED_FRAMES) * 1e6, 2), "µs, generator included"),
    }


def main() -> int:
    """Parse the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    return report("websocket_fuzz", uvloop.run(measure(arguments.frames, arguments.seed)))


if __name__ == "__main__":
    sys.exit(main())
