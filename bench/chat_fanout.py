"""One room of 1,000 members, 20 messages a second: seconds from a send to the last member that has it, and losses.

`python -m bench.chat_fanout [--members N] [--rate N] [--seconds N]`: a real web process with durable Postgres and Redis
on loopback; every member has an account and a token.  The latency of a message runs from its *scheduled* send (no
coordinated omission) to the moment the last of all members has read it.
"""

import argparse
import asyncio
import json
import os
import random
import secrets
import sys
import time
from dataclasses import dataclass, field
from typing import cast

import uvloop

from bench.crowd import make_crowd
from bench.report import Figure, percentile, report
from bench.services import bench_folder, cpu_seconds, stores, web_processes
from server.db.pool import open_pool
from tests.services.chat import JSON, Account, WebProcess, masked

GOAL_P99_MS = 100.0
SENDERS = 50
"""Members who speak, in turn: each stays under the rate of a member."""
WARM_UP_SECONDS = 2.0
SETTLE_SECONDS = 5.0


@dataclass(slots=True)
class Tally:
    """What all members together saw."""

    received: dict[int, int] = field(default_factory=dict)
    """Deliveries by number of the message."""
    last_at: dict[int, float] = field(default_factory=dict)
    order_errors: int = 0
    closed: int = 0
    acks: set[int] = field(default_factory=set)
    refused: int = 0


class Member(asyncio.Protocol):
    """A member's socket: parses just enough to count, so that the load generator is not what is measured."""

    def __init__(self, tally: Tally, account: Account, room: str) -> None:
        self._tally, self._account, self._room = tally, account, room
        self._buffer = b""
        self._offset = 0
        self._is_open = False
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self.transport.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + JSON.encode() + b"\r\n\r\n"
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody should lose a connection."""
        if not self.is_leaving:
            self._tally.closed += 1
        if not self.joined.done():
            self.joined.set_exception(exc or ConnectionError("closed before it joined"))

    def write(self, **frame: object) -> None:
        """Send a frame."""
        self.transport.write(masked(json.dumps(frame).encode()))

    def data_received(self, data: bytes) -> None:
        """Count what is complete."""
        self._buffer += data
        if not self._is_open:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            assert b" 101 " in head, head
            self._is_open, self._buffer = True, rest
            self.write(t="hello", id=1, token=self._account.token)
        start, buffer = 0, self._buffer
        while len(buffer) - start >= 2:
            size, at = buffer[start + 1], start + 2
            if size == 126:
                size, at = int.from_bytes(buffer[at : at + 2]), at + 2
            elif size == 127:
                size, at = int.from_bytes(buffer[at : at + 8]), at + 8
            if len(buffer) < at + size:
                break
            if buffer[start] == 0x81:
                self._read(buffer[at : at + size])
            start = at + size
        self._buffer = buffer[start:]

    def _read(self, frame: bytes) -> None:
        kind = frame[6 : frame.index(b'"', 6)]
        if kind == b"event":
            tally = self._tally
            place = frame.index(b'"offset":') + 9
            offset = int(frame[place : frame.index(b",", place)])
            if self._offset and offset != self._offset + 1:
                tally.order_errors += 1
            self._offset = offset
            text = frame.index(b'"text":"') + 8
            number = int(frame[text : frame.index(b" ", text)])
            tally.received[number] = tally.received.get(number, 0) + 1
            tally.last_at[number] = time.perf_counter()
        elif kind == b"welcome":
            self.write(t="join", id=2, room=self._room)
        elif kind == b"joined":
            self.joined.set_result(None)
        elif kind == b"ack":
            self._tally.acks.add(json.loads(frame)["id"] - 10)
        elif kind == b"error":
            self._tally.refused += 1


async def measure(database_url: str, web: WebProcess, members: int, rate: float, seconds: float) -> dict[str, Figure]:
    """Fill the room, talk, count."""
    async with open_pool(database_url) as db:
        accounts = await make_crowd(db, members)
    tally, room, loop = Tally(), accounts[0].room, asyncio.get_running_loop()
    sockets: list[Member] = []
    started = time.perf_counter()
    for at in range(0, members, 50):
        batch = [
            (await loop.create_connection(lambda a=account: Member(tally, a, room), "127.0.0.1", web.port))[1]  # type: ignore[misc]
            for account in accounts[at : at + 50]
        ]
        async with asyncio.timeout(30):
            await asyncio.gather(*(member.joined for member in batch))
        sockets += batch
    joined_seconds = time.perf_counter() - started
    print(f"{members} members joined in {joined_seconds:.1f} s", flush=True)
    server_before, own_before = cpu_seconds(web.process.pid), time.process_time()
    scheduled = await _talk(sockets[:SENDERS], room, rate, WARM_UP_SECONDS + seconds)
    ends = time.perf_counter() + SETTLE_SECONDS
    expected = members * len(scheduled)
    while time.perf_counter() < ends and sum(tally.received.values()) < expected:  # noqa: ASYNC110  # counted, not told
        await asyncio.sleep(0.05)
    server = cpu_seconds(web.process.pid) - server_before
    print(f"load generator: {time.process_time() - own_before:.1f} s of CPU, load {os.getloadavg()[0]:.1f}", flush=True)
    for member in sockets:
        member.is_leaving = True
        member.transport.close()
    figures = _figures(tally, scheduled, members, rate * WARM_UP_SECONDS)
    figures["server_cpu_per_delivery"] = Figure(round(server / max(1, sum(tally.received.values())) * 1e6, 2), "us")
    figures["joins_per_second"] = Figure(round(members / joined_seconds), "1/s")
    return figures


async def _talk(speakers: list[Member], room: str, rate: float, seconds: float) -> dict[int, float]:
    """Send at the planned times; each message's planned time by its number."""
    scheduled: dict[int, float] = {}
    begin = time.perf_counter() + 0.5
    for number in range(int(rate * seconds)):
        due = begin + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        scheduled[number] = due
        padding = "lorem ipsum dolor sit amet"[: random.randint(5, 26)]
        speaker = speakers[number % len(speakers)]
        speaker.write(t="send", id=number + 10, room=room, nonce=secrets.token_hex(8), text=f"{number} {padding}.")
    return scheduled


