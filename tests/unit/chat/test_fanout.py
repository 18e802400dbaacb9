"""chat.fanout: every socket gets exactly what became ready after it entered, in order, once."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, precondition, rule

from chat.audience import Audience, Socket, Variant
from chat.codes import Close
from chat.fanout import CHUNK_SOCKETS, GAP_COSTS, Fanout, join
from chat.framing import prepare, prepare_deflated
from chat.shared import SharedFrame
from chat.wire import Encoding, Info, Pong, encode
from tests.unit.chat.sockets import Reading, listening_socket

GAP_MAX = 0.01


def _frame(number: int) -> SharedFrame:
    return SharedFrame(Pong(number))


def _payload(number: int) -> bytes:
    return encode(Pong(number), Encoding.JSON)


def _pass(fanout: Fanout, tick: float = 0.0, cost: float = 0.0) -> list[Socket]:
    """A whole pass; who was too slow for it."""
    slow = [socket for step in fanout.begin() for socket in step]
    fanout.end(tick, cost)
    return slow


def test_what_became_ready_together_is_one_write() -> None:
    """The same bytes object for everybody of a variant, and each encoding in its own."""
    fanout = Fanout(Audience(), GAP_MAX)
    members = [listening_socket() for _ in range(3)]
    packed, packed_outlet = listening_socket(encoding=Encoding.MSGPACK)
    for socket in [*(socket for socket, _ in members), packed]:
        fanout.enter(socket)
    for number in range(3):
        fanout.add(_frame(number))
    assert _pass(fanout) == []
    assert not fanout.is_waiting
    first, *others = [outlet.frames for _, outlet in members]
    assert len(first) == 1
    assert all(writes[0] is first[0] for writes in others)
    assert members[0][1].payloads == [_payload(number) for number in range(3)]
    assert packed_outlet.payloads == [encode(Pong(number), Encoding.MSGPACK) for number in range(3)]


def test_an_encoding_that_nobody_reads_is_not_made() -> None:
    """Also where its last reader has left."""

    class JsonOnly:
        at_ms = None

        def payload(self, encoding: Encoding) -> bytes:
            assert encoding is Encoding.JSON
            return b"{}"

    audience = Audience()
    fanout = Fanout(audience, GAP_MAX)
    socket, outlet = listening_socket()
    gone, _ = listening_socket(encoding=Encoding.MSGPACK)
    fanout.enter(socket)
    fanout.enter(gone)
    audience.remove(gone)
    fanout.add(JsonOnly())
    assert _pass(fanout) == []
    assert outlet.payloads == [b"{}"]


def test_who_comes_late_gets_what_became_ready_after_it() -> None:
    """Its `joined` told the place after the frames that waited; entering anew is the same."""
    fanout = Fanout(Audience(), GAP_MAX)
    there, there_outlet = listening_socket()
    fanout.enter(there)
    fanout.add(_frame(1))
    late = [listening_socket() for _ in range(2)]
    for socket, _ in late:
        fanout.enter(socket)
    fanout.add(_frame(2))
    last, last_outlet = listening_socket()
    fanout.enter(last)
    fanout.enter(there)
    assert _pass(fanout) == []
    assert [outlet.payloads for _, outlet in late] == [[_payload(2)], [_payload(2)]]
    assert late[0][1].frames[0] is late[1][1].frames[0]
    assert last_outlet.payloads == there_outlet.payloads == []
    fanout.add(_frame(3))
    _pass(fanout)
    assert there_outlet.payloads == last_outlet.payloads == [_payload(3)]
    assert late[0][1].payloads == [_payload(2), _payload(3)]


def test_a_pass_may_rest() -> None:
    """Meanwhile others enter, enter anew and leave: the pass is for those who sat there and still do."""
    audience = Audience()
    fanout = Fanout(audience, GAP_MAX)
    members = [listening_socket() for _ in range(CHUNK_SOCKETS + 3)]
    for socket, _ in members:
        fanout.enter(socket)
    fanout.add(_frame(1))
    steps = fanout.begin()
    assert fanout.is_passing
    next(steps)
    next(steps)
    assert [len(outlet.frames) for _, outlet in members] == [1] * CHUNK_SOCKETS + [0] * 3
    audience.remove(members[-1][0])
    fanout.enter(members[-2][0])
    newcomer, newcomer_outlet = listening_socket()
    fanout.enter(newcomer)
    fanout.add(_frame(2))
    assert list(steps) == [[]]
    assert len(fanout.end(0, 0)) == 1
    assert [len(outlet.frames) for _, outlet in members[-3:]] == [1, 0, 0]
    _pass(fanout)
    assert newcomer_outlet.payloads == members[-2][1].payloads == [_payload(2)]
    assert members[-3][1].payloads == [_payload(1), _payload(2)]


def test_the_gap_follows_the_cost_of_the_last_pass() -> None:
    """A multiple of it after its end, up to the bound; an idle room is due at once."""
    fanout = Fanout(Audience(), GAP_MAX)
    assert fanout.due == 0
    _pass(fanout, tick=100, cost=0.001)
    assert fanout.due == pytest.approx(100 + GAP_COSTS * 0.001)
    _pass(fanout, tick=100, cost=5)
    assert fanout.due == 100 + GAP_MAX


def test_who_is_too_slow_is_told_and_disturbs_nobody() -> None:
    """A paused socket with room takes the frames, one without does not; late ones are no exception."""
    fanout = Fanout(Audience(), GAP_MAX)
    roomy, roomy_outlet = listening_socket()
    full, full_outlet = listening_socket()
    fine, fine_outlet = listening_socket()
    late, late_outlet = listening_socket()
    for socket in (roomy, full, fine):
        fanout.enter(socket)
    fanout.add(_frame(1))
    fanout.enter(late)
    fanout.add(_frame(2))
    for outlet in (roomy_outlet, full_outlet, late_outlet):
        outlet.is_paused = True
    roomy_outlet.room_bytes = 1000
    assert _pass(fanout) == [late, full]
    assert roomy_outlet.payloads == fine_outlet.payloads == [_payload(1), _payload(2)]
    assert full_outlet.frames == late_outlet.frames == []


def test_joined_frames_are_whole_frames_one_after_the_other() -> None:
    """A reader can't tell whether they left together."""
    variant = Variant(Encoding.MSGPACK, is_deflated=False)
    frames = [SharedFrame(Info(str(number))) for number in range(2)]
    one, two = (prepare(frame.payload(Encoding.MSGPACK), Encoding.MSGPACK) for frame in frames)
    assert join(frames, variant) == one + two


