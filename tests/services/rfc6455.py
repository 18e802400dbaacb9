"""The conformance table of RFC 6455: what a client sends, what an echo server must answer, and how it ends.

The cases and their numbers are those of the Autobahn test suite's list (1 to 7, 9, 10, 12, 13), written anew; sizes are
those of our bound for a message, 16 KiB, where the list has megabytes.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chat.wire import FRAME_MAX_BYTES
from tests.services.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, client_frame, fragments

PROTOCOL, NOT_UTF8, TOO_BIG, NORMAL = 1002, 1007, 1009, 1000

Answer = tuple[int, bytes]
"""Opcode and payload of a frame of the server."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row.  The client's last frame is a close with 1000, unless the row ends otherwise."""

    number: str
    sent: bytes
    answers: tuple[Answer, ...] = ()
    code: int | None = NORMAL
    """Of the server's close frame; None: it has none."""
    chop_bytes: int = 0
    """Sent in pieces of so many bytes; 0: at once."""
    is_deflated: bool = False

    @property
    def pieces(self) -> Iterator[bytes]:
        """What is written, one after the other."""
        size = self.chop_bytes or len(self.sent)
        return (self.sent[at : at + size] for at in range(0, len(self.sent), size))


GOODBYE = client_frame(CLOSE, NORMAL.to_bytes(2))


def _good(number: str, sent: bytes, *answers: Answer, chop_bytes: int = 0) -> Case:
    return Case(number, sent + GOODBYE, answers, chop_bytes=chop_bytes)


def _bad(number: str, sent: bytes, *answers: Answer, code: int = PROTOCOL, chop_bytes: int = 0) -> Case:
    return Case(number, sent, answers, code, chop_bytes)


def _chopped(numbers: Iterable[str], case: Case) -> Iterator[Case]:
    """The same at once, in pieces, octet by octet."""
    for number, chop_bytes in zip(numbers, (0, 7, 1), strict=True):
        yield Case(number, case.sent, case.answers, case.code, chop_bytes)


def _echoed(opcode: int, payload: bytes) -> tuple[bytes, Answer]:
    return client_frame(opcode, payload), (opcode, payload)


def _messages() -> Iterator[Case]:
    """1: text and binary messages of the sizes around each length form."""
    for opcode, fill in ((TEXT, b"*"), (BINARY, b"\xfe")):
        for number, size in enumerate((0, 125, 126, 127, 128, FRAME_MAX_BYTES - 1, FRAME_MAX_BYTES), 1):
            yield _good(f"1.{opcode}.{number}", *_echoed(opcode, fill * size))
        yield _good(f"1.{opcode}.8", *_echoed(opcode, fill * FRAME_MAX_BYTES), chop_bytes=997)


def _pings() -> Iterator[Case]:
    """2: pings are answered with their bytes, pongs that nobody asked for are passed over."""
    binary = bytes((0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF))
    for place, payload in enumerate((b"", b"Hello, world!", binary, b"\xfe" * 125), 1):
        yield _good(f"2.{place}", client_frame(PING, payload), (PONG, payload))
    yield _bad("2.5", client_frame(PING, b"\xfe" * 126))
    yield _good("2.6", client_frame(PING, b"\xfe" * 125), (PONG, b"\xfe" * 125), chop_bytes=1)
    yield _good("2.7", client_frame(PONG))
    yield _good("2.8", client_frame(PONG, b"unsolicited"))
    yield _good("2.9", client_frame(PONG, b"unsolicited") + client_frame(PING, b"asked"), (PONG, b"asked"))
    payloads = [f"payload-{number}".encode() for number in range(10)]
    ten = b"".join(client_frame(PING, payload) for payload in payloads)
    for number, chop_bytes in (("2.10", 0), ("2.11", 1)):
        yield _good(number, ten, *((PONG, payload) for payload in payloads), chop_bytes=chop_bytes)


def _reserved_bits() -> Iterator[Case]:
    """3: none of them means anything here."""
    hello, answer = _echoed(TEXT, b"Hello, world!")
    yield _bad("3.1", client_frame(TEXT, b"Hello, world!", rsv=1))
    for number, rsv, chop_bytes in (("3.2", 2, 0), ("3.3", 3, 7), ("3.4", 4, 1)):
        wrong = client_frame(TEXT, b"Hello, world!", rsv=rsv) + client_frame(PING)
        yield _bad(number, hello + wrong, answer, chop_bytes=chop_bytes)
    yield _bad("3.5", client_frame(BINARY, b"\x00\xff" * 4, rsv=5))
    yield _bad("3.6", client_frame(PING, b"Hello, world!", rsv=6))
    yield _bad("3.7", client_frame(CLOSE, NORMAL.to_bytes(2), rsv=7))