def _figures(tally: Tally, scheduled: dict[int, float], members: int, warm_up: float) -> dict[str, Figure]:
    latencies = [
        (tally.last_at[number] - due) * 1000
        for number, due in scheduled.items()
        if number >= warm_up and tally.received.get(number) == members
    ]
    lost = sum(members - tally.received.get(number, 0) for number in scheduled)
    return {
        "send_to_last_member_p99": Figure(round(percentile(latencies, 0.99), 1), "ms", GOAL_P99_MS),
        "send_to_last_member_p50": Figure(round(percentile(latencies, 0.5), 1), "ms", None),
        "send_to_last_member_max": Figure(round(max(latencies), 1), "ms", None),
        "deliveries_lost": Figure(lost, "deliveries", 0),
        "unacknowledged": Figure(len(scheduled) - len(tally.acks), "messages", 0),
        "order_errors": Figure(tally.order_errors, "deliveries", 0),
        "sockets_lost": Figure(tally.closed, "sockets", 0),
        "deliveries": Figure(sum(tally.received.values()), "deliveries", None),
    }


def main() -> int:
    """Run it; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="measured, after a warm-up")
    arguments = parser.parse_args()
    with bench_folder() as folder, stores(folder) as backing, web_processes(backing, folder) as (web,):
        figures = uvloop.run(measure(backing.database_url, web, arguments.members, arguments.rate, arguments.seconds))
    return report("chat_fanout", figures)


if __name__ == "__main__":
    sys.exit(main())
