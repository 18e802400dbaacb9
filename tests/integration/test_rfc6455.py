"""RFC 6455 on the transport as it serves: a real uvicorn on uvloop, and one raw client a case."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvloop

from chat.transport import Sockets
from tests.services.frames import CLOSE
from tests.services.rfc6455 import CASES, Answer, Case
from tests.services.sockets import serving

READ_SECONDS = 10.0


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """An echo server, compressing for those who ask, on a loop and thread of its own."""
    is_served, is_done = threading.Event(), asyncio.Event()
    ports: list[int] = []
    loop = uvloop.new_event_loop()

    async def serve() -> None:
        async with serving(sockets=Sockets(may_deflate=True)) as served:
            ports.append(served.port)
            is_served.set()
            await is_done.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    assert is_served.wait(READ_SECONDS)
    yield ports[0]
    loop.call_soon_threadsafe(is_done.set)
    thread.join(READ_SECONDS)


def opened(port: int, *, is_deflated: bool) -> socket.socket:
    """A raw client after its handshake."""
    raw = socket.create_connection(("127.0.0.1", port), READ_SECONDS)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    extension = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" if is_deflated else ""
    raw.sendall(
        f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extension}\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += raw.recv(1)
    assert head.startswith(b"HTTP/1.1 101 ")
    assert (b"server_no_context_takeover; client_no_context_takeover" in head) == is_deflated
    return raw


def read_to_the_end(raw: socket.socket) -> bytes:
    received = b""
    while data := raw.recv(1 << 16):
        received += data
    return received


def frames(data: bytes) -> Iterator[Answer]:
    """The server's frames, by a reader that shares nothing with it: whole, unmasked, without reserved bits."""
    while data:
        assert data[0] & 0xF0 == 0x80
        assert data[1] < 0x80
        start = {126: 4, 127: 10}.get(data[1], 2)
        size = int.from_bytes(data[2:start]) if start > 2 else data[1]
        assert len(data) >= start + size
        yield data[0] & 0x0F, data[start : start + size]
        data = data[start + size :]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_case(port: int, case: Case) -> None:
    """The answers in order, then the close with its code, then the end; nothing else."""
    with opened(port, is_deflated=case.is_deflated) as raw:
        for piece in case.pieces:
            raw.sendall(piece)
        *answers, last = frames(read_to_the_end(raw))
    assert answers == list(case.answers)
    opcode, payload = last
    assert opcode == CLOSE
    assert (int.from_bytes(payload[:2]) if payload else None) == case.code


def test_no_case_is_told_twice() -> None:
    """Each number stands for one row."""
    assert len({case.number for case in CASES}) == len(CASES)
