"""chat.wire: one schema, two encodings, and the vectors that Python and TypeScript share.

`python -m tests.unit.chat.test_wire` writes `tests/data/frames/frames.json` anew.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat import codes, wire
from chat.wire import Author, Encoding, Logged

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests/data/frames/frames.json"

_ANN = Author(7, "ann", "owner")
_BOB = Author(8, "bob")
_AT = 1_790_000_000_000
_EPOCH = "019a00000000deadbeef"
_MESSAGE = wire.Message("a1b2", _AT, _BOB, "hi \N{PARTY POPPER} <b>", nonce="n-1")

FROM_CLIENT: dict[str, wire.ClientFrame] = {
    "hello as a guest": wire.Hello(1),
    "hello with a token": wire.Hello(1, "header.payload.signature", "web/1"),
    "hello with a ticket": wire.Hello(1, client="web/1", ticket="key.claims-and-mac"),
    "join": wire.Join(2, "12"),
    "join to recover": wire.Join(2, "12", _EPOCH, 41),
    "leave": wire.Leave(3, "12"),
    "send": wire.Send(4, "12", "n-1", "hi \N{PARTY POPPER} <b>"),
    "send a command": wire.Send(5, "12", "n-2", "/timeout bob 10m be kind"),
    "older": wire.Older(6, "12", _EPOCH, 40),
    "older, a short page": wire.Older(6, "12", _EPOCH, 40, 10),
    "ping": wire.Ping(7),
}

FROM_SERVER: dict[str, wire.ServerFrame] = {
    "welcome, guest": wire.Welcome(1, "5e551014", _AT, 25),
    "welcome, member": wire.Welcome(1, "5e551014", _AT, 25, _BOB, 580, ticket="key.claims-and-mac"),
    "joined with a backfill": wire.Joined(
        2, "12", _EPOCH, 41, [Logged(40, _MESSAGE), Logged(41, wire.Message("a1b3", _AT, _ANN, "waves", me=True))]
    ),
    "joined with lines of an earlier epoch": wire.Joined(2, "12", _EPOCH, 0, [Logged(9, _MESSAGE, "019900000000")]),
    "joined, recovered, restricted": wire.Joined(
        2,
        "12",
        _EPOCH,
        42,
        [Logged(42, wire.RoomCleared(_AT, _ANN))],
        recovered=True,
        role="member",
        modes=wire.Modes(30, 600),
        restriction=wire.Restriction("timed_out", _AT + 60_000, "be kind"),
        chatters=2,
        viewers=3,
    ),
    "joined with a pinned message": wire.Joined(
        2, "12", _EPOCH, 52, [], pinned=wire.Pinned(_AT, _ANN, wire.Quote("a1b2", _AT, _BOB, "read this"))
    ),
    "left": wire.Left(3, "12"),
    "history": wire.History(6, "12", [Logged(39, _MESSAGE)]),
    "history, the beginning": wire.History(6, "12", [], complete=True),
    "ack": wire.Ack(4, "12", "n-1", _EPOCH, 42),
    "ack of a command that only tells": wire.Ack(5, "12", "n-2", text="/help: List the commands."),
    "error of a send": wire.Refused(
        4, codes.Code.SLOW_MODE, "Slow mode: wait.", temporary=True, retry_after_ms=12_000, room="12", nonce="n-1"
    ),
    "error with a field": wire.Refused(5, codes.Code.USAGE, "NAME is missing.", field="name", room="12", nonce="n-2"),
    "event: message": wire.Push("12", _EPOCH, 42, _MESSAGE),
    "event: announcement": wire.Push("12", _EPOCH, 50, wire.Announced("a1b4", _AT, _ANN, "Back in five minutes")),
    "event: announcement in a colour": wire.Push("12", _EPOCH, 51, wire.Announced("a1b5", _AT, _ANN, "Go!", "green")),
    "event: deleted": wire.Push("12", _EPOCH, 43, wire.Deleted(_AT, "a1b2", _ANN)),
    "event: timeout": wire.Push("12", _EPOCH, 44, wire.UserCleared(_AT, 8, "bob", _ANN, 600, "be kind")),
    "event: ban": wire.Push("12", _EPOCH, 45, wire.UserCleared(_AT, 8, "bob", _ANN)),
    "event: restored": wire.Push("12", _EPOCH, 46, wire.UserRestored(_AT, 8, "bob", _ANN)),
    "event: cleared": wire.Push("12", _EPOCH, 47, wire.RoomCleared(_AT, _ANN)),
    "event: modes": wire.Push("12", _EPOCH, 48, wire.ModesChanged(_AT, _ANN, 30, 0)),
    "event: role": wire.Push("12", _EPOCH, 49, wire.RoleChanged(_AT, 8, "bob", "vip", _ANN)),
    "event: pinned": wire.Push("12", _EPOCH, 52, wire.Pinned(_AT, _ANN, wire.Quote("a1b2", _AT, _BOB, "read this"))),
    "event: unpinned": wire.Push("12", _EPOCH, 53, wire.Unpinned(_AT, _ANN)),
    "info": wire.Info("12", 3, 2, "live", "b7x", "Title", "Art", _AT),
    "info, interrupted": wire.Info("12", live="interrupted", broadcast="b7x", grace_until_ms=_AT),
    "you": wire.You("12", "vip"),
    "you, banned": wire.You("12", "member", wire.Restriction("banned", reason="spam")),
    "reload": wire.Reload("12", "019a00000001deadbeef"),
    "reconnect": wire.Reconnect(1500),
    "pong": wire.Pong(7),
}

_server_json = msgspec.json.Decoder(wire.ServerFrame)
_server_msgpack = msgspec.msgpack.Decoder(wire.ServerFrame)


def vectors() -> list[dict[str, str]]:
    """The shared file's content."""
    frames: list[tuple[str, Mapping[str, wire.ClientFrame | wire.ServerFrame]]] = [
        ("client", FROM_CLIENT),
        ("server", FROM_SERVER),
    ]
    return [
        {
            "name": name,
            "from": origin,
            "json": wire.encode(frame, Encoding.JSON).decode(),
            "msgpack": wire.encode(frame, Encoding.MSGPACK).hex(),
        }
        for origin, named in frames
        for name, frame in named.items()
    ]


