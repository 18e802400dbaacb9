"""Tell the server how a broadcast goes, on the reports stream; one that can't be sent is lost, the next follows."""

import asyncio
import time
from dataclasses import dataclass
from typing import TypedDict

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from media import jobs
from media.source import Health, Source
from media.window import Rendition
from transcoder.levels import LevelReader

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

FAR_KEYS_SECONDS = 4.0
"""OvenMediaEngine warns from here on, too."""
SLOW_SPEED = 0.95
SEND_SECONDS = 0.5
"""A Redis that hangs must not keep us from reading the stream: what its pipe and the ingest hold is about a second."""
AWAY_SECONDS = 1.0
"""Encoders send picture and sound up to half a second apart."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is to be heard; None: nothing is known of it."""

    audio_db: float | None = None
    silent_seconds: float | None = None


class _Head(TypedDict):
    public_id: str
    publish_count: int
    generation: int
    at_ms: int


class Reporter:
    """One claim's voice."""

    def __init__(self, redis: Redis, job: jobs.LiveJob, generation: int) -> None:
        self._redis = redis
        self._job = job
        self._generation = generation

    async def probed(self, source: Source, health: Health) -> None:
        """The source was understood."""
        await self._send(jobs.Probed(source=shown(source, health), **self._head()))

    async def first_segment(self) -> float | None:
        """The first segment can be fetched; returns the seconds since the job was enqueued, None if it wasn't told."""
        seconds = max(0.0, time.time() - self._job.enqueued_ms / 1000)
        is_sent = await self._send(jobs.FirstSegment(seconds=seconds, **self._head()))
        return seconds if is_sent else None

    async def health(
        self,
        source: Source,
        health: Health,
        heard: Heard,
        renditions: tuple[Rendition, ...],
        speed: float,
        extra: list[jobs.Warned],
    ) -> None:
        """How it goes now."""
        figures = tuple(
            jobs.RenditionFigures(item.name, item.width, item.height, item.fps, item.average_bps // 1000)
            for item in renditions
        )
        warnings = (*warned(source, health, speed), *extra)
        await self._send(
            jobs.Health(
                source=shown(source, health),
                renditions=figures,
                speed=speed,
                warnings=warnings,
                measured=measured(source, health, heard),
                **self._head(),
            )
        )

    async def gone(self) -> None:
        """The stream ended at its source."""
        await self._send(jobs.Gone(**self._head()))

    async def failed(self, code: str, message: str) -> None:
        """Another try would not help."""
        await self._send(jobs.Failed(code=code, message=message, **self._head()))

    def _head(self) -> _Head:
        return {
            "public_id": self._job.public_id,
            "publish_count": self._job.publish_count,
            "generation": self._generation,
            "at_ms": round(time.time() * 1000),
        }

    async def _send(self, report: jobs.LiveReport) -> bool:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._redis.xadd(
                    jobs.REPORTS_STREAM,
                    {jobs.FIELD: jobs.encode(report)},
                    maxlen=jobs.STREAM_ENTRIES_MAX,
                    approximate=True,
                )
        except (RedisError, TimeoutError) as error:
            _log.warning("report_lost", report=type(report).__name__, error=type(error).__name__)
            return False
        return True


def shown(source: Source, health: Health) -> jobs.Source:
    """The source as the dashboard shows it."""
    return jobs.Source(
        width=source.width,
        height=source.height,
        fps=round(health.fps or source.fps, 2),
        video_codec=source.video_codec or "",
        audio_codec=source.audio_codec or "",
        video_kbps=round(health.video_kbps),
        audio_kbps=round(health.audio_kbps),
        keyframe_seconds=round(health.keyframe_seconds, 2) if source.video_codec else None,
    )


def heard_of(source: Source, levels: LevelReader, away_seconds: float) -> Heard:
    """The level of the source's sound; sound that stays away is silence, what fills it up in its place is not heard."""
    if source.audio_codec is None:
        return Heard()
    away_seconds = away_seconds if away_seconds > AWAY_SECONDS else 0.0
    if levels.level_db is None:
        return Heard(silent_seconds=away_seconds or None)
    return Heard(levels.level_db, max(levels.silent_seconds, away_seconds))


def measured(source: Source, health: Health, heard: Heard) -> jobs.Measured:
    """The figures behind the dashboard's verdicts."""
    return jobs.Measured(
        steady_seconds=round(health.steady_seconds, 1),
        nominal_fps=round(health.nominal_fps, 2),
        claimed_kbps=round(source.video_kbps),
        missing_frames=health.missing_frames,
        missing_percent=round(health.missing_percent, 2),
        last_keyframe_seconds=round(health.last_keyframe_seconds, 2),
        are_keys_regular=health.are_keys_regular,
        b_frames=health.b_frames,
        timestamp_jumps=health.timestamp_jumps,
        audio_db=None if heard.audio_db is None else round(heard.audio_db, 1),
        silent_seconds=None if heard.silent_seconds is None else round(heard.silent_seconds, 1),
    )


def warned(source: Source, health: Health, speed: float) -> list[jobs.Warned]:
    """What the streamer should mend, in words."""
    found: list[jobs.Warned] = []
    if source.video_codec is None:
        found.append(jobs.Warned("no_video", "The encoder sends sound but no picture.", "warning"))
    elif health.keyframe_seconds > FAR_KEYS_SECONDS:
        seconds = f"{health.keyframe_seconds:.0f}"
        message = f"Key frames are {seconds} s apart: set the encoder's keyframe interval to 2 s."
        found.append(jobs.Warned("keyframes_far_apart", message, "warning"))
    if source.audio_codec is None:
        found.append(jobs.Warned("no_audio", "The encoder sends no sound: viewers hear silence.", "warning"))
    if 0 < speed < SLOW_SPEED:
        found.append(jobs.Warned("transcoder_slow", "The server is too busy to transcode at full speed.", "warning"))
    return found
