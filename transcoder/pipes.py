"""Read a child's pipe as bytes come: bounded, and with a limit to the wait.

asyncio's `StreamReader` and `timeout` do the same for 15 µs a read instead of 9, on a busy core; a worker reads
65 times a second for each broadcast.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from io import FileIO
from typing import cast

HELD_BYTES = 131_072
"""With so much unread the pipe is left to fill, and the child has to wait."""
PIPE_BYTES = 262_144
"""Of the kernel's own: a part of pictures is a write and a read.  In 64 kB, as usual, one of 100 kB was three of each,
and its muxer waited in between."""


class PipeReader(asyncio.Protocol):
    """What has come since the last `read`; for one reader."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._held_bytes = 0
        self._is_over = False
        self._is_paused = False
        self._transport: asyncio.ReadTransport | None = None
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The pipe is open."""
        self._transport = cast("asyncio.ReadTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._chunks.append(data)
        self._held_bytes += len(data)
        if self._held_bytes >= HELD_BYTES and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """The child has closed its end, or is gone."""
        del error
        self._is_over = True
        self._wake()

    async def read(self, patience_seconds: float | None = None) -> bytes:
        """Everything that is there, at least a byte; nothing at the end.

        Raises:
            TimeoutError: nothing came for so long; it can be read on.
        """
        if not self._chunks and not self._is_over:
            await self._wait(patience_seconds)
            if not self._chunks and not self._is_over:
                raise TimeoutError
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._held_bytes = 0
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    async def _wait(self, patience_seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = None if patience_seconds is None else loop.call_later(patience_seconds, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def make_pipe(stack: ExitStack | AsyncExitStack) -> tuple[FileIO, int]:
    """An end to read, which the stack closes, and one to write for a child."""
    ours, theirs = os.pipe()
    with suppress(OSError):  # more than this user may have
        fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return stack.enter_context(FileIO(ours)), theirs


@asynccontextmanager
async def open_pipe(pipe: FileIO) -> AsyncIterator[PipeReader]:
    """Read this end for as long as the block lasts; closes it."""
    transport, reader = await asyncio.get_running_loop().connect_read_pipe(PipeReader, pipe)
    try:
        yield reader
    finally:
        transport.close()
