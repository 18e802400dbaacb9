"""chat.outbox: prepared frames and the bound of what waits."""

import pytest
from websockets.frames import Frame, Opcode

from chat.outbox import Outbox, prepare
from chat.wire import Encoding


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70000])
@pytest.mark.parametrize(("encoding", "opcode"), [(Encoding.JSON, Opcode.TEXT), (Encoding.MSGPACK, Opcode.BINARY)])
def test_an_independent_reader_takes_the_frame(size: int, encoding: Encoding, opcode: Opcode) -> None:
    """The serialiser of `websockets` writes the same bytes at every length form."""
    payload = b"x" * size
    assert prepare(payload, encoding) == Frame(opcode, payload).serialize(mask=False)


def test_frames_of_one_turn_leave_as_one() -> None:
    """Taken together, in order, and then nothing waits."""
    outbox = Outbox(100)
    emptiness = [outbox.is_empty]
    assert outbox.add(b"one", 0)
    assert outbox.take() == b"one"
    assert outbox.add(b"two", 0)
    assert outbox.add(b"three", 0)
    emptiness.append(outbox.is_empty)
    assert outbox.take() == b"twothree"
    emptiness.append(outbox.is_empty)
    assert emptiness == [True, False, True]


def test_fullness_counts_what_the_transport_holds() -> None:
    """Beyond the bound nothing is taken, except one large frame over an idle transport."""
    outbox = Outbox(10)
    assert not outbox.add(b"12345", 6)
    assert outbox.add(b"1234", 6)
    assert not outbox.add(b"1", 6)
    outbox.take()
    assert outbox.add(b"x" * 50, 0)
    assert not outbox.add(b"x", 0)
