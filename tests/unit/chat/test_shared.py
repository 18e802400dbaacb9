"""chat.shared: what everybody is sent, in either encoding, is what a frame of its own would have been."""

import msgspec
import pytest

from chat.shared import SharedEvent, SharedFrame
from chat.wire import Author, Encoding, Info, Message, Push, encode

MESSAGE = Message("m1", 12, Author(7, "ann"), "hé", nonce="n")


@pytest.mark.parametrize("encoding", Encoding)
def test_a_shared_event_is_the_push_of_it(encoding: Encoding) -> None:
    """Byte for byte."""
    shared = SharedEvent("5", "e", 9, MESSAGE, msgspec.json.encode(MESSAGE))
    assert shared.payload(encoding) == encode(Push("5", "e", 9, MESSAGE), encoding)
    assert shared.at_ms == 12


def test_the_log_s_json_goes_out_as_it_came() -> None:
    """Also what this version of ours knows nothing of."""
    shared = SharedEvent("5", "e", 9, MESSAGE, b'{"t":"message","new":1}')
    assert shared.payload(Encoding.JSON).endswith(b'"offset":9,"event":{"t":"message","new":1}}')


@pytest.mark.parametrize("encoding", Encoding)
def test_any_frame_may_be_shared(encoding: Encoding) -> None:
    """It is encoded as it is."""
    assert SharedFrame(Info("5")).payload(encoding) == encode(Info("5"), encoding)
    assert SharedFrame(Info("5")).at_ms is None
