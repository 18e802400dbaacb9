"""People in a room, in one process: each is the real client's `Conversation` over a bare socket, and accounted for.

What is said carries a number.  The ledger knows which numbers were acknowledged, and where; each reader which it was
shown, how often.  So a line lost, shown twice, or shown to two readers in a different order has nowhere to hide.
At 1,000 readers and 25 messages a second this takes about half a core: the benches that use it print what it took.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import msgspec

from clients.conversation import Answer, Close, Conversation, Effect, Frame, Greet, Open, Show, Stop, Transmit
from tests.services.chat import JSON, Account, masked

CONNECT_SECONDS = 5.0

_HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + JSON.encode() + b"\r\n\r\n"
)
_read = msgspec.json.Decoder(Frame).decode
_write = msgspec.json.Encoder().encode

Place = tuple[str, int]


@dataclass(slots=True)
class Ledger:
    """What was said in the room, by everybody."""

    acknowledged: dict[int, Place] = field(default_factory=dict)
    at: dict[Place, int] = field(default_factory=dict)
    """Which number stands where, as the first reader saw it."""
    disorder: int = 0
    """Frames of one socket that did not follow one another, and places at which two readers saw different lines."""
    repeats: int = 0
    """Frames that a socket had brought already; clients pass them over."""
    answers: dict[str, int] = field(default_factory=dict)
    """How many lines ended as `ack`, or with which refusal."""
    told_seconds: list[tuple[float, float]] = field(default_factory=list)
    """For each sending of a line: when it was (monotonic), and how long until it was answered, for good or ill."""
    acknowledged_at: dict[int, float] = field(default_factory=dict)
    joins: list[tuple[float, float]] = field(default_factory=list)
    """For each reconnect: when it was (monotonic), and the seconds from opening a socket to being in the room."""
    cuts: int = 0
    """Sockets that spoke and were ended by the other side."""
    reloads: int = 0


class _Wire(asyncio.Protocol):
    """One socket's bytes."""

    def __init__(self, reader: "Reader", link: int) -> None:
        self._reader, self._link = reader, link
        self._buffer = b""
        self._is_open = self.is_left = False
        self.close_code = 1006
        self.last_offset: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._reader.wires[self._link] = self
        self.transport.write(_HANDSHAKE)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.is_left:
            self._reader.lost(self._link, self.close_code)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._is_open:
            head, separator, rest = buffer.partition(b"\r\n\r\n")
            if not separator:
                self._buffer = buffer
                return
            if b" 101 " not in head:
                self.transport.abort()
                return
            self._is_open, buffer = True, rest
            self._reader.perform(self._reader.conversation.opened(self._link))
        start, end = 0, len(buffer)
        while end - start >= 2:
            size, at = buffer[start + 1], start + 2
            if size == 126:
                size, at = int.from_bytes(buffer[at : at + 2]), at + 2
            elif size == 127:
                size, at = int.from_bytes(buffer[at : at + 8]), at + 8
            if end - at < size:
                break
            self._take(buffer[start] & 0x0F, buffer[at : at + size])
            start = at + size
        self._buffer = buffer[start:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if self.is_left:
            return
        if opcode == 0x1:
            self._reader.take(self, self._link, _read(payload))
        elif opcode == 0x9:
            self.transport.write(masked(payload, 0xA))
        elif opcode == 0x8:
            self.close_code = int.from_bytes(payload[:2]) if len(payload) >= 2 else 1005
            self.transport.write(masked(payload, 0x8))
            self.transport.close()

    def leave(self) -> None:
        """Close politely, and hear no more."""
        self.is_left = True
        self.transport.write(masked((1000).to_bytes(2), 0x8))
        self.transport.close()


class Reader:
    """A member who stays in the room, whatever happens to the sockets."""

    def __init__(self, ledger: Ledger, account: Account, room: str, port: Callable[[], int]) -> None:
        self._ledger, self._account, self._port = ledger, account, port
        self.conversation = Conversation(room, "bench", random.random)
        self.shown: dict[int, int] = {}
        """How often each number was shown."""
        self.untold: list[tuple[str, int, int]] = []
        """What the server said it could not tell: epoch, and offsets from and to."""
        self.epochs: list[str] = []
        self.wires: dict[int, _Wire] = {}
        """Open sockets by the link's number."""
        self._opened_at: dict[int, float] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._sent_at: dict[tuple[int, str], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._away_until = 0.0
        self.stopped: Stop | None = None

    # -- what the bench does --

    def start(self) -> None:
        """Come in."""
        self.perform(self.conversation.start(time.time()))

    @property
    def is_in(self) -> bool:
        """Has it ever joined?"""
        return bool(self.epochs)

    def say(self, number: int, text: str) -> None:
        """Say a numbered line."""
        self.perform(self.conversation.say(f"n{number}", f"{number} {text}", time.time()))

    def drop(self, seconds: float) -> None:
        """Lose every socket without a close frame, and have no network for a while."""
        self._away_until = time.monotonic() + seconds
        for link, wire in list(self.wires.items()):
            wire.is_left = True
            wire.transport.abort()
            self.lost(link, 1006, by_peer=False)

    def end(self) -> None:
        """Leave for good."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._opening:
            task.cancel()
        for wire in self.wires.values():
            wire.leave()

    @property
    def unanswered(self) -> int:
        """Sendings on sockets that still stand that nobody has answered."""
        return len(self._sent_at)

    # -- what the sockets tell --

    def take(self, wire: _Wire, link: int, frame: Frame) -> None:
        """A frame, first looked at as it came."""
        kind = frame["t"]
        if kind == "event":
            offset = frame["offset"]
            if wire.last_offset is None or frame["epoch"] != self.epochs[-1]:
                wire.last_offset = None
            elif offset <= wire.last_offset:
                self._ledger.repeats += 1
            else:
                self._ledger.disorder += offset > wire.last_offset + 1
                wire.last_offset = offset
        elif kind == "joined":
            wire.last_offset = frame["offset"]
            self._note_joined(link, frame)
        elif kind == "reload":
            wire.last_offset = None
            self._ledger.reloads += 1
        elif kind in {"ack", "error"} and "nonce" in frame:
            self._note_answer(link, frame)
        self.perform(self.conversation.received(link, frame, time.time()))

    def lost(self, link: int, code: int, *, by_peer: bool = True) -> None:
        """A socket is gone."""
        if self.wires.pop(link, None) is not None and by_peer:
            self._ledger.cuts += 1
        self._forget_sent(link)
        self.perform(self.conversation.closed(link, code, "", time.time()))

    def _forget_sent(self, link: int) -> None:
        for key in [key for key in self._sent_at if key[0] == link]:
            del self._sent_at[key]

    def _note_joined(self, link: int, frame: Frame) -> None:
        now = time.monotonic()
        if link in self._opened_at:
            self._ledger.joins.append((now, now - self._opened_at.pop(link)))
        epoch, position = frame["epoch"], self.conversation.position
        if not frame.get("recovered") and position is not None and position[0] == epoch:
            here = [one["offset"] for one in frame["events"] if "epoch" not in one]
            self.untold.append((epoch, position[1] + 1, min(here, default=frame["offset"] + 1) - 1))
        if not self.epochs or self.epochs[-1] != epoch:
            self.epochs.append(epoch)

    def _note_answer(self, link: int, frame: Frame) -> None:
        now, nonce, number = time.monotonic(), frame["nonce"], int(frame["nonce"][1:])
        if (sent := self._sent_at.pop((link, nonce), None)) is not None:
            self._ledger.told_seconds.append((sent, now - sent))
        if frame["t"] == "ack" and number not in self._ledger.acknowledged:
            self._ledger.acknowledged[number] = (frame["epoch"], frame["offset"])
            self._ledger.acknowledged_at[number] = now

    # -- effects --

    def perform(self, effects: list[Effect]) -> None:
        """Do as the conversation says."""
        for effect in effects:
            match effect:
                case Show(frame):
                    self._show(frame)
                case Answer(_, frame):
                    code = frame.get("code", "ack")
                    self._ledger.answers[code] = self._ledger.answers.get(code, 0) + 1
                case _:
                    self._act(effect)
        match effects:
            case [Show({"t": "event"})]:
                pass  # nearly always: nothing else has changed
            case _:
                self._arm()

    def _act(self, effect: Open | Greet | Transmit | Close | Stop) -> None:
        match effect:
            case Transmit(link, frame):
                self._transmit(link, frame)
            case Open(link):
                task = asyncio.get_running_loop().create_task(self._open(link))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)
            case Greet(link):
                self.perform(self.conversation.greet(link, self._account.token))
            case Close(link):
                if (wire := self.wires.pop(link, None)) is not None:
                    wire.leave()
                    self._forget_sent(link)
            case Stop():
                self.stopped = effect

    def _show(self, frame: Frame) -> None:
        if frame["t"] == "event":
            self._see((frame["epoch"], frame["offset"]), frame["event"])
        elif frame["t"] == "joined":
            if not frame.get("recovered"):
                # What is shown anew is the backfill: lines that stood before don't count as shown twice.
                for one in frame["events"]:
                    if one["event"]["t"] == "message":
                        self.shown.pop(int(one["event"]["text"].split(" ", 1)[0]), None)
            for one in frame["events"]:
                self._see((one.get("epoch") or frame["epoch"], one["offset"]), one["event"])

    def _see(self, place: Place, event: Frame) -> None:
        if event["t"] != "message":
            return
        number = int(event["text"].split(" ", 1)[0])
        self.shown[number] = self.shown.get(number, 0) + 1
        if self._ledger.at.setdefault(place, number) != number:
            self._ledger.disorder += 1

    def _transmit(self, link: int, frame: Frame) -> None:
        wire = self.wires.get(link)
        if wire is None:
            return
        if frame["t"] == "send":
            self._sent_at[link, frame["nonce"]] = time.monotonic()
        wire.transport.write(masked(_write(frame)))

    async def _open(self, link: int) -> None:
        await asyncio.sleep(max(0.0, self._away_until - time.monotonic()))
        self._opened_at[link] = time.monotonic()
        loop = asyncio.get_running_loop()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(lambda: _Wire(self, link), "127.0.0.1", self._port())
                return
        self.perform(self.conversation.closed(link, 1006, "", time.time()))

    def _arm(self) -> None:
        due = self.conversation.due_at()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if due is not None:
            delay = max(0.0, due - time.time())
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self.perform(self.conversation.tick(time.time()))
        self._arm()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of everything acknowledged."""

    deliveries: int
    """That were due: acknowledged lines times readers."""
    lost: int
    """Silently: not shown, and the reader was told nothing."""
    declared: int
    """Not shown, and the reader was told that the log could not be told whole."""
    twice: int


def settle(ledger: Ledger, readers: list[Reader]) -> Settlement:
    """Compare what was acknowledged with what each reader was shown."""
    lost = declared = twice = 0
    for reader in readers:
        twice += sum(count - 1 for count in reader.shown.values() if count > 1)
        last = reader.epochs[-1] if reader.epochs else ""
        for number, (epoch, offset) in ledger.acknowledged.items():
            if number in reader.shown:
                continue
            was_told = epoch < last or any(e == epoch and a <= offset <= b for e, a, b in reader.untold)
            declared, lost = (declared + 1, lost) if was_told else (declared, lost + 1)
    return Settlement(len(ledger.acknowledged) * len(readers), lost, declared, twice)
