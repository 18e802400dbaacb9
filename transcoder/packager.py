"""Write whole segments to the store, then let the windows say so: files first, addresses after.

What has left the windows is deleted by the sweeper in `server jobs`.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import structlog
from redis.exceptions import RedisError

from media.command import OFFSET_SECONDS
from media.fmp4 import Init
from media.ladder import AUDIO, AUDIO_KBPS, SEGMENT_SECONDS, Plan
from media.live import Claimed, LiveWindows
from media.store import MediaStore
from media.window import MediaWindow, Part, Rendition, Segment, append, resume
from transcoder.cutter import SegmentCut
from transcoder.figures import segment_write_seconds

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

T = TypeVar("T")

TRIES = 6
ANNOUNCE_SECONDS = 1.0
"""Less than a segment: a Redis that hangs must not hold FFmpeg up."""
CONTAINER_SHARE = 1.05
"""Boxes around the samples: about 24 bytes a sample and 100 a part."""
AUDIO_GROUP = "audio"


class FencedError(Exception):
    """Another worker writes this broadcast now, or it has ended: nothing of ours may follow."""


class Packager:
    """One broadcast's writer; it lives through all FFmpeg runs of a claim."""

    def __init__(self, public_id: str, claimed: Claimed, store: MediaStore, windows: LiveWindows) -> None:
        self._public_id = public_id
        self._generation = claimed.generation
        self._store = store
        self._live_windows = windows
        self._windows: dict[str, MediaWindow] = dict(claimed.live.windows)
        self._renditions: tuple[Rendition, ...] = claimed.live.renditions
        self._end_ms = max((_end_ms(window) for window in self._windows.values()), default=0)
        self._run = 0
        self._init = ""
        self._anchor_ms = 0
        self._announced: dict[str, MediaWindow] = {}

    @property
    def video_rungs(self) -> int | None:
        """How many video renditions the broadcast already has; None before its first segment."""
        return sum(rendition.kind == "video" for rendition in self._renditions) if self._renditions else None

    @property
    def renditions(self) -> tuple[Rendition, ...]:
        """As the multivariant playlist lists them."""
        return self._renditions

    async def begin(self, plan: Plan, inits: Mapping[str, Init], anchor_ms: int) -> None:
        """A new FFmpeg run: store its initialization sections; its first segment will carry a DISCONTINUITY.

        `anchor_ms` is the wall clock of media time 0; it never goes behind what was published.

        Raises:
            OSError: the store is away.
        """
        self._anchor_ms = max(anchor_ms, self._end_ms)
        self._run += 1
        self._init = f"{self._generation}-{self._run}-init.mp4"
        for name, init in inits.items():
            await self._put(name, self._init, init.data)
        self._renditions = _renditions(plan, inits)
        known = next(iter(self._windows.values()), None)
        for rendition in self._renditions:
            if rendition.name not in self._windows:
                self._windows[rendition.name] = MediaWindow(
                    target_duration_seconds=int(SEGMENT_SECONDS),
                    media_sequence=known.next_sequence if known else 0,
                    discontinuity_sequence=known.next_discontinuity_sequence if known else 0,
                )
        self._windows = {name: resume(window) for name, window in self._windows.items()}

    async def publish(self, cuts: Mapping[str, SegmentCut]) -> bool:
        """One segment of all renditions; False while Redis is away: then the next segment's write says this one too.

        Raises:
            FencedError: we are no longer the writer.
            OSError: the store stayed away.
        """
        started = time.monotonic()
        grown: dict[str, MediaWindow] = {}
        for name, cut in cuts.items():
            window = self._windows[name]
            segment = self._segment(cut, window.next_sequence)
            await self._put(name, segment.name, cut.data)
            grown[name] = append(window, segment)
        self._windows.update(grown)
        self._end_ms = max(_end_ms(window) for window in grown.values())
        is_public = await self.announce()
        segment_write_seconds.observe(time.monotonic() - started)
        return is_public

    async def announce(self) -> bool:
        """Write the windows as they are, if there is anything new; False while Redis is away.

        Raises:
            FencedError: we are no longer the writer.
        """
        listed = {item.name: self._windows[item.name] for item in self._renditions}
        if listed == self._announced:
            return True
        try:
            outcome = await asyncio.wait_for(
                self._live_windows.publish(self._public_id, self._generation, listed, self._renditions),
                ANNOUNCE_SECONDS,
            )
        except (RedisError, TimeoutError) as error:
            _log.warning("window_not_written", error=type(error).__name__)
            return False
        if outcome != "written":
            raise FencedError(outcome)
        self._announced = listed
        return True

    async def _put(self, rendition: str, file: str, data: bytes) -> None:
        await _persist(lambda: self._store.put(f"{self._public_id}/{rendition}/{file}", data))

    def _segment(self, cut: SegmentCut, sequence: int) -> Segment:
        return Segment(
            sequence=sequence,
            generation=self._generation,
            name=f"{self._generation}-{sequence}.m4s",
            init=self._init,
            duration_ticks=cut.duration_ticks,
            timescale=cut.timescale,
            program_date_time_ms=self._anchor_ms + round((cut.start_seconds - OFFSET_SECONDS) * 1000),
            size_bytes=len(cut.data),
            parts=tuple(
                Part(part.duration_ticks, part.offset_bytes, part.length_bytes, part.is_independent)
                for part in cut.parts
            ),
        )


def _end_ms(window: MediaWindow) -> int:
    if not window.segments:
        return 0
    last = window.segments[-1]
    return last.program_date_time_ms + round(last.duration * 1000)


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
        peak_bps=round(AUDIO_KBPS * 1000 * 1.2),
        average_bps=round(AUDIO_KBPS * 1000 * 1.1),
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
