"""Real web processes for chat tests, people with accounts, and a plain WebSocket client of the wire."""

import asyncio
import itertools
import json
import secrets
import socket
import subprocess
import sys
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from server.auth.signing_keys import AccessTokens
from server.auth.tokens import Identity
from server.db.pool import Pool
from tests.services.processes import listens, running
from tests.services.waiting import eventually
from workbench.machine import free_port

JSON = "leams.v1.json"
MSGPACK = "leams.v1.msgpack"
WAIT_SECONDS = 10.0

Frame = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WebProcess:
    """A running `python -m server web`."""

    port: int
    metrics_port: int
    process: "subprocess.Popen[bytes]"
    log: Path


Pair = tuple[WebProcess, WebProcess]
"""Two processes on the same Redis and Postgres."""


@contextmanager
def web_process(
    database_url: str, redis_url: str, folder: Path, *, port: int | None = None, **environment: str
) -> Iterator[WebProcess]:
    """Start one web process, in the place of an earlier one where `port` is given, and wait until it listens."""
    port, metrics_port = port or free_port(), free_port()
    env = {
        "LEAMS_DATABASE_URL": database_url,
        "LEAMS_REDIS_URL": redis_url,
        "LEAMS_HOOK_SECRET": "hook-secret-of-the-tests",
        "LEAMS_PUBLIC_URL": "http://leams.test",
        "LEAMS_WEB_PORT": str(port),
        "LEAMS_METRICS_PORT": str(metrics_port),
        "MEDIA_STORE": (folder / "media").as_uri(),
        **environment,
    }
    log = folder / f"web-{port}.log"
    with running([sys.executable, "-m", "server", "web"], log, lambda: listens(port), env=env) as process:
        yield WebProcess(port, metrics_port, process, log)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody with an account, a session and a channel (whose id is the room's)."""

    id: int
    name: str
    session_id: str
    token: str
    room: str


class People:
    """Makes accounts in the database, without the cost of hashing passwords."""

    def __init__(self, db: Pool, tokens: AccessTokens) -> None:
        self.db = db
        self._tokens = tokens

    async def join(self, name: str | None = None, *, site_role: str = "user", lasts_seconds: float = 600) -> Account:
        """A new account with a signed-in session and a channel."""
        name = name or f"u_{secrets.token_hex(5)}"
        async with self.db.acquire() as connection:
            account_id = await connection.fetchval(
                "INSERT INTO accounts (name, display_name, password_hash, site_role) VALUES ($1, $1, '', $2)"
                " RETURNING id",
                name,
                site_role,
            )
            room = await connection.fetchval(
                "INSERT INTO channels (owner_account_id, slug) VALUES ($1, lower($2)) RETURNING id", account_id, name
            )
            session_id = str(uuid.uuid4())
            await connection.execute("INSERT INTO sessions (id, account_id) VALUES ($1, $2)", session_id, account_id)
        now = time.time()
        role: Any = site_role
        token = self._tokens.sign(Identity(account_id, name, role, session_id, now + lasts_seconds), now)
        return Account(account_id, name, session_id, token, str(room))


def _frames(data: str | bytes) -> list[Frame]:
    if isinstance(data, str):
        return [json.loads(line) for line in data.split("\n")]
    unpacker = msgpack.Unpacker()
    unpacker.feed(data)
    frames = list(unpacker)
    assert unpacker.tell() == len(data)
    return frames


class ChatClient:
    """One WebSocket; keeps every frame it got, in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.is_json = connection.subprotocol == JSON
        self.frames: list[Frame] = []
        self.joined_max = 0
        """The most frames that came in one message."""
        self._ids = itertools.count(1)
        self._waiting: deque[Frame] = deque()

    async def write(self, frame: Frame) -> None:
        """Send a frame in the negotiated encoding."""
        await self.connection.send(json.dumps(frame) if self.is_json else msgpack.packb(frame))

    async def read(self, seconds: float = WAIT_SECONDS) -> Frame:
        """The next frame as it comes; a compressed message may hold several."""
        if not self._waiting:
            async with asyncio.timeout(seconds):
                data = await self.connection.recv()
            assert isinstance(data, str) == self.is_json
            self._waiting.extend(_frames(data))
            self.joined_max = max(self.joined_max, len(self._waiting))
        frame = self._waiting.popleft()
        self.frames.append(frame)
        return frame

    async def until(self, accept: Callable[[Frame], bool], seconds: float = WAIT_SECONDS) -> Frame:
        """The next frame that `accept` takes; what comes before it is kept and passed over."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            frame = await self.read(deadline - asyncio.get_running_loop().time())
            if accept(frame):
                return frame

    async def ask(self, kind: str, **fields: Any) -> Frame:
        """Send a request and read until its answer."""
        number = next(self._ids)
        await self.write({"t": kind, "id": number, **fields})
        return await self.until(lambda frame: frame.get("id") == number)

    async def hello(self, account: Account | None = None) -> Frame:
        """Say who we are."""
        return await self.ask("hello", **({"token": account.token} if account else {}))

    async def say(self, room: str, text: str, nonce: str | None = None) -> Frame:
        """Send a message or command; the ack or the refusal."""
        return await self.ask("send", room=room, nonce=nonce or secrets.token_hex(8), text=text)

    async def event(self, kind: str = "message", seconds: float = WAIT_SECONDS, **expected: Any) -> Frame:
        """The next live event of this kind, as its push frame."""

        def accept(frame: Frame) -> bool:
            event = frame.get("event", {})
            return (
                frame["t"] == "event"
                and event["t"] == kind
                and all(event.get(name) == value for name, value in expected.items())
            )

        return await self.until(accept, seconds)

    async def closed(self, seconds: float = WAIT_SECONDS) -> int:
        """Read to the end; the close code."""
        async with asyncio.timeout(seconds):
            await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code


@asynccontextmanager
async def chat_client(port: int, encoding: str = JSON, **options: Any) -> AsyncIterator[ChatClient]:
    """Connect; the test says hello by itself."""
    options = {"max_queue": None, "proxy": None, "compression": None, **options}
    async with connect(f"ws://127.0.0.1:{port}/ws", subprotocols=[Subprotocol(encoding)], **options) as connection:
        yield ChatClient(connection)


@asynccontextmanager
async def in_room(
    port: int, room: str, account: Account | None = None, encoding: str = JSON, **options: Any
) -> AsyncIterator[ChatClient]:
    """Connect, say hello, enter the room; on a machine that is busy elsewhere not at the first try, as a page does."""
    async with chat_client(port, encoding, **options) as client:
        assert (await client.hello(account))["t"] == "welcome"

        async def has_joined() -> bool:
            answer = await client.ask("join", room=room)
            assert answer["t"] == "joined" or answer["code"] == "unavailable", answer
            return bool(answer["t"] == "joined")

        await eventually(has_joined, "the room", 10)
        yield client


def stalled_socket(port: int, encoding: str = JSON) -> socket.socket:
    """A raw socket after its handshake, with a small receive buffer, for a client that never reads."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", port))
    raw.sendall(
        f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {encoding}\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += raw.recv(1)
    assert b" 101 " in head, head
    return raw


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """A client's WebSocket frame with a mask of zeros."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload
