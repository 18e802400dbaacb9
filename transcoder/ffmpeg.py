"""One FFmpeg run: tags in, parts and segments out, watched until it ends.

Every pipe has a reader of its own; the input queue is bounded, and its fullness means that FFmpeg hangs or is far too
slow.  It is a batch process to the kernel (sched(7)): it does not push aside whoever runs when a frame comes, which
spares it 1.4 % of its work and the others their caches.
"""

import asyncio
import os
import time
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from io import FileIO

import structlog

from media.command import LEVELS, PROGRESS, THUMBNAIL
from media.fmp4 import FragmentError, FragmentReader, Init
from media.ladder import AUDIO, Plan
from media.window import WindowError
from transcoder.cutter import Cut, CutError, Cutter
from transcoder.levels import LevelReader
from transcoder.packager import FencedError
from transcoder.pipes import PipeReader, make_pipe, open_pipe
from transcoder.processes import child, last_words
from transcoder.progress import Progress, ProgressReader, Watchdog
from transcoder.thumbnails import JpegReader

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

QUEUE_BYTES = 33_554_432
QUEUE_SECONDS = 25.0
"""How long input may wait for FFmpeg: two and a half times what a run that is too slow has until a rung is shed."""
WATCH_SECONDS = 0.5
DRAIN_SECONDS = 4.0


class RunEnd(StrEnum):
    """How a run ended; everything but ENDED and FENCED is worth another try."""

    ENDED = "ended"
    """Its input was closed and everything was written."""
    DIED = "died"
    STALLED = "stalled"
    OVERFLOW = "overflow"
    """It takes input more slowly than the encoder sends it."""
    MISCUT = "miscut"
    """Its output can't be cut into segments: key frames of a copied rung, or boxes we don't know."""
    STORE = "store"
    """The store stayed away."""
    FENCED = "fenced"
    """Another worker has the broadcast, or it has ended."""


Argv = Callable[[Mapping[str, int]], list[str]]
"""FFmpeg's arguments, given the open write ends by name (`media.command`)."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where a run's output goes."""

    begin: Callable[[Mapping[str, Init]], Awaitable[None]]
    cuts: Callable[[Sequence[Cut]], Awaitable[None]]
    thumbnail: Callable[[bytes], Awaitable[None]]


class _EndError(Exception):
    def __init__(self, end: RunEnd) -> None:
        super().__init__(end)
        self.end = end


