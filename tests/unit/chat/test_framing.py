"""chat.framing: what clients send, cut anywhere, and the frames that go out."""

import zlib
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from chat.framing import (
    PING,
    CloseFrame,
    Fault,
    Fragment,
    FrameError,
    Parser,
    PingFrame,
    PongFrame,
    Received,
    can_be_sent,
    close_frame,
    pong,
    prepare,
    prepare_deflated,
    unframed,
)
from chat.wire import FRAME_MAX_BYTES, Encoding
from tests.services.frames import client_frame

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70000]


def parsed(
    data: Iterable[bytes], max_bytes: int = FRAME_MAX_BYTES, *, is_deflated: bool = False
) -> list[Received | tuple[Fault, str]]:
    """What a parser says of these pieces; its error last."""
    parser, said = Parser(max_bytes, is_deflated=is_deflated), list[Received | tuple[Fault, str]]()
    try:
        for piece in data:
            parser.feed(piece)
            while (received := parser.next()) is not None:
                said.append(received)
    except FrameError as error:
        said.append((error.code, error.reason))
    return said


def fault(*data: bytes, max_bytes: int = FRAME_MAX_BYTES, is_deflated: bool = False) -> Fault | None:
    """How the parser ends these pieces."""
    said = parsed(data, max_bytes, is_deflated=is_deflated)
    return said[-1][0] if said and isinstance(said[-1], tuple) else None


def octets(data: bytes) -> list[bytes]:
    return [bytes((octet,)) for octet in data]


# -- what comes in --


@pytest.mark.parametrize("size", SIZES)
def test_messages_of_every_length_form(size: int) -> None:
    """What an independent client serialises is read, whole or in two pieces; text as text, bytes as bytes."""
    text = Frame(Opcode.TEXT, b"x" * size).serialize(mask=True)
    data = Frame(Opcode.BINARY, b"\xff" * size).serialize(mask=True)
    expected: list[Received] = ["x" * size, b"\xff" * size]
    assert parsed([text + data], 1 << 20) == expected
    for cut in (1, 2, 3, 5, 7, 9, 13, len(text) - 1, len(text) + 1):
        assert parsed([(text + data)[:cut], (text + data)[cut:]], 1 << 20) == expected