@pytest.mark.parametrize("encoding", Encoding)
def test_sockets_that_inflate_share_one_message_a_pass(encoding: Encoding) -> None:
    """All frames of the pass, compressed together; nothing at all where nothing is for a late one."""
    fanout = Fanout(Audience(), GAP_MAX)
    there, there_outlet = listening_socket(encoding=encoding, is_deflated=True)
    late, late_outlet = listening_socket(encoding=encoding, is_deflated=True)
    plain, plain_outlet = listening_socket(encoding=encoding)
    fanout.enter(there)
    fanout.enter(plain)
    fanout.add(_frame(1))
    fanout.add(_frame(2))
    fanout.enter(late)
    assert _pass(fanout) == []
    payloads = [encode(Pong(number), encoding) for number in (1, 2)]
    assert there_outlet.frames == [prepare_deflated(payloads, encoding)]
    assert plain_outlet.payloads == payloads
    assert late_outlet.frames == []


class Room(RuleBasedStateMachine):
    """A room at random, against what each socket ought to have got."""

    seats = Bundle("seats")

    def __init__(self) -> None:
        super().__init__()
        self.audience = Audience()
        self.fanout = Fanout(self.audience, GAP_MAX)
        self.ready = 0
        self.steps: Iterator[list[Socket]] | None = None
        self.expected: dict[Socket, list[int]] = {}
        """Of those who sit there: what became ready since they entered, after what they had before."""

    @rule(target=seats, encoding=st.sampled_from(Encoding))
    def enter(self, encoding: Encoding) -> Socket:
        socket, _ = listening_socket(encoding=encoding)
        self.expected[socket] = []
        self.fanout.enter(socket)
        return socket

    @rule(socket=seats)
    def enter_anew(self, socket: Socket) -> None:
        """Its `joined` told everything up to here."""
        if socket in self.audience:
            self.expected[socket] = self._got(socket)
            self.fanout.enter(socket)

    @rule(socket=consumes(seats))
    def leave(self, socket: Socket) -> None:
        if socket not in self.expected:
            return  # it was too slow
        got = self._got(socket)
        assert got == self.expected.pop(socket)[: len(got)]
        self.audience.remove(socket)
        assert socket not in self.audience

    @rule(socket=seats, room_bytes=st.sampled_from([0, 40, 10_000]))
    def stall(self, socket: Socket, room_bytes: int) -> None:
        outlet = self._outlet(socket)
        outlet.is_paused, outlet.room_bytes = True, room_bytes

    @rule(socket=seats)
    def read_on(self, socket: Socket) -> None:
        self._outlet(socket).is_paused = False

    @rule(count=st.integers(1, 3))
    def say(self, count: int) -> None:
        for _ in range(count):
            self.ready += 1
            self.fanout.add(_frame(self.ready))
            for got in self.expected.values():
                got.append(self.ready)

    @precondition(lambda self: self.steps is None)
    @rule()
    def begin(self) -> None:
        self.steps = self.fanout.begin()

    @precondition(lambda self: self.steps is not None)
    @rule()
    def step(self) -> None:
        assert self.steps is not None
        slow = next(self.steps, None)
        if slow is None:
            self.steps = None
            self.fanout.end(0, 0)
        for socket in slow or ():
            outlet = self._outlet(socket)
            got = self._got(socket)
            assert got == self.expected.pop(socket, got)[: len(got)]
            outlet.close(Close.SLOW)
            self.audience.remove(socket)

    def teardown(self) -> None:
        for socket in self.expected:
            self._outlet(socket).is_paused = False
        self._finish()
        self.begin()
        self._finish()
        assert len(self.audience) == len(self.expected)
        for socket, ought in self.expected.items():
            assert self._got(socket) == ought

    def _finish(self) -> None:
        while self.steps is not None:
            self.step()

    @staticmethod
    def _outlet(socket: Socket) -> Reading:
        assert isinstance(socket.outlet, Reading)
        return socket.outlet

    def _got(self, socket: Socket) -> list[int]:
        numbers = {encode(Pong(number), socket.encoding): number for number in range(1, self.ready + 1)}
        return [numbers[payload] for payload in self._outlet(socket).payloads]


TestRoom = Room.TestCase
TestRoom.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
