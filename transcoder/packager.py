"""Write parts and segments to the store, then let the lists say so: files first, addresses after.

What has left the lists is deleted by the sweeper in `server jobs`; parts, which are many and short-lived, by us.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import structlog
from redis.exceptions import RedisError

from media.command import OFFSET_SECONDS
from media.fmp4 import Init
from media.ladder import AUDIO, SEGMENT_SECONDS, Plan, place_of
from media.live import Claimed, LiveWindows, Outcome
from media.parts import part_target_us
from media.timeline import Timeline
from media.window import (
    DVR_SECONDS,
    PARTS_LISTED_TARGETS,
    Record,
    Rendition,
    Segment,
    WindowError,
    init_name,
    part_name,
)
from transcoder.cutter import Cut, PartCut
from transcoder.figures import segment_write_seconds
from transcoder.uploads import Media

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

T = TypeVar("T")

TRIES = 6
ANNOUNCE_SECONDS = 1.0
"""A write of the lists that takes longer has failed: Redis hangs."""
ANNOUNCE_HELD_SECONDS = 0.2
"""So long a write may hold up what comes next; then it goes on beside it.  A pipe holds a whole part meanwhile."""
ANNOUNCE_PAUSE_SECONDS = 0.6
"""After a failed write, less some jitter: what is new waits, and the next write says it all."""
CONTAINER_SHARE = 1.05
"""Boxes around the samples: about 24 bytes a sample and 100 a part."""
AUDIO_GROUP = "audio"
PARTS_HELD_SECONDS = PARTS_LISTED_TARGETS * SEGMENT_SECONDS + 14.0
"""A part's file outlives its place in the lists by so much: three target durations (RFC 8216bis §6.2.2), and slack."""

PARTS_SWEPT_SECONDS = 5.0
"""They are deleted together, about so often: 0.04 ms for each of eighty, 0.27 ms for one alone."""


class FencedError(Exception):
    """Another worker writes this broadcast now, or it has ended: nothing of ours may follow."""