def _opcodes() -> Iterator[Case]:
    """4: the reserved ones, empty, with a payload, and after a good message."""
    hello, answer = _echoed(TEXT, b"Hello, world!")
    for group, first in ((1, 3), (2, 11)):
        yield _bad(f"4.{group}.1", client_frame(first))
        yield _bad(f"4.{group}.2", client_frame(first + 1, b"reserved opcode payload"))
        for number, opcode, chop_bytes in ((3, first + 2, 0), (4, first + 3, 7), (5, first + 4, 1)):
            wrong = client_frame(opcode, b"" if number == 3 else b"reserved opcode payload") + client_frame(PING)
            yield _bad(f"4.{group}.{number}", hello + wrong, answer, chop_bytes=chop_bytes)


def _fragmentation() -> Iterator[Case]:
    """5: what may be fragmented, in which order, and what may come between."""
    whole = (TEXT, b"fragment1fragment2")
    two = fragments(TEXT, b"fragment1", b"fragment2")
    yield _bad("5.1", fragments(PING, b"fragment1", b"fragment2"))
    yield _bad("5.2", fragments(PONG, b"fragment1", b"fragment2"))
    yield from _chopped(("5.3", "5.4", "5.5"), _good("", two, whole))
    first, last = client_frame(TEXT, b"fragment1", fin=False), client_frame(CONTINUATION, b"fragment2")
    yield from _chopped(
        ("5.6", "5.7", "5.8"), _good("", first + client_frame(PING, b"ping") + last, (PONG, b"ping"), whole)
    )
    hello, _ = _echoed(TEXT, b"Hello, world!")
    for numbers, fin in ((("5.9", "5.10", "5.11"), True), (("5.12", "5.13", "5.14"), False)):
        yield from _chopped(numbers, _bad("", client_frame(CONTINUATION, b"non-continuation", fin=fin) + hello))
    stray = client_frame(CONTINUATION, b"fragment3", fin=False) + client_frame(TEXT, b"fragment4")
    yield _bad("5.15", two + stray, whole)
    for number, fin in (("5.16", False), ("5.17", True)):
        yield _bad(number, (client_frame(CONTINUATION, b"fragment1", fin=fin) + two) * 2)
    yield _bad("5.18", client_frame(TEXT, b"fragment1", fin=False) + client_frame(TEXT, b"fragment2"))
    parts = [f"fragment{number}".encode() for number in range(1, 6)]
    frames = [
        client_frame(CONTINUATION if number else TEXT, part, fin=number == 4) for number, part in enumerate(parts)
    ]
    frames.insert(4, client_frame(PING, b"pongme 2!"))
    frames.insert(2, client_frame(PING, b"pongme 1!"))
    answers = ((PONG, b"pongme 1!"), (PONG, b"pongme 2!"), (TEXT, b"".join(parts)))
    yield _good("5.19", b"".join(frames), *answers, chop_bytes=3)
    yield _good("5.20", b"".join(frames), *answers)


def _octets(text: bytes) -> bytes:
    return fragments(TEXT, *(bytes((octet,)) for octet in text)) if text else fragments(TEXT, b"")


def _utf8() -> Iterator[Case]:
    """6: text is UTF-8 over all of a message, and what is not ends the connection at its first wrong byte."""
    yield _good("6.1.1", *_echoed(TEXT, b""))
    yield _good("6.1.2", fragments(TEXT, b"", b"", b""), (TEXT, b""))
    yield _good("6.1.3", fragments(TEXT, b"", b"middle frame payload", b""), (TEXT, b"middle frame payload"))
    long = "Hello-µ@ßöäüàá-UTF-8!!".encode()
    yield _good("6.2.1", *_echoed(TEXT, long))
    yield _good("6.2.2", fragments(TEXT, long[:10], long[10:]), (TEXT, long))
    yield _good("6.2.3", _octets(long), (TEXT, long))
    kosme = "κόσμε".encode()
    yield _good("6.2.4", _octets(kosme), (TEXT, kosme))
    wrong = kosme + b"\xed\xa0\x80edited"
    yield _bad("6.3.1", client_frame(TEXT, wrong), code=NOT_UTF8)
    yield _bad("6.3.2", _octets(wrong), code=NOT_UTF8)
    # Fail fast: the message never ends, and neither does the frame in the last two.
    for number, cut in (("6.4.1", 0), ("6.4.2", 1)):
        start = client_frame(TEXT, kosme + b"\xf4\x90\x80\x80"[:cut], fin=False)
        yield _bad(number, start + client_frame(CONTINUATION, b"\xf4\x90\x80\x80"[cut:], fin=False), code=NOT_UTF8)
    for number, cut in (("6.4.3", 4), ("6.4.4", 2)):
        frame = client_frame(TEXT, kosme + b"\xf4\x90\x80\x80" + b"edited")
        yield _bad(number, frame[: 6 + len(kosme) + cut], code=NOT_UTF8)
    for place, text in enumerate((kosme, kosme + kosme, kosme * 20, b"\xf0\x90\x8d\x88", "Hello-µ@ßöä".encode()), 1):
        yield _good(f"6.5.{place}", *_echoed(TEXT, text))
    for size in range(1, len(kosme) + 1):
        yield _judged(f"6.6.{size}", kosme[:size])


