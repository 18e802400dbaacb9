"""One room's frames on their way to its sockets: what became ready together leaves in one write per socket.  Pure.

At once when the room was idle; otherwise some costs of the last pass after its end, so that a room which is cheap to
serve joins little and a hot one much.  Joining is what makes a hot room cheap: a write of twenty frames costs hardly
more than a write of one.

A socket that enters while frames wait is late: its `joined` tells the place after them, so they are not for it.
"""

from collections.abc import Iterator, Sequence

from chat.audience import Audience, Socket, Variant
from chat.framing import prepare, prepare_deflated
from chat.shared import Shared

GAP_MAX_SECONDS = 0.012
"""A message has 35 ms to reach the last of 1,000 members, and a pass takes up to 10.  At 200 messages a second a
delivery costs 2.6 µs with 10 ms, 2.3 with 12, 2.2 with 15; p99 31, 32 and 34 ms (nchan: 4.4 µs)."""
GAP_COSTS = 3.0
"""The gap in costs of the last pass: a quarter of the time at most goes into writing."""
CHUNK_SOCKETS = 128
"""Written in about 0.5 ms; in between a pass may rest."""


class Fanout:
    """The frames of one room that wait, and the pass that writes them."""

    __slots__ = ("_audience", "_frames", "_gap_max_seconds", "_is_passing", "_passed", "_rested_at")

    def __init__(self, audience: Audience, gap_max_seconds: float) -> None:
        self._audience = audience
        self._gap_max_seconds = gap_max_seconds
        self._frames: list[Shared] = []
        self._passed: list[Shared] = []
        self._is_passing = False
        self._rested_at = 0.0

    @property
    def is_waiting(self) -> bool:
        """Frames are ready, and no pass has taken them."""
        return bool(self._frames)

    @property
    def is_passing(self) -> bool:
        """A pass is under way: the next one waits for its end."""
        return self._is_passing

    @property
    def due(self) -> float:
        """The tick from which on a pass may begin."""
        return self._rested_at

    def enter(self, socket: Socket) -> None:
        """Seat a socket, or seat it anew: it gets exactly what becomes ready from here on."""
        if self._frames or self._is_passing:
            self._audience.add_late(socket, len(self._frames))
        else:
            self._audience.add(socket)

    def add(self, frame: Shared) -> None:
        """One more frame is ready."""
        self._frames.append(frame)

    def begin(self) -> Iterator[list[Socket]]:
        """Write all that waits to everybody, in order; the steps answer who is too slow for it, untouched.

        Others may enter, leave and be closed between two steps; frames that become ready wait for the next pass.
        """
        frames, self._frames = self._frames, []
        self._passed = frames
        self._is_passing = True
        late, self._audience.late = self._audience.late, {}
        for socket in [socket for socket, passed_over in late.items() if not passed_over]:
            del late[socket]
            self._audience.add(socket)
        members = [(variant, sockets, list(sockets)) for variant, sockets in self._audience.by_variant.items()]
        slow = self._write_late(frames, late)
        return self._write(frames, members, slow)

    def end(self, tick: float, cost_seconds: float) -> list[Shared]:
        """The pass is over and cost so much; what it delivered."""
        self._is_passing = False
        self._rested_at = tick + min(self._gap_max_seconds, GAP_COSTS * cost_seconds)
        passed, self._passed = self._passed, []
        return passed

    def _write_late(self, frames: Sequence[Shared], late: dict[Socket, int]) -> list[Socket]:
        """To those who came while these frames gathered: what became ready after they had."""
        slow: list[Socket] = []
        rests: dict[tuple[Variant, int], bytes] = {}
        for socket, passed_over in late.items():
            self._audience.add(socket)
            key = socket.variant, passed_over
            if (rest := rests.get(key)) is None:
                rest = rests[key] = join(frames[passed_over:], socket.variant)
            if rest and not socket.outlet.offer(rest):
                slow.append(socket)
        return slow

    @staticmethod
    def _write(
        frames: Sequence[Shared],
        members: list[tuple[Variant, dict[Socket, None], list[Socket]]],
        slow: list[Socket],
    ) -> Iterator[list[Socket]]:
        yield slow
        for variant, seated, sockets in members:
            if not sockets:
                continue
            data = join(frames, variant)
            size_bytes = len(data)
            for start in range(0, len(sockets), CHUNK_SOCKETS):
                slow = []
                for socket in sockets[start : start + CHUNK_SOCKETS]:
                    if socket not in seated:
                        continue  # it left, or entered anew, while the pass rested
                    outlet = socket.outlet
                    if outlet.is_paused and not outlet.has_room(size_bytes):
                        slow.append(socket)
                    else:
                        outlet.write(data)
                yield slow


def join(frames: Sequence[Shared], variant: Variant) -> bytes:
    """The bytes of these frames as sockets of the variant are sent them; compressed, they are one message."""
    payloads = [frame.payload(variant.encoding) for frame in frames]
    if variant.is_deflated and payloads:
        return prepare_deflated(payloads, variant.encoding)
    return b"".join([prepare(payload, variant.encoding) for payload in payloads])