class Packager:
    """One broadcast's writer; it lives through all FFmpeg runs of a claim.  `tick` is a monotonic clock."""

    def __init__(
        self,
        public_id: str,
        claimed: Claimed,
        store: Media,
        windows: LiveWindows,
        dvr_seconds: float = DVR_SECONDS,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tick = tick
        self._keep_records = int(dvr_seconds / SEGMENT_SECONDS)
        self._public_id = public_id
        self._generation = claimed.generation
        self._store = store
        self._live_windows = windows
        self._timeline = Timeline(claimed.live, claimed.generation, self._keep_records)
        self._anchor_ms = 0
        self._end_ms = self._timeline.end_ms
        self._bodies: dict[str, bytearray] = {}
        self._unwritten: list[Record] = []
        self._is_master_new = False
        self._old_parts: deque[tuple[float, str]] = deque()
        self._writing: asyncio.Task[bool] | None = None
        self._quiet_until = 0.0

    async def stop(self) -> None:
        """Leave nothing behind: a write of the lists that still goes on is ended."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    @property
    def video_rungs(self) -> int | None:
        """How many places in the ladder have a list, those that were shed included; None before its first segment."""
        if not self._timeline.master.renditions:
            return None
        return max(map(place_of, self._timeline.names), default=0)

    @property
    def renditions(self) -> tuple[Rendition, ...]:
        """As the multivariant playlist lists them."""
        return self._timeline.master.renditions

    @property
    def part_target_us(self) -> int:
        """The broadcast's PART-TARGET; 0 before its first run."""
        return self._timeline.master.part_target_us

    async def recover(self) -> None:
        """Close what a worker before us left open: its parts become the segment, as far as they are here.

        Raises:
            OSError: the store is away.
        """
        for name, segment in self._timeline.open_segments().items():
            files = self._part_files(name, segment)
            bodies = [body for file in files if (body := await self._store.get(file))]
            if len(bodies) < len(files) or not await self._is_whole(name, b"".join(bodies)):
                self._timeline.lose(name)
        self._settle(is_final=True)

    async def begin(self, plan: Plan, inits: Mapping[str, Init], anchor_ms: int, *, is_slate: bool = False) -> None:
        """A new FFmpeg run: store its initialization sections; its first segment will carry a DISCONTINUITY.

        `anchor_ms` is the wall clock of media time 0; it never goes behind what was published.

        Raises:
            OSError: the store is away.
        """
        self._anchor_ms = max(anchor_ms, self._end_ms)
        run = self._timeline.begin(
            _renditions(plan, inits),
            target_duration_seconds=int(SEGMENT_SECONDS),
            part_target_us=part_target_us(plan.video[0].fps if plan.video else 0),
            is_slate=is_slate,
        )
        for name, init in inits.items():
            await self._put(name, init_name(self._generation, run), init.data)
        self._is_master_new = True

    async def publish(self, cuts: Sequence[Cut]) -> bool:
        """Parts and ends of segments, in order; False while Redis is away: then the next write says this one too.

        Raises:
            FencedError: we are no longer the writer.
            OSError: the store stayed away.
        """
        started = time.monotonic()
        for cut in cuts:
            if isinstance(cut, PartCut):
                await self._join(cut)
            else:
                await self._end(cut.rendition)
        is_public = await self.announce()
        segment_write_seconds.observe(time.monotonic() - started)
        await self._delete_old_parts(self._tick())
        return is_public

    async def close(self, *, is_store_away: bool = False) -> bool:
        """The run is over: what is open ends here, and a rendition that lacks it gets a gap; False while Redis is away.

        With the store away nothing is written: what is open is lost, for each try would take seconds.

        Raises:
            FencedError: we are no longer the writer.
        """
        for name in self._timeline.open_segments():
            try:
                if is_store_away:
                    self._timeline.lose(name)
                else:
                    await self._end(name)
            except (OSError, WindowError) as error:
                _log.warning("segment_lost", rendition=name, error=type(error).__name__)
                self._timeline.lose(name)
        self._bodies.clear()
        self._settle(is_final=True)
        return await self._announce_last()

    async def announce(self) -> bool:
        """Write what is new in the lists; False while Redis is away, or slow: a later write says it, too.

        Raises:
            FencedError: we are no longer the writer.
        """
        if self._writing is not None and not await self._written(self._writing, 0.0):
            return False
        if self._tick() < self._quiet_until:
            return False
        return await self._written(self._begin_writing(), ANNOUNCE_HELD_SECONDS)

    async def _announce_last(self) -> bool:
        """As `announce`, but wait for it: nothing follows."""
        if self._writing is not None:
            await self._written(self._writing, 2 * ANNOUNCE_SECONDS)
        return await self._written(self._begin_writing(), 2 * ANNOUNCE_SECONDS)

    def _begin_writing(self) -> asyncio.Task[bool]:
        self._writing = asyncio.create_task(self._write(), name="lists")
        return self._writing

    async def _written(self, writing: asyncio.Task[bool], seconds: float) -> bool:
        """Wait for the running write no longer than that; one that failed is followed by a pause."""
        await asyncio.wait({writing}, timeout=seconds)
        if not writing.done():
            return False
        self._writing = None
        if is_written := writing.result():
            self._quiet_until = 0.0
        else:
            pause = ANNOUNCE_PAUSE_SECONDS * random.uniform(0.5, 1.0)  # noqa: S311  # jitter
            self._quiet_until = self._tick() + pause
        return is_written

    async def _write(self) -> bool:
        tails = self._timeline.take_changed()
        if not tails and not self._unwritten and not self._is_master_new:
            return True
        master = self._timeline.master if self._is_master_new else None
        self._is_master_new = False
        records = list(self._unwritten)
        try:
            async with asyncio.timeout(ANNOUNCE_SECONDS):
                outcome = await self._live_windows.publish(
                    self._public_id,
                    self._generation,
                    tails,
                    records,
                    master,
                    self._keep_records,
                    next_sequence=self._timeline.next_sequence,
                )
                if outcome == "hole":
                    outcome = await self._restore()
        except (RedisError, TimeoutError) as error:
            _log.warning("window_not_written", error=type(error).__name__)
            self._timeline.note_unwritten(tails)
            self._is_master_new = self._is_master_new or master is not None
            return False
        if outcome != "written":
            raise FencedError(outcome)
        if records:
            self._unwritten = [record for record in self._unwritten if record.sequence > records[-1].sequence]
        return True

    async def _restore(self) -> Outcome:
        """Redis has lost the spine: it gets all that we remember."""
        timeline = self._timeline
        _log.warning("spine_restored", records=len(timeline.records))
        return await self._live_windows.restore(
            self._public_id,
            self._generation,
            timeline.records,
            timeline.first_discontinuity,
            timeline.tails(),
            timeline.master,
        )

    async def _join(self, cut: PartCut) -> None:
        name = cut.rendition
        await self._put(name, part_name(self._generation, self._timeline.next_part(name)), cut.data)
        self._timeline.join(
            name,
            duration_ticks=cut.duration_ticks,
            timescale=cut.timescale,
            size_bytes=len(cut.data),
            key_bytes=cut.key_bytes,
            is_independent=cut.is_independent,
            program_date_time_ms=self._anchor_ms + round((cut.start_seconds - OFFSET_SECONDS) * 1000),
        )
        self._bodies.setdefault(name, bytearray()).extend(cut.data)

    async def _end(self, name: str) -> None:
        open_segment = self._timeline.open_segments().get(name)
        if open_segment is not None:
            await self._put(name, open_segment.name, bytes(self._bodies.pop(name, b"")))
        self._timeline.end(name)
        self._settle(is_final=False)

    def _settle(self, *, is_final: bool) -> None:
        self._unwritten += self._timeline.settle(is_final=is_final)
        del self._unwritten[: -self._keep_records]
        self._end_ms = self._timeline.end_ms

    async def _is_whole(self, name: str, body: bytes) -> bool:
        try:
            segment = self._timeline.end(name)
        except WindowError as error:
            _log.warning("segment_lost", rendition=name, error=str(error))
            return False
        await self._put(name, segment.name, body)
        return True

    async def _put(self, rendition: str, file: str, data: bytes) -> None:
        await _persist(lambda: self._store.put(f"{self._public_id}/{rendition}/{file}", data))

    async def _delete_old_parts(self, tick: float) -> None:
        for name, segment in self._timeline.take_left():
            self._old_parts += [(tick + PARTS_HELD_SECONDS, file) for file in self._part_files(name, segment)]
        if not self._old_parts or self._old_parts[0][0] + PARTS_SWEPT_SECONDS > tick:
            return
        files: list[str] = []
        while self._old_parts and self._old_parts[0][0] <= tick:
            files.append(self._old_parts.popleft()[1])
        try:
            await self._store.delete_all(files)
        except OSError as error:  # the sweeper finds them
            _log.warning("parts_not_deleted", parts=len(files), error=type(error).__name__)

    def _part_files(self, name: str, segment: Segment) -> list[str]:
        return [f"{self._public_id}/{name}/{part_name(segment.generation, part.number)}" for part in segment.parts]


def _renditions(plan: Plan, inits: Mapping[str, Init]) -> tuple[Rendition, ...]:
    """Declared figures cover the encoders' caps; the measured ones follow in the windows."""
    video = [
        Rendition(
            name=rung.name,
            kind="video",
            codecs=inits[rung.name].codec,
            peak_bps=round(rung.kbps * 1000 * (1.5 if rung.is_copied else 1.1) * CONTAINER_SHARE),
            average_bps=round(rung.kbps * 1000 * CONTAINER_SHARE),
            width=inits[rung.name].width,
            height=inits[rung.name].height,
            fps=rung.fps,
            group=AUDIO_GROUP,
        )
        for rung in plan.video
    ]
    audio = Rendition(
        name=AUDIO,
        kind="audio",
        codecs=inits[AUDIO].codec,
        peak_bps=round(plan.audio_kbps * 1000 * 1.2),
        average_bps=round(plan.audio_kbps * 1000 * 1.1),
        group=AUDIO_GROUP,
        label="Audio",
        channels=inits[AUDIO].channels,
    )
    return (*video, audio)


async def _persist(act: Callable[[], Awaitable[T]]) -> T:
    """Try a write to the store a few times over about five seconds."""
    for attempt in range(TRIES - 1):
        try:
            return await act()
        except OSError as error:
            _log.warning("media_write_failed", attempt=attempt, error=type(error).__name__)
            await asyncio.sleep(random.uniform(0.5, 1.0) * min(2.0, 0.2 * 2**attempt))  # noqa: S311  # jitter
    return await act()
