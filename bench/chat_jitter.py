"""A thousand readers lose their connection for 2 s again and again, while both web processes are killed and replaced.

`python -m bench.chat_jitter [--readers N] [--rate N] [--seconds N]`: two web processes, `jobs`, durable Postgres and
Redis.  Each reader is cut off without a close frame about every 10 s.  First each web process is killed -9 and started
again a second later, as `./run` does; then (`rolling_`) each is asked to stop and replaced, and nobody is cut off: a
rolling deploy.  Counted at the end, for every reader: every acknowledged line, once, in one order.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import uvloop

from bench.crowd import make_crowd, make_moderators
from bench.readers import Ledger, Reader, settle
from bench.report import Figure, percentile, report
from bench.services import Stores, bench_folder, cpu_seconds, jobs_process, stores
from server.db.pool import open_pool
from tests.services.chat import WebProcess, web_process

SPEAKERS = 50
DROP_EVERY_SECONDS, DROP_FOR_SECONDS = 10.0, 2.0
RESTART_SECONDS = 1.0
"""What `./run` takes to start a dead process again."""
SETTLE_SECONDS = 15.0


class Pair:
    """Two web processes, each on a port of its own that it keeps through its successors."""

    def __init__(self, backing: Stores, folder: Path) -> None:
        self._backing, self._folder = backing, folder
        self._stack = ExitStack()
        self.webs: list[WebProcess] = []
        self.dead: set[int] = set()
        """Ports at which nobody answers now: a balancer would know."""

    def __enter__(self) -> Self:
        self.webs = [self._start(None) for _ in range(2)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, port: int | None) -> WebProcess:
        backing = self._backing
        return self._stack.enter_context(web_process(backing.database_url, backing.redis_url, self._folder, port=port))

    def port(self) -> int:
        """Where the next socket goes."""
        return random.choice([web.port for web in self.webs if web.port not in self.dead] or [self.webs[0].port])

    async def replace(self, index: int, sign: signal.Signals) -> float:
        """End one process and start its successor; answers the seconds until it had ended."""
        web, started = self.webs[index], time.monotonic()
        self.dead.add(web.port)
        web.process.send_signal(sign)
        await asyncio.to_thread(web.process.wait)
        ended = time.monotonic() - started
        await asyncio.sleep(RESTART_SECONDS)
        self.webs[index] = await asyncio.to_thread(self._start, web.port)
        self.dead.discard(web.port)
        return ended


@dataclass(slots=True)
class Room:
    """The readers, what they said, and what numbers come next."""

    readers: list[Reader]
    ledger: Ledger
    said: int = 0


async def talk(room: Room, rate: float, seconds: float) -> None:
    """Numbered lines at the planned times, by the speakers in turn, whether or not they are connected."""
    begin = time.perf_counter()
    for turn in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begin + turn / rate - time.perf_counter()))
        room.readers[room.said % SPEAKERS].say(room.said, "lorem ipsum dolor sit amet"[: random.randint(5, 26)])
        room.said += 1


async def shake(readers: list[Reader], seconds: float) -> int:
    """Cut every reader off about every ten seconds; answers how often."""
    cuts, loop = 0, asyncio.get_running_loop()
    ends = loop.time() + seconds
    due = sorted((loop.time() + random.uniform(0, DROP_EVERY_SECONDS), index) for index in range(len(readers)))
    while due and due[0][0] < ends:
        at, index = due.pop(0)
        await asyncio.sleep(max(0.0, at - loop.time()))
        readers[index].drop(DROP_FOR_SECONDS)
        cuts += 1
        due.append((at + DROP_EVERY_SECONDS, index))
    return cuts


async def until(is_true: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition of our own counting."""
    ends = time.monotonic() + seconds
    while not is_true() and time.monotonic() < ends:  # noqa: ASYNC110  # counted, not told
        await asyncio.sleep(0.05)
    return is_true()


