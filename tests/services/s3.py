"""A real S3-compatible server of its own process, and what a network and a bad day put before it."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import httpx

from media.objects import S3Access
from tests.services.processes import listens, running
from workbench.machine import free_port

BUCKET = "leams-media"
URL = f"s3://{BUCKET}/site/one"


def access(port: int) -> S3Access:
    """How to reach the server, or the proxy before it, on this loopback port."""
    return S3Access(f"http://127.0.0.1:{port}", "us-east-1", "key", "secret")


def environment(port: int) -> dict[str, str]:
    """The same as an operator sets it."""
    return {
        "MEDIA_STORE": URL,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


@contextmanager
def s3_server(folder: Path) -> Iterator[int]:
    """Moto's server with an empty bucket; yields its port."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, folder / "s3.log", lambda: listens(port)):
        httpx.put(f"http://127.0.0.1:{port}/{BUCKET}").raise_for_status()
        yield port


class S3Proxy:
    """Passes each request on, one a connection, or fails it as it is told."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.requests = 0
        self.failed = 0
        self.fails_half = False
        """Every other request gets a 503."""
        self.is_away = False
        """Connections are reset."""
        self.delay_seconds = 0.0
        """Before each request is passed on."""
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _fails(self) -> bool:
        return self.is_away or (self.fails_half and self.requests % 2 == 1)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._pass(reader, writer)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_away:
            self.failed += 1
            return
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        await asyncio.sleep(self.delay_seconds)
        if self._fails():
            self.failed += 1
            writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        up_writer.write(head[:-2] + b"Connection: close\r\n\r\n")
        sending = asyncio.create_task(_carry(reader, up_writer))
        try:
            await _carry(up_reader, writer)
        finally:
            sending.cancel()
            up_writer.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