def _judged(number: str, text: bytes) -> Case:
    """Good or bad as Python's own decoder has it."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return _bad(number, client_frame(TEXT, text), code=NOT_UTF8)
    return _good(number, *_echoed(TEXT, text))


SEQUENCES: dict[str, tuple[bool, str]] = {
    "6.7": (True, "00 c280 e0a080 f0908080"),  # first of each length
    "6.8": (False, "f888808080 fc8480808080"),
    "6.9": (True, "7f dfbf efbfbf f48fbfbf"),  # last of each length
    "6.10": (False, "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf"),
    "6.11": (True, "ed9fbf ee8080 efbfbd f48fbfbf"),  # around the surrogates
    "6.11.end": (False, "f4908080"),
    "6.12": (False, "80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf " + bytes(range(0x80, 0xC0)).hex()),
    "6.13": (
        False,
        " ".join("".join(f"{o:02x}20" for o in r) for r in (range(192, 224), range(224, 240), range(240, 248))),
    ),
    "6.13.rest": (False, "f820f920fa20fb20 fc20fd20"),
    "6.14": (False, "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf"),
    "6.15": (False, "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"),
    "6.16": (False, "fe ff fefeffff"),
    "6.17": (False, "c0af e080af f08080af f8808080af fc80808080af"),  # overlong
    "6.18": (False, "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf"),
    "6.19": (False, "c080 e08080 f0808080 f880808080 fc8080808080"),
    "6.20": (False, "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf"),  # surrogates, single and in pairs
    "6.21": (
        False,
        "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edae80edbfbf edafbfedb080 edafbfedbfbf",
    ),
    "6.23": (True, "efbfb9 efbfba efbfbb efbfbc efbfbd efbfbe efbfbf"),  # specials
}


def _sequences() -> Iterator[Case]:
    """6.7 to 6.23: Markus Kuhn's stress test of decoders, and every non-character."""
    for group, (is_good, texts) in SEQUENCES.items():
        for number, text in enumerate(texts.split(), 1):
            sent, answer = _echoed(TEXT, bytes.fromhex(text))
            name = f"{group}.{number}"
            yield _good(name, sent, answer) if is_good else _bad(name, sent, code=NOT_UTF8)
    points = [plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)]
    for number, point in enumerate(points, 1):
        yield _good(f"6.22.{number}", *_echoed(TEXT, chr(point).encode()))


def _closing() -> Iterator[Case]:
    """7: who closes says so once, hears the same code, and nothing after it."""
    hello, answer = _echoed(TEXT, b"Hello World!")
    yield _good("7.1.1", hello, answer)
    yield Case("7.1.2", GOODBYE + GOODBYE)
    yield Case("7.1.3", GOODBYE + client_frame(PING))
    yield Case("7.1.4", GOODBYE + hello)
    yield Case(
        "7.1.5", client_frame(TEXT, b"fragment1", fin=False) + GOODBYE + client_frame(CONTINUATION, b"fragment2")
    )
    yield Case(
        "7.1.6",
        _echoed(TEXT, b"x" * FRAME_MAX_BYTES)[0] + hello + GOODBYE + client_frame(PING),
        ((TEXT, b"x" * FRAME_MAX_BYTES), answer),
    )
    yield Case("7.3.1", client_frame(CLOSE), code=None)
    yield _bad("7.3.2", client_frame(CLOSE, b"a"))
    for number, reason in enumerate((b"", b"Hello World!", b"*" * 123), 3):
        yield Case(f"7.3.{number}", client_frame(CLOSE, NORMAL.to_bytes(2) + reason))
    yield _bad("7.3.6", client_frame(CLOSE, NORMAL.to_bytes(2) + b"*" * 124))
    yield _bad("7.5.1", client_frame(CLOSE, NORMAL.to_bytes(2) + "κόσμε".encode() + b"\xed\xa0\x80"), code=NOT_UTF8)
    legal = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
    for number, code in enumerate(legal, 1):
        yield Case(f"7.7.{number}", client_frame(CLOSE, code.to_bytes(2)), code=code)
    for number, code in enumerate((0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535), 1):
        yield _bad(f"7.9.{number}", client_frame(CLOSE, code.to_bytes(2)))


def _limits() -> Iterator[Case]:
    """9 and 10, at our size: as large as may be, in few and many fragments and pieces; beyond it 1009."""
    for group, opcode in ((1, TEXT), (2, BINARY)):
        for number, size in enumerate((1024, 4096, FRAME_MAX_BYTES), 1):
            yield _good(f"9.{group}.{number}", *_echoed(opcode, b"*" * size))
        over = client_frame(opcode, b"*" * (FRAME_MAX_BYTES + 1))
        yield _bad(f"9.{group}.over", over, code=TOO_BIG)
        yield _bad(f"9.{group}.head", over[:8], code=TOO_BIG)
        huge = bytes((0x80 | opcode, 0xFF)) + (1 << 62).to_bytes(8) + bytes(4)
        yield _bad(f"9.{group}.huge", huge, code=TOO_BIG)
        for number, size in enumerate((128, 256, 1024, 4096, FRAME_MAX_BYTES), 1):
            payload = b"*" * FRAME_MAX_BYTES
            parts = [payload[at : at + size] for at in range(0, FRAME_MAX_BYTES, size)]
            yield _good(f"9.{group + 2}.{number}", fragments(opcode, *parts), (opcode, payload))
        yield _bad(f"9.{group + 2}.over", fragments(opcode, *[b"*" * 8192] * 3), code=TOO_BIG)
        for number, chop_bytes in enumerate((64, 256, 2048), 1):
            yield _good(f"9.{group + 4}.{number}", *_echoed(opcode, b"*" * FRAME_MAX_BYTES), chop_bytes=chop_bytes)
        for number, size in enumerate((0, 16, 64, 256, 1024), 1):
            sent, answer = _echoed(opcode, b"*" * size)
            yield _good(f"9.{group + 6}.{number}", sent * 100, *[answer] * 100)
    payload = b"*" * FRAME_MAX_BYTES
    parts = [payload[at : at + 1300] for at in range(0, FRAME_MAX_BYTES, 1300)]
    yield _good("10.1.1", fragments(TEXT, *parts), (TEXT, payload))


def _unmasked() -> Iterator[Case]:
    """RFC 6455, 5.1: a server must not take a frame that is not masked (not in Autobahn's list)."""
    for opcode, payload in ((TEXT, b""), (BINARY, b"x"), (PING, b""), (CLOSE, NORMAL.to_bytes(2)), (TEXT, b"*" * 300)):
        yield _bad(f"5.1 unmasked {opcode} {len(payload)}", client_frame(opcode, payload, mask=None))


def deflated(payload: bytes, level: int = -1) -> bytes:
    """What a client without context takeover sends.  RFC 7692, 7.2.1."""
    deflater = zlib.compressobj(level, wbits=-15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


def _compressed() -> Iterator[Case]:
    """12 and 13: messages of many sizes, whole and fragmented, between plain ones; and what is wrong with some."""

    def case(number: str, sent: bytes, *answers: Answer, code: int = NORMAL) -> Case:
        return Case(number, sent + (GOODBYE if code == NORMAL else b""), answers, code, is_deflated=True)

    for number, size in enumerate((0, 16, 64, 256, 1024, 4096, 8192, FRAME_MAX_BYTES), 1):
        text = (b'{"t":"send","text":"line %d"}' % number * 1000)[:size]
        data = deflated(text)
        yield case(f"12.1.{number}", client_frame(TEXT, data, rsv=4) * 20, *[(TEXT, text)] * 20)
        half = len(data) // 2
        yield case(f"12.2.{number}", fragments(BINARY, data[:half], data[half:], rsv=4), (BINARY, text))
        mixed = client_frame(TEXT, data, rsv=4) + client_frame(PING, b"?") + client_frame(TEXT, text)
        yield case(f"13.1.{number}", mixed, (TEXT, text), (PONG, b"?"), (TEXT, text))
        yield case(f"13.2.{number}", client_frame(BINARY, deflated(text, 0), rsv=4), (BINARY, text))
    yield case("13.3.1", client_frame(TEXT, b"\xff\xff\xff", rsv=4), code=PROTOCOL)
    yield case("13.3.2", client_frame(TEXT, deflated(b"\xff"), rsv=4), code=NOT_UTF8)
    yield case("13.3.3", client_frame(BINARY, deflated(bytes(20_000_000))[:16_000], rsv=4), code=TOO_BIG)
    yield case("13.3.4", client_frame(PING, b"", rsv=4), code=PROTOCOL)
    yield case("13.3.5", client_frame(TEXT, deflated(b"x"), rsv=6), code=PROTOCOL)
    broken = client_frame(TEXT, deflated(b"x"), fin=False, rsv=4) + client_frame(CONTINUATION, b"", rsv=4)
    yield case("13.3.6", broken, code=PROTOCOL)


CASES: list[Case] = [
    *_messages(),
    *_pings(),
    *_reserved_bits(),
    *_opcodes(),
    *_fragmentation(),
    *_utf8(),
    *_sequences(),
    *_closing(),
    *_limits(),
    *_unmasked(),
    *_compressed(),
]