async def fill(database_url: str, count: int, pair: Pair, stack: AsyncExitStack) -> Room:
    """So many readers in one room; the first ones may speak as moderators."""
    async with open_pool(database_url) as db:
        accounts = await make_crowd(db, count)
        await make_moderators(db, accounts[-1].room, accounts[:SPEAKERS])
    ledger = Ledger()
    readers = [Reader(ledger, account, accounts[-1].room, pair.port) for account in accounts]
    for at in range(0, count, 100):
        for reader in readers[at : at + 100]:
            reader.start()
            stack.callback(reader.end)
        if not await until(lambda at=at: all(reader.is_in for reader in readers[at : at + 100]), 30):  # type: ignore[misc]
            raise TimeoutError("the readers did not come in")
    return Room(readers, ledger)


async def measure(backing: Stores, folder: Path, count: int, rate: float, seconds: float) -> dict[str, Figure]:
    """Kills and drops, then a rolling deploy; then the account."""
    with Pair(backing, folder) as pair:
        async with AsyncExitStack() as stack:
            room = await fill(backing.database_url, count, pair, stack)
            ledger, readers = room.ledger, room.readers
            own, begun = time.process_time(), time.monotonic()
            jitter = asyncio.gather(talk(room, rate, seconds), shake(readers, seconds))
            for index in range(2):
                await asyncio.sleep(seconds / 3)
                await pair.replace(index, signal.SIGKILL)
            drops = (await jitter)[1]
            await whole(room)
            joins = [took for _, took in ledger.joins[count:]]
            ledger.cuts = 0
            rolling_from = len(ledger.told_seconds)
            rolling = asyncio.create_task(talk(room, rate, seconds / 2))
            ended = [await pair.replace(index, signal.SIGTERM) for index in range(2)]
            await rolling
            await whole(room)
            share = (time.process_time() - own) / (time.monotonic() - begun)
            print(f"readers' process: {share:.2f} of a core, load {os.getloadavg()[0]:.1f}", flush=True)
            print(f"web: {[round(cpu_seconds(web.process.pid), 1) for web in pair.webs]} s of CPU", flush=True)
            slowest = max(seconds for _, seconds in ledger.told_seconds[rolling_from:])
            return figures(room, drops, joins, max(ended), slowest)


async def whole(room: Room) -> None:
    """Everything said is answered, and everybody has it, or the time is over."""
    ledger, readers = room.ledger, room.readers
    await until(lambda: sum(ledger.answers.values()) >= room.said, SETTLE_SECONDS)
    await until(lambda: settle(ledger, readers).lost == 0, SETTLE_SECONDS)


def figures(room: Room, drops: int, joins: list[float], ended: float, slowest: float) -> dict[str, Figure]:
    """The account of everything, with its goals."""
    ledger = room.ledger
    sum_ = settle(ledger, room.readers)
    refused = sum(count for code, count in ledger.answers.items() if code != "ack")
    delivered = 100 * (1 - (sum_.lost + sum_.declared) / sum_.deliveries)
    return {
        "delivered": Figure(round(delivered, 5), "%", 100, better="higher"),
        "deliveries_lost": Figure(sum_.lost, "deliveries", 0),
        "deliveries_declared_lost": Figure(sum_.declared, "deliveries", 0),
        "shown_twice": Figure(sum_.twice, "deliveries", 0),
        "out_of_order": Figure(ledger.disorder, "deliveries", 0),
        "said": Figure(room.said, "messages"),
        "unacknowledged": Figure(room.said - len(ledger.acknowledged), "messages", 0),
        "said_twice": Figure(len(ledger.at) - len(set(ledger.at.values())), "messages", 0),
        "refused": Figure(refused, "messages", 0),
        "drops": Figure(drops, "drops"),
        "back_in_the_room_p99": Figure(round(percentile(joins, 0.99) * 1000), "ms"),
        "rolling_cut_off": Figure(ledger.cuts, "sockets", 0),
        "rolling_slowest_answer": Figure(round(slowest * 1000), "ms", 1000),
        "rolling_process_ended_within": Figure(round(ended, 1), "s"),
        "deliveries": Figure(sum_.deliveries, "deliveries"),
    }


def main() -> int:
    """Run it; the exit status says whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=25.0, help="messages a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="of drops and kills; half as long for the deploy")
    arguments = parser.parse_args()
    with bench_folder() as folder, stores(folder) as backing, jobs_process(backing, folder):
        result = uvloop.run(measure(backing, folder, arguments.readers, arguments.rate, arguments.seconds))
    return report("chat_jitter", result)


if __name__ == "__main__":
    sys.exit(main())
