"""The opening of a WebSocket: is the request one, what is negotiated, and the bytes of the answer.  Pure.

Source: RFC 6455, 4.2 (Sec-WebSocket-Key and so on), RFC 7692, 7.1 (permessage-deflate), RFC 9112 (HTTP/1.1).
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses

from chat.framing import DEFLATE_WINDOW_BITS

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = b"13"
_DEFLATE = b"permessage-deflate"
_DEFLATE_ANSWER = _DEFLATE + b"; server_no_context_takeover; client_no_context_takeover"
_TAKEOVERS = {b"server_no_context_takeover", b"client_no_context_takeover"}
_is_key = re.compile(rb"[A-Za-z0-9+/]{22}==").fullmatch
"""16 bytes in base64."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """A good request."""

    accept: bytes
    subprotocols: list[str]
    extensions: list[bytes]


@dataclass(frozen=True, slots=True)
class Denial:
    """Not a good one, and what it is answered."""

    status: HTTPStatus
    reason: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


def judge(method: str, http_version: str, headers: Headers) -> Handshake | Denial:
    """Is this request to upgrade to a WebSocket one that RFC 6455 takes?  That it asks for one was seen before."""
    given: dict[bytes, bytes] = {}
    for name, value in headers:
        given[name] = given[name] + b"," + value if name in given else value
    if method != "GET":
        return Denial(HTTPStatus.METHOD_NOT_ALLOWED, "A WebSocket opens with GET.", ((b"allow", b"GET"),))
    if http_version != "1.1":
        return Denial(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "A WebSocket opens over HTTP/1.1.")
    if given.get(b"sec-websocket-version") != _VERSION:
        version = ((b"sec-websocket-version", _VERSION),)
        return Denial(HTTPStatus.UPGRADE_REQUIRED, "Sec-WebSocket-Version is 13.", version)
    key = given.get(b"sec-websocket-key", b"")
    if not _is_key(key):
        return Denial(HTTPStatus.BAD_REQUEST, "Sec-WebSocket-Key is 16 bytes in base64.")
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    subprotocols = [name.decode("latin-1") for name in _listed(given.get(b"sec-websocket-protocol", b""))]
    return Handshake(accept, subprotocols, _listed(given.get(b"sec-websocket-extensions", b"")))


def _listed(value: bytes) -> list[bytes]:
    return [entry for part in value.split(b",") if (entry := part.strip())]


def deflate_answer(offers: list[bytes]) -> bytes | None:
    """How the first offer of `permessage-deflate` that we can keep is accepted, or None.

    No context is kept on either side: what is compressed once goes to all.  RFC 7692, 7.1.2.
    """
    for offer in offers:
        name, *given = (part.strip() for part in offer.split(b";"))
        if name == _DEFLATE and (window := _window_bits(given)) is not None:
            return _DEFLATE_ANSWER + (b"; server_max_window_bits=%d" % window if window else b"")
    return None


def _window_bits(parameters: list[bytes]) -> int | None:
    """The window that the client wants of us; 0: any, None: this offer has something that we don't do."""
    window, seen = 0, set()
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        value = value.strip(b'"')
        if name in seen or (name in _TAKEOVERS and value):
            return None
        seen.add(name)
        if name in _TAKEOVERS:
            continue
        is_bits = value.isdigit() and not value.startswith(b"0") and 8 <= int(value) <= 15
        if name == b"server_max_window_bits" and is_bits and int(value) >= DEFLATE_WINDOW_BITS:
            window = int(value)
        elif name != b"client_max_window_bits" or not (is_bits or value == parameter[len(name) :] == b""):
            return None
    return window


def switching(accept: bytes, subprotocol: str | None, extension: bytes | None, headers: Headers) -> bytes:
    """The answer that opens the WebSocket."""
    lines = [b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: "]
    lines.append(accept)
    if subprotocol is not None:
        lines.append(b"\r\nsec-websocket-protocol: " + subprotocol.encode("latin-1"))
    if extension is not None:
        lines.append(b"\r\nsec-websocket-extensions: " + extension)
    lines.extend(b"\r\n" + name + b": " + value for name, value in headers)
    lines.append(b"\r\n\r\n")
    return b"".join(lines)


def response(status: int, headers: Headers, body: bytes) -> bytes:
    """An ordinary answer, after which the connection closes."""
    given = list(headers)
    given += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in given)
    return f"HTTP/1.1 {int(status)} {responses.get(status, '')}\r\n".encode() + lines + b"\r\n" + body
