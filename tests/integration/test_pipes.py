"""The reader of children's pipes, on a real pipe."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import FileIO

import pytest

from tests.services.waiting import eventually
from transcoder.pipes import HELD_BYTES, PipeReader, open_pipe


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[PipeReader, int]]:
    """The reader, and the end to write to."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    try:
        async with open_pipe(FileIO(ours)) as reader:
            yield reader, theirs
    finally:
        with suppress(OSError):
            os.close(theirs)


async def test_what_has_come_is_read_at_once_and_nothing_at_the_end() -> None:
    """Two writes are one read; the end is known again and again."""
    async with opened() as (reader, pipe):
        os.write(pipe, b"one")
        assert await reader.read() == b"one"
        os.write(pipe, b"two")
        os.write(pipe, b"three")
        os.close(pipe)
        read = b""
        while data := await reader.read(1.0):
            read += data
        assert read == b"twothree"
        assert await reader.read() == b""


async def test_a_wait_has_an_end_and_can_be_taken_up_again() -> None:
    """What comes after the patience was over is not lost."""
    async with opened() as (reader, pipe):
        with pytest.raises(TimeoutError):
            await reader.read(0.01)
        os.write(pipe, b"late")
        assert await reader.read(1.0) == b"late"


async def test_a_reader_that_was_cancelled_loses_nothing() -> None:
    """The next one gets it."""
    async with opened() as (reader, pipe):
        waiting = asyncio.create_task(reader.read())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        os.write(pipe, b"kept")
        assert await reader.read(1.0) == b"kept"


async def test_a_pipe_that_nobody_reads_fills_up() -> None:
    """The child has to wait; everything comes once it is read."""
    async with opened() as (reader, pipe):
        written = 0

        async def is_full() -> bool:
            nonlocal written
            try:
                while True:
                    written += os.write(pipe, b"x" * 65_536)
            except BlockingIOError:
                return written > HELD_BYTES

        await eventually(is_full, "a full pipe")
        for _ in range(20):
            await asyncio.sleep(0)
            await is_full()
        assert written <= HELD_BYTES + 262_144 + 65_536  # one read more, and what the pipe itself holds
        os.close(pipe)
        read = 0
        while data := await reader.read(1.0):
            read += len(data)
        assert read == written
