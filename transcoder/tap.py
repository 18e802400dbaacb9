"""Play a broadcast from the ingest as FLV tags, through rtmpdump.

rtmpdump delivers the first key frame that nginx has and keeps the encoder's clock; FFmpeg's RTMP client began one key
frame later (measured: 0.04 s against 2 s after joining at a key frame).  It may join before the publisher, and ends
when nginx tells it that the publisher has left.
"""

import asyncio
import os
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from media.flv import Tag, TagReader
from transcoder.pipes import PipeReader, make_pipe, open_pipe
from transcoder.processes import STDERR_BYTES, child

SILENT_SECONDS = 5.0
RTMPDUMP_SECONDS = 15
"""Its own limit on silence, with which a wait for a publisher ends."""
_PLAYS = b"Starting Live Stream"
"""rtmpdump's word for: nginx has let it play."""
_PUBLISHED = b"NetStream.Play.PublishNotify"
"""nginx' word for: somebody publishes."""
_LEFT = b"NetStream.Play.UnpublishNotify"
LAST_WORDS_SECONDS = 1.0
"""Between the end of rtmpdump's output and that of its words."""


class TapSilentError(Exception):
    """Nothing came for as long as the caller wanted to wait; the tap can be read on."""


class Tap:
    """One connection to the ingest; gone for good once it has ended."""

    def __init__(self, process: Process, pipe: PipeReader) -> None:
        self._process = process
        self._pipe = pipe
        self._reader = TagReader()
        self.opened = asyncio.Event()
        """Set once nginx has let it play: whatever is published from now on comes."""
        self.has_publisher = False
        """Somebody publishes, or did; with or without frames."""
        self._has_left = False
        self._listening = asyncio.create_task(self._listen(), name="rtmpdump's words")

    async def read(self, patience_seconds: float = SILENT_SECONDS) -> list[Tag] | None:
        """The next tags (maybe none yet); None at the end of the stream.

        Raises:
            TapSilentError: no bytes for so long.
            FlvError: what came is not FLV.
        """
        try:
            data = await self._pipe.read(patience_seconds)
        except TimeoutError as error:
            raise TapSilentError from error
        return self._reader.feed(data) if data else None

    async def has_publisher_left(self) -> bool:
        """After the end: did nginx say so, or was only this connection lost?"""
        await asyncio.wait({self._listening}, timeout=LAST_WORDS_SECONDS)
        return self._has_left

    def close(self) -> None:
        """Listen no more."""
        self._listening.cancel()

    async def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101  # opened with a pipe below
        said = b""
        while chunk := await self._process.stderr.read(4_096):
            said = (said + chunk)[-STDERR_BYTES:]
            if _PLAYS in said:
                self.opened.set()
            if _PUBLISHED in said:
                self.has_publisher = True
            if _LEFT in said:
                self._has_left = True


@asynccontextmanager
async def open_tap(pull_url: str, public_id: str) -> AsyncIterator[Tap]:
    """Connect to the broadcast, whether it is there already or not."""
    url = f"{pull_url.rstrip('/')}/{public_id}"
    # without a buffer: at 500 kbit/s a frame would wait 65 ms for four kilobytes to fill
    argv = [
        "stdbuf",
        "-o0",
        "rtmpdump",
        "--verbose",
        "--live",
        "--timeout",
        str(RTMPDUMP_SECONDS),
        "--rtmp",
        url,
        "--flv",
        "-",
    ]
    async with AsyncExitStack() as stack:
        pipe, theirs = make_pipe(stack)
        try:
            process = await stack.enter_async_context(child(argv, stdin=False, stdout=theirs))
        finally:
            os.close(theirs)  # the child's copy is what keeps the pipe open
        tap = Tap(process, await stack.enter_async_context(open_pipe(pipe)))
        stack.callback(tap.close)
        yield tap