def test_the_shared_vectors_are_what_we_write() -> None:
    """The file that TypeScript reads too holds every frame above, byte for byte."""
    assert json.loads(VECTORS.read_text()) == vectors()


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["name"])
def test_both_encodings_of_a_vector_say_the_same(vector: dict[str, str]) -> None:
    """An independent MessagePack reader and the JSON text agree, and ours reads both back to the frame."""
    packed = bytes.fromhex(vector["msgpack"])
    assert msgpack.unpackb(packed) == json.loads(vector["json"])
    if vector["from"] == "client":
        frame: Any = FROM_CLIENT[vector["name"]]
        assert wire.decode(vector["json"], Encoding.JSON) == wire.decode(packed, Encoding.MSGPACK) == frame
    else:
        frame = FROM_SERVER[vector["name"]]
        assert _server_json.decode(vector["json"]) == _server_msgpack.decode(packed) == frame


def test_every_frame_and_event_has_a_vector() -> None:
    """No frame is added without a vector."""
    frames = {type(frame) for frame in [*FROM_CLIENT.values(), *FROM_SERVER.values()]}
    assert frames == {*get_args(wire.ClientFrame), *get_args(wire.ServerFrame)}
    events = {type(frame.event) for frame in FROM_SERVER.values() if isinstance(frame, wire.Push)}
    assert events == set(get_args(wire.Event))


def test_the_page_names_every_frame_event_code_and_limit() -> None:
    """docs/wire.md is complete."""
    page = (ROOT / "docs/wire.md").read_text()
    structs = [*get_args(wire.ClientFrame), *get_args(wire.ServerFrame), *get_args(wire.Event)]
    for struct in structs:
        assert f"`{struct.__struct_config__.tag}`" in page, struct
        for field in msgspec.structs.fields(struct):
            assert field.encode_name in page, (struct, field.encode_name)
    for code in codes.Code:
        assert f"`{code}`" in page, code
    for close in codes.Close:
        assert f"| {close.value} | {close.name} |" in page, close
    for encoding in Encoding:
        assert f"`{encoding}`" in page


def test_close_codes_say_whether_to_come_back() -> None:
    """Ours lie in the two ranges of the house."""
    assert all(4000 <= code <= 4999 for code in codes.Close)
    for_good = {"BAD_FRAME", "BAD_TOKEN", "FLOOD", "HELLO_FIRST", "ACCOUNT_GONE", "FORBIDDEN"}
    assert {code.name for code in codes.Close if code >= 4500} == for_good


def test_unknown_fields_are_passed_over() -> None:
    """A newer client may say more than we know."""
    assert wire.decode('{"t":"ping","id":1,"mood":"good"}', Encoding.JSON) == wire.Ping(1)
    packed = msgpack.packb({"t": "ping", "id": 1, "mood": "good"})
    assert wire.decode(packed, Encoding.MSGPACK) == wire.Ping(1)


@given(text=st.text(max_size=600), nonce=st.text(max_size=70), number=st.integers(0, 2**53 - 1))
def test_any_send_survives_both_encodings(text: str, nonce: str, number: int) -> None:
    """Whatever a person types is read back as it was written."""
    frame = wire.Send(number, "12", nonce, text)
    for encoding in Encoding:
        assert wire.decode(wire.encode(frame, encoding), encoding) == frame


@given(st.binary(max_size=200), st.sampled_from(Encoding))
def test_garbage_is_refused_by_a_known_error(data: bytes, encoding: Encoding) -> None:
    """No input raises anything but the two errors that the session catches."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        wire.decode(data, encoding)


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n")
