"""chat.handshake: which requests open a WebSocket, what is negotiated, and the answer's bytes."""

import pytest

from chat.handshake import Denial, Handshake, deflate_answer, judge, response, switching

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
HEADERS = [(b"host", b"x"), (b"sec-websocket-key", KEY), (b"sec-websocket-version", b"13")]


def test_the_rfcs_own_handshake() -> None:
    """RFC 6455, 1.3: this key has this answer; lists may come in several headers."""
    lists = [
        (b"sec-websocket-protocol", b"one, two"),
        (b"sec-websocket-protocol", b"three"),
        (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits, x-other"),
    ]
    judged = judge("GET", "1.1", [*HEADERS, *lists])
    assert isinstance(judged, Handshake)
    assert judged.accept == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert judged.subprotocols == ["one", "two", "three"]
    assert judged.extensions == [b"permessage-deflate; client_max_window_bits", b"x-other"]


@pytest.mark.parametrize(
    ("method", "version", "changed", "status"),
    [
        ("POST", "1.1", {}, 405),
        ("GET", "1.0", {}, 505),
        ("GET", "1.1", {b"sec-websocket-version": b"8"}, 426),
        ("GET", "1.1", {b"sec-websocket-version": None}, 426),
        ("GET", "1.1", {b"sec-websocket-key": None}, 400),
        ("GET", "1.1", {b"sec-websocket-key": b"c2hvcnQ="}, 400),
        ("GET", "1.1", {b"sec-websocket-key": b"not base64!"}, 400),
    ],
)
def test_requests_that_open_nothing(method: str, version: str, changed: dict[bytes, bytes | None], status: int) -> None:
    """Each has its status; 426 says which version would do."""
    headers = [(name, value) for name, value in {**dict(HEADERS), **changed}.items() if value is not None]
    judged = judge(method, version, headers)
    assert isinstance(judged, Denial)
    assert judged.status == status
    assert ((b"sec-websocket-version", b"13") in judged.headers) == (status == 426)


def test_a_key_said_twice_is_none() -> None:
    """RFC 6455, 11.3.1: the header must not come twice."""
    judged = judge("GET", "1.1", [*HEADERS, HEADERS[1]])
    assert isinstance(judged, Denial)
    assert judged.status == 400


NO_CONTEXT = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        ([], None),
        ([b"x-webkit-deflate-frame"], None),
        ([b"permessage-deflate"], NO_CONTEXT),
        ([b"permessage-deflate; client_max_window_bits"], NO_CONTEXT),
        ([b'permessage-deflate; client_max_window_bits="10"'], NO_CONTEXT),
        ([b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"], NO_CONTEXT),
        ([b"permessage-deflate;server_max_window_bits=12"], NO_CONTEXT + b"; server_max_window_bits=12"),
        ([b"permessage-deflate; server_max_window_bits=9", b"permessage-deflate"], NO_CONTEXT),
        ([b"permessage-deflate; server_max_window_bits=9"], None),
        ([b"permessage-deflate; server_max_window_bits"], None),
        ([b"permessage-deflate; server_max_window_bits=16"], None),
        ([b"permessage-deflate; client_max_window_bits=7"], None),
        ([b"permessage-deflate; client_max_window_bits="], None),
        ([b"permessage-deflate; client_max_window_bits; client_max_window_bits"], None),
        ([b"permessage-deflate; server_no_context_takeover=1"], None),
        ([b"permessage-deflate; unheard_of"], None),
    ],
)
def test_which_offers_of_compression_we_keep(offers: list[bytes], answer: bytes | None) -> None:
    """The first that asks for nothing we don't do; always without context."""
    assert deflate_answer(offers) == answer


def test_the_answers_bytes() -> None:
    """As a client reads them."""
    head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    head += b"sec-websocket-accept: abc\r\n"
    assert switching(b"abc", None, None, []) == head + b"\r\n"
    more = b"sec-websocket-protocol: p\r\nsec-websocket-extensions: e\r\ndate: now\r\n\r\n"
    assert switching(b"abc", "p", b"e", [(b"date", b"now")]) == head + more
    denied = b"HTTP/1.1 403 Forbidden\r\nx: y\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"
    assert response(403, [(b"x", b"y")], b"no") == denied
    assert response(499, [], b"").startswith(b"HTTP/1.1 499 \r\n")