def test_control_frames_between_fragments() -> None:
    """Each is given as it comes, and the message is whole at its last fragment."""
    stream = [
        client_frame(1, b"one ", fin=False),
        client_frame(9, b"here?"),
        client_frame(0, b"two ", fin=False),
        client_frame(10, b"yes"),
        client_frame(0, b"three"),
        client_frame(8, b"\x03\xe8bye"),
        client_frame(8),
    ]
    said = [Fragment(), PingFrame(b"here?"), Fragment(), PongFrame(), "one two three", CloseFrame(1000, "bye")]
    said.append(CloseFrame(None, ""))
    assert parsed(stream) == said
    assert parsed([b"".join(stream)]) == said
    assert parsed(octets(b"".join(stream))) == said


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("unmasked", client_frame(1, b"x", mask=None)),
        ("unmasked, long", client_frame(1, b"x" * 200, mask=None)),
        ("unmasked, very long", client_frame(1, b"x" * 70000, mask=None)),
        *(
            (f"opcode {opcode}", bytes((0x80 | opcode, 0x80, 0, 0, 0, 0)))
            for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
        ),
        *((f"reserved bits {bits}", bytes((0x81 | bits << 4, 0x80, 0, 0, 0, 0))) for bits in range(1, 8)),
        ("a continuation of nothing", client_frame(0, b"x")),
        ("a message within one", client_frame(1, b"x", fin=False) + client_frame(1, b"x")),
        ("an empty message within one", client_frame(2, b"", fin=False) + client_frame(2)),
        ("a fragmented ping", client_frame(9, b"", fin=False)),
        ("a long ping", b"\x89\xfe\x00\x7e" + bytes(130)),
        ("a ping of eight length bytes", b"\x89\xff" + bytes(16)),
        ("126 bytes' form for 125", b"\x82\xfe\x00\x7d" + bytes(4 + 125)),
        ("64 bits for 16", b"\x82\xff" + (0xFFFF).to_bytes(8) + bytes(4)),
        ("a negative length", b"\x82\xff" + (1 << 63).to_bytes(8) + bytes(4)),
        ("half a close code", client_frame(8, b"\x03")),
        ("a close code for nobody to send", client_frame(8, b"\x03\xed")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_frame(what: str, data: bytes) -> None:
    """Ends with 1002, whole or octet by octet, and nothing of it is given."""
    assert fault(data) is Fault.PROTOCOL, what
    assert fault(*octets(data)) is Fault.PROTOCOL, what


def test_which_close_codes_a_peer_may_send() -> None:
    """Those that RFC 6455 and IANA define for the wire, and 3000-4999."""
    legal = {code for code in range(65536) if can_be_sent(code)}
    assert legal == {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}


BAD_TEXTS = [
    b"\xff",
    b"ab\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf0\x80\x80\x80",
    b"\xe2\x82",
    b"\xf0\x9f\x98",
]


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_text_that_is_not_utf8(text: bytes) -> None:
    """Ends with 1007 however it is cut, and a close frame's reason too."""
    assert fault(client_frame(1, text)) is Fault.NOT_UTF8
    assert fault(*octets(client_frame(1, text))) is Fault.NOT_UTF8
    assert fault(client_frame(1, text[:1], fin=False), client_frame(0, text[1:])) is Fault.NOT_UTF8
    assert fault(client_frame(8, b"\x03\xe8" + text)) is Fault.NOT_UTF8


@pytest.mark.parametrize(
    ("good", "bad"), [(b"ok \xf4", b"\x90"), (b"\xed", b"\xa0"), (b"\xce\xba\xe1\xbd", b"\xf9"), (b"", b"\xff")]
)
def test_bad_text_is_told_at_its_first_byte(good: bytes, bad: bytes) -> None:
    """While neither frame nor message is at its end: good bytes pass, and the next one ends it."""
    head = b"\x81\xfe\x01\x00" + bytes(4)
    assert fault(head, good) is None
    assert fault(head, good, bad) is Fault.NOT_UTF8
    assert fault(client_frame(1, good, fin=False), client_frame(0, bad, fin=False)) is Fault.NOT_UTF8


def test_characters_split_over_frames_are_one() -> None:
    """UTF-8 is of the message, not of the frame."""
    text = "κόσμε 𐍈 😀"
    *first, last = octets(text.encode())
    frames = [client_frame(1, first[0], fin=False), *(client_frame(0, octet, fin=False) for octet in first[1:])]
    assert parsed([*frames, client_frame(0, last)])[-1] == text


def test_the_bound_is_over_the_whole_message() -> None:
    """Told by the head, before the bytes have come; fragments are added up."""
    assert parsed([client_frame(2, bytes(10))], 10) == [bytes(10)]
    assert fault(client_frame(2, bytes(11))[:6], max_bytes=10) is Fault.TOO_BIG
    assert fault(client_frame(2, bytes(6), fin=False), client_frame(0, bytes(5))[:6], max_bytes=10) is Fault.TOO_BIG
    assert parsed([client_frame(2, bytes(6), fin=False), client_frame(0, bytes(4))], 10)[-1] == bytes(10)
    assert fault(b"\x82\xff" + (2**62).to_bytes(8) + bytes(4), max_bytes=10) is Fault.TOO_BIG


def test_an_idle_parser_holds_nothing() -> None:
    """What was read is let go of, so that a quiet socket costs nothing."""
    parser = Parser()
    parser.feed(client_frame(2, bytes(1000)))
    assert parser.next() == bytes(1000)
    assert parser.next() is None
    assert parser._data == b""


# -- compressed --


def deflated(payload: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_compressed_messages_where_they_were_negotiated() -> None:
    """Whole or fragmented, plain ones beside them; each leans on none before it."""
    data = deflated("one two three 😀".encode())
    frames = [
        client_frame(1, data, rsv=4),
        client_frame(1, data[:5], fin=False, rsv=4),
        client_frame(9),
        client_frame(0, data[5:]),
        client_frame(1, b"plain"),
        client_frame(2, deflated(b""), rsv=4),
    ]
    text = "one two three 😀"
    assert parsed(frames, is_deflated=True) == [text, Fragment(), PingFrame(b""), text, "plain", b""]
    assert parsed(octets(b"".join(frames)), is_deflated=True)[-1] == b""
    assert fault(frames[0]) is Fault.PROTOCOL


def test_what_is_wrong_with_compressed_messages() -> None:
    """Reserved bits where they mean nothing, what was not deflated, text that is none."""
    wrong = [
        client_frame(1, deflated(b"x"), fin=False, rsv=4) + client_frame(0, b"", rsv=4),
        client_frame(9, b"", rsv=4),
        client_frame(1, b"\xff" * 20, rsv=4),
        bytes((0x80 | 0x60 | 1, 0x80, 0, 0, 0, 0)),
    ]
    assert [fault(data, is_deflated=True) for data in wrong] == [Fault.PROTOCOL] * 4
    assert fault(client_frame(1, deflated(b"\xff"), rsv=4), is_deflated=True) is Fault.NOT_UTF8


def test_a_compression_bomb_does_not_go_off() -> None:
    """A message of 50 MB in 50 kB ends with 1009 once it is larger than the bound, and is never held."""
    bomb = deflated(bytes(50_000_000))
    assert fault(client_frame(2, bomb, rsv=4), max_bytes=16384, is_deflated=True) is Fault.TOO_BIG
    pieces = [client_frame(2, bomb[:100], fin=False, rsv=4), client_frame(0, bomb[100:200])]
    assert fault(*pieces, max_bytes=16384, is_deflated=True) is Fault.TOO_BIG
    assert parsed([client_frame(2, deflated(bytes(16384)), rsv=4)], 16384, is_deflated=True) == [bytes(16384)]
    noise = b"".join(zlib.crc32(bytes((n % 256, n // 256))).to_bytes(4) for n in range(4096))
    assert parsed([client_frame(2, deflated(noise), rsv=4)], 16384, is_deflated=True) == [noise]


# -- what goes out --


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("encoding", "opcode"), [(Encoding.JSON, Opcode.TEXT), (Encoding.MSGPACK, Opcode.BINARY)])
def test_an_independent_reader_takes_the_frame(size: int, encoding: Encoding, opcode: Opcode) -> None:
    """The serialiser of `websockets` writes the same bytes at every length form."""
    payload = b"x" * size
    assert prepare(payload, encoding) == Frame(opcode, payload).serialize(mask=False)


def test_control_frames_that_go_out() -> None:
    """As `websockets` writes them; a reason too long is cut between characters."""
    assert Frame(Opcode.PING, b"").serialize(mask=False) == PING
    assert pong(b"abc") == Frame(Opcode.PONG, b"abc").serialize(mask=False)
    assert close_frame(4001, "why") == Frame(Opcode.CLOSE, b"\x0f\xa1why").serialize(mask=False)
    assert close_frame(None) == b"\x88\x00"
    cut = close_frame(1002, "é" * 100)
    assert (cut[1], cut[4:].decode()) == (2 + 122, "é" * 61)


@pytest.mark.parametrize(
    ("encoding", "joined"), [(Encoding.JSON, b'{"a":1}\n{"b":2}'), (Encoding.MSGPACK, b'{"a":1}{"b":2}')]
)
def test_one_compressed_message_for_a_whole_flush(encoding: Encoding, joined: bytes) -> None:
    """An independent inflater that keeps no context reads it twice."""
    frame = prepare_deflated([b'{"a":1}', b'{"b":2}'], encoding)
    reader = PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=12,
        local_max_window_bits=15,
    )
    for _ in range(2):
        assert frame[0] & 0x40
        opcode = Opcode(frame[0] & 0x0F)
        assert reader.decode(Frame(opcode, frame[2:], rsv1=True)).data == joined


def test_frames_are_taken_out_of_what_was_joined() -> None:
    """Every length form, in order."""
    payloads = [b"x" * size for size in SIZES]
    assert unframed(b"".join(prepare(payload, Encoding.MSGPACK) for payload in payloads)) == payloads


# -- anything --

frames = st.builds(
    client_frame,
    st.sampled_from((0, 1, 2, 8, 9, 10)),
    st.binary(max_size=200) | st.text(max_size=60).map(str.encode),
    fin=st.booleans(),
    rsv=st.sampled_from((0, 0, 0, 4, 1)),
)
streams = st.lists(frames, max_size=8).map(b"".join)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A stream of frames with some of its bytes overwritten."""
    stream = bytearray(draw(streams))
    for _ in range(draw(st.integers(0, 3))):
        if stream:
            stream[draw(st.integers(0, len(stream) - 1))] = draw(st.integers(0, 255))
    return bytes(stream)


@given(mangled() | st.binary(max_size=300), st.lists(st.integers(0, 2000), max_size=8), st.booleans())
def test_however_it_is_cut(data: bytes, cuts: list[int], is_deflated: bool) -> None:  # noqa: FBT001  # hypothesis' order
    """The same is said of a stream in pieces as of it whole, and nothing but FrameError is ever raised."""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:stop] for start, stop in pairwise(places)]
    whole = parsed([data], 500, is_deflated=is_deflated)
    in_pieces = parsed(pieces, 500, is_deflated=is_deflated)
    assert [said for said in in_pieces if not isinstance(said, tuple)] == [s for s in whole if not isinstance(s, tuple)]
    assert [said[0] for said in in_pieces if isinstance(said, tuple)] == [s[0] for s in whole if isinstance(s, tuple)]


@given(st.lists(st.text(max_size=80) | st.binary(max_size=80), max_size=6), st.data())
def test_messages_survive_their_way(messages: list[str | bytes], data: st.DataObject) -> None:
    """Fragmented anyhow, with pings between, each message arrives as it was sent."""
    stream = b""
    for message in messages:
        payload = message.encode() if isinstance(message, str) else message
        cuts = sorted(data.draw(st.lists(st.integers(0, len(payload)), max_size=3)))
        places = [0, *cuts, len(payload)]
        for number, (start, stop) in enumerate(pairwise(places)):
            opcode = 0 if number else 1 if isinstance(message, str) else 2
            stream += client_frame(opcode, payload[start:stop], fin=number == len(places) - 2) + client_frame(9, b"?")
    assert [said for said in parsed([stream]) if isinstance(said, str | bytes)] == messages


def test_empty_fragments_gather_nothing() -> None:
    """A peer may send them without end; the message is what the others said."""
    parser = Parser()
    parser.feed(client_frame(2, b"a", fin=False) + client_frame(0, b"", fin=False) * 100)
    assert [parser.next() for _ in range(101)] == [Fragment()] * 101
    assert parser._message is not None
    assert parser._message._parts == [b"a"]
    parser.feed(client_frame(0, b"b"))
    assert parser.next() == b"ab"
