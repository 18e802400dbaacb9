"""What the admission of one message costs the web process: a frame in, the steps, the event encoded, the ack out.

One core, no network and no Redis: the publish script's reply stands by.  Everything else is the real thing, in the
real loop: session, speaker, admission, wire.  The baseline is msgspec alone: the same frame decoded, an ack encoded.
"""

import argparse
import asyncio
import statistics
import sys
import time
from typing import Any, cast

import uvloop

from bench.report import Figure, report
from chat.audience import Identity, Socket
from chat.hub import Hub
from chat.live_room import LiveRoom
from chat.publisher import Published, Stale
from chat.room import Refusal, RoomRules, Sanction
from chat.session import Doors, Session
from chat.wire import Ack, Encoding, Hello, Message, Send, decode, encode
from tests.fakes.listening import Listening
from tests.fakes.one_room import OneRoom

GOAL_US = 40.0
ROUND_MESSAGES = 5_000
MESSAGES_PER_SESSION = 100
"""Fewer than the frames that one socket may send at once."""
TEXTS = (
    "hello there, this is an ordinary line of chat, isn't it?",
    "gg",
    "Schöne Grüße aus Köln 🎉 — wie geht es euch heute so?",
    "  two   spaces too many, and a family: 👩‍👩‍👧 ",
)
ROOM = 12
RULES = RoomRules(ROOM, 1, 7, frozenset({2}), frozenset({3}), {4: Sanction("timeout", 1), 5: Sanction("ban")}, 0, None)


class Room(OneRoom):
    """Encodes what it is told to say, as the publisher would, and remembers nothing."""

    def say(self, _room: LiveRoom, message: Message, **limits: Any) -> "asyncio.Future[Published | Stale | Refusal]":
        """Published at once: the reply is read in the next turn of the loop."""
        encode(cast("Any", message), Encoding.JSON)
        said = super().say(_room, message, **limits)
        self.said.clear()
        return said


async def speakers(count: int, encoding: Encoding, outlet: Listening) -> list[Session]:
    """Sessions of one member that have said hello."""
    rooms = Room(RULES)
    loop = asyncio.get_running_loop()

    def identify(_hello: Hello) -> "asyncio.Future[Identity]":
        known: asyncio.Future[Identity] = loop.create_future()
        known.set_result(Identity(99, "somebody", "5e551014", time.time() + 600))
        return known

    async def nobody(*_: Any, **__: Any) -> Any:
        raise AssertionError("an ordinary line asks nobody")

    doors = Doors(identify, lambda _: "ticket", nobody, nobody, nobody)
    sockets = [Socket(outlet, encoding, rooms=rooms.here.alone) for _ in range(count)]
    sessions = [Session(cast("Hub", rooms), doors, socket) for socket in sockets]
    for session in sessions:
        greeted = session.take(_in(encode(Hello(1, "token"), encoding), encoding))
        if greeted is not None:
            await asyncio.wait((greeted,))
    return sessions


def _in(frame: bytes, encoding: Encoding) -> bytes | str:
    return frame.decode() if encoding is Encoding.JSON else frame


def frames(encoding: Encoding) -> list[bytes | str]:
    """What one socket sends."""
    return [
        _in(encode(Send(number, str(ROOM), f"n-{number:08d}", TEXTS[number % len(TEXTS)]), encoding), encoding)
        for number in range(MESSAGES_PER_SESSION)
    ]


async def admitted_us(encoding: Encoding) -> float:
    """CPU of one message through the session, answered before the next is taken."""
    outlet = Listening(ROUND_MESSAGES * 2)
    sessions = await speakers(ROUND_MESSAGES // MESSAGES_PER_SESSION, encoding, outlet)
    sent = frames(encoding)
    outlet.frames.clear()
    started = time.process_time_ns()
    for session in sessions:
        for frame in sent:
            pending = session.take(frame)
            if pending is not None:
                await pending
    took = time.process_time_ns() - started
    acks = sum(b'"ack"' in frame or b"\xa3ack" in frame for frame in outlet.frames)
    if acks != ROUND_MESSAGES:
        raise AssertionError(f"{acks} acks of {ROUND_MESSAGES} messages")
    return took / ROUND_MESSAGES / 1000


def bare_us(encoding: Encoding) -> float:
    """CPU of msgspec alone: the same frames in, an ack out."""
    sent = frames(encoding)
    ack = Ack(1, str(ROOM), "n-00000001", "019a00000000deadbeef", 42)
    started = time.process_time_ns()
    for _ in range(ROUND_MESSAGES // MESSAGES_PER_SESSION):
        for frame in sent:
            decode(frame, encoding)
            encode(ack, encoding)
    return (time.process_time_ns() - started) / ROUND_MESSAGES / 1000


async def measure(rounds: int) -> dict[str, Figure]:
    """Both, in turns, in both encodings; the medians of the rounds."""
    figures = {}
    for encoding, name in ((Encoding.JSON, "json"), (Encoding.MSGPACK, "msgpack")):
        admitted, bare = [], []
        for number in range(rounds + 1):
            pair = await admitted_us(encoding), bare_us(encoding)
            if number:  # the first one warms up
                admitted.append(pair[0])
                bare.append(pair[1])
        baseline = round(statistics.median(bare), 2)
        figures[f"{name}_admission"] = Figure(
            round(statistics.median(admitted), 1), "µs of CPU a message", GOAL_US, baseline
        )
        figures[f"{name}_msgspec_alone"] = Figure(baseline, "µs of CPU a message")
    return figures


def main() -> int:
    """Run it; the exit status says whether the goal was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    return report("chat_pipeline", uvloop.run(measure(parser.parse_args().rounds)))


if __name__ == "__main__":
    sys.exit(main())
