"""A TCP proxy before Redis that can go deaf, or swallow everything, as networks do."""

import asyncio
from contextlib import suppress
from typing import Self


class RedisProxy:
    """Passes connections on to Redis, tells those that subscribe from the others, and fails on demand."""

    def __init__(self, redis_port: int, port: int = 0) -> None:
        self.port = port
        self.replaced = asyncio.Event()
        """A subscriber came after `mute`."""
        self._redis_port = redis_port
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscribers: set[int] = set()
        self._muted: set[int] = set()
        self._is_dropping = self._is_mute = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()

    async def refuse(self) -> None:
        """Cut all connections, and let nobody in."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def accept(self) -> None:
        """Be there again after `refuse`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def mute(self) -> None:
        """Swallow what comes down the connections that subscribe now; the others work on."""
        self._muted = set(self._subscribers)

    def drop(self) -> None:
        """Swallow everything in both directions from now on; connections stand, new ones are accepted."""
        self._is_dropping = True

    def drop_replies(self) -> None:
        """Swallow what Redis says; what it is told arrives."""
        self._is_mute = True

    def restore(self) -> None:
        """Pass everything on again; what was dropped is gone."""
        self._is_dropping = self._is_mute = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._redis_port)
        pipes = [
            asyncio.create_task(self._pass(reader, up_writer, id(writer), is_up=True)),
            asyncio.create_task(self._pass(up_reader, writer, id(writer), is_up=False)),
        ]
        try:
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up_writer.transport.abort()
            for pipe in pipes:
                pipe.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: int, *, is_up: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if is_up and b"SSUBSCRIBE" in data:
                    self._subscribers.add(name)
                    if self._muted and name not in self._muted:
                        self.replaced.set()
                if not self._is_dropping and (is_up or not (self._is_mute or name in self._muted)):
                    writer.write(data)
