"""Play a broadcast from the ingest as FLV tags, through rtmpdump.

rtmpdump delivers the first key frame that nginx has and keeps the encoder's clock; FFmpeg's RTMP client began one key
frame later (measured: 0.04 s against 2 s after joining at a key frame).
"""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from media.flv import Tag, TagReader
from transcoder.processes import child, last_words

SILENT_SECONDS = 5.0
RTMPDUMP_SECONDS = 15
"""Its own limit on silence; ours comes first."""
CHUNK_BYTES = 65_536


class TapSilentError(Exception):
    """The stream is there, but nothing came for `SILENT_SECONDS`."""


class Tap:
    """One connection to the ingest; gone for good once it has ended."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._reader = TagReader()

    async def read(self) -> list[Tag] | None:
        """The next tags (maybe none yet); None at the end of the stream.

        Raises:
            TapSilentError: no bytes for `SILENT_SECONDS`.
            FlvError: what came is not FLV.
        """
        assert self._process.stdout is not None  # noqa: S101  # opened with a pipe below
        try:
            data = await asyncio.wait_for(self._process.stdout.read(CHUNK_BYTES), SILENT_SECONDS)
        except TimeoutError as error:
            raise TapSilentError from error
        return self._reader.feed(data) if data else None


@asynccontextmanager
async def open_tap(pull_url: str, public_id: str) -> AsyncIterator[Tap]:
    """Connect to the broadcast; a stream that isn't there shows as an end without tags."""
    url = f"{pull_url.rstrip('/')}/{public_id}"
    argv = ["rtmpdump", "--quiet", "--live", "--timeout", str(RTMPDUMP_SECONDS), "--rtmp", url, "--flv", "-"]
    async with child(argv, stdin=False, stdout=True) as process:
        drain = asyncio.create_task(last_words(process))
        try:
            yield Tap(process)
        finally:
            drain.cancel()