class Run:
    """Start it, offer it bytes, look whether it is over now and then, and `finish` or `abort` it in the end."""

    def __init__(self, argv: Argv, plan: Plan, part_target_us: int, outlets: Outlets) -> None:
        self._argv = argv
        self._plan = plan
        self._outlets = outlets
        self._names = [*(rung.name for rung in plan.video), AUDIO]
        self._input: asyncio.StreamWriter | None = None
        self._offered: list[bytes] = []
        """Since the last turn of the loop, or since before FFmpeg was there."""
        self._offers: deque[tuple[int, float]] = deque()
        """What FFmpeg has not taken: where each offer ends, counted from the run's first byte, and when it came."""
        self._total_bytes = 0
        self._is_closed = False
        self._cutter = Cutter(self._names, part_target_us)
        self._has_begun = False
        self._waiting: list[Cut] = []
        self._lock = asyncio.Lock()
        self._watchdog = Watchdog(time.monotonic())
        self.progress = Progress(0.0, 0.0)
        self.levels = LevelReader()
        self.pid: int | None = None
        self.end: RunEnd | None = None
        self._task = asyncio.create_task(self._run(), name="ffmpeg run")

    @property
    def is_over(self) -> bool:
        """Has it ended, by itself or by a fault?"""
        return self._task.done()

    def offer(self, data: bytes) -> bool:
        """Queue input; False when too much waits, or for too long: the run is of no further use."""
        now = time.monotonic()
        waiting_bytes = sum(map(len, self._offered))
        if self._input is not None:
            waiting_bytes += self._input.transport.get_write_buffer_size()
        while self._offers and self._offers[0][0] <= self._total_bytes - waiting_bytes:
            self._offers.popleft()
        if waiting_bytes + len(data) > QUEUE_BYTES or (self._offers and now - self._offers[0][1] > QUEUE_SECONDS):
            return False
        if not self._offered:
            asyncio.get_running_loop().call_soon(self._write)
        self._offered.append(data)
        self._total_bytes += len(data)
        self._offers.append((self._total_bytes, now))
        self._watchdog.note_fed(now)
        return True

    def close(self) -> None:
        """Nothing more goes in."""
        self._is_closed = True
        self._write()

    def _write(self) -> None:
        """All that was offered at once: a write takes a tenth of a ms, however little it brings."""
        if self._input is None:
            return
        if self._offered and not self._input.transport.is_closing():
            self._input.write(b"".join(self._offered))
        self._offered.clear()
        if self._is_closed:
            self._input.close()

    async def finish(self) -> RunEnd:
        """Close the input and wait until what went in has come out, but not for long."""
        self.close()
        await self.wait(DRAIN_SECONDS)
        return await self.abort(RunEnd.DIED)

    async def wait(self, seconds: float) -> None:
        """Until it is over, but no longer than that."""
        await asyncio.wait({self._task}, timeout=seconds)

    async def abort(self, end: RunEnd) -> RunEnd:
        """End it now, unless it already has; returns how it ended."""
        if not self._task.done():
            self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled() and (error := self._task.exception()):
            raise error
        self.end = self.end or end
        return self.end

    async def _run(self) -> None:
        try:
            self.end = await self._serve()
        except* _EndError as group:
            self.end = next(iter(_ends(group)))
        except* (CutError, FragmentError, WindowError) as group:
            _log.warning("run_miscut", errors=[str(error) for error in group.exceptions])
            self.end = RunEnd.MISCUT
        except* FencedError:
            self.end = RunEnd.FENCED
        except* OSError as group:
            _log.warning("run_without_store", errors=[type(error).__name__ for error in group.exceptions])
            self.end = RunEnd.STORE

    async def _serve(self) -> RunEnd:
        async with AsyncExitStack() as stack:
            readers: dict[str, FileIO] = {}
            writers: dict[str, int] = {}
            write_ends = stack.enter_context(ExitStack())
            for name in (*self._names, PROGRESS, LEVELS, *((THUMBNAIL,) if self._plan.video else ())):
                readers[name], writers[name] = make_pipe(stack)
                write_ends.callback(os.close, writers[name])
            opened = child(self._argv(writers), stdin=True, descriptors=tuple(writers.values()))
            process = await stack.enter_async_context(opened)
            self.pid = process.pid
            with suppress(OSError):  # where that is forbidden, it works as well
                os.sched_setscheduler(process.pid, os.SCHED_BATCH, os.sched_param(0))
            write_ends.close()  # ours only: the child's copies are what keeps the pipes open
            return await self._tend(process, readers)

    async def _tend(self, process: Process, readers: Mapping[str, FileIO]) -> RunEnd:
        async with asyncio.TaskGroup() as group:
            words = group.create_task(last_words(process))
            self._input = process.stdin
            self._write()
            watch = group.create_task(self._watch())
            outputs = [group.create_task(self._read(name, pipe)) for name, pipe in readers.items()]
            await asyncio.wait(outputs, return_when=asyncio.ALL_COMPLETED)
            watch.cancel()
            status = await process.wait()
        async with self._lock:
            await self._publish(self._cutter.finish())
        if status == 0:
            return RunEnd.ENDED
        _log.warning("ffmpeg_died", status=status, words=words.result())
        return RunEnd.DIED

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._watchdog.is_stalled(time.monotonic()):
                raise _EndError(RunEnd.STALLED)

    async def _read(self, name: str, pipe: FileIO) -> None:
        async with open_pipe(pipe) as reader:
            if name == PROGRESS:
                await self._read_progress(reader)
            elif name == LEVELS:
                await self._read_levels(reader)
            elif name == THUMBNAIL:
                await self._read_thumbnails(reader)
            else:
                await self._read_fragments(name, reader)

    async def _read_progress(self, pipe: PipeReader) -> None:
        reader = ProgressReader()
        while data := await pipe.read():
            for report in reader.feed(data, tick := time.monotonic()):
                self.progress = report
                self._watchdog.note_out(report, tick)

    async def _read_levels(self, pipe: PipeReader) -> None:
        while data := await pipe.read():
            self.levels.feed(data)

    async def _read_thumbnails(self, pipe: PipeReader) -> None:
        reader = JpegReader()
        while data := await pipe.read():
            for picture in reader.feed(data):
                await self._outlets.thumbnail(picture)

    async def _read_fragments(self, name: str, pipe: PipeReader) -> None:
        reader = FragmentReader()
        while data := await pipe.read():
            for piece in reader.feed(data):
                if isinstance(piece, Init):
                    self._cutter.take_init(name, piece)
                elif cuts := self._cutter.take(name, piece.samples):
                    async with self._lock:
                        await self._publish(cuts)

    async def _publish(self, cuts: list[Cut]) -> None:
        """Hand the cuts out once every rendition's init is there."""
        self._waiting += cuts
        if not self._has_begun:
            inits = self._cutter.inits()
            if inits is None or not self._waiting:
                return
            await self._outlets.begin(inits)
            self._has_begun = True
        cuts, self._waiting = self._waiting, []
        if cuts:
            await self._outlets.cuts(cuts)


def _ends(group: BaseExceptionGroup[_EndError]) -> list[RunEnd]:
    return [error.end for error in group.exceptions if isinstance(error, _EndError)]
