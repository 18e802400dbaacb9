"""Serve one claimed job from the tap to the windows, through every change of source and every restart of FFmpeg."""

import asyncio
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from media.command import command
from media.feed import Feed
from media.flv import FlvError, Kind, Tag
from media.fmp4 import Init
from media.jobs import TAP_MS, LiveJob, Warned, tap_key
from media.live import Claimed, LiveWindows
from media.parts import part_target_us
from media.policy import Wish
from media.slate import slate_command, slate_plan
from media.source import Seen, Source, SourceWatch
from transcoder.cutter import Cut
from transcoder.ffmpeg import Outlets, Run, RunEnd
from transcoder.figures import ffmpeg_speed, first_segment_seconds, restarts_total
from transcoder.ladders import Ladders
from transcoder.packager import FencedError, Packager
from transcoder.pool import Pool
from transcoder.processes import cpu_seconds
from transcoder.report import Reporter, heard_of
from transcoder.restarts import Restarts
from transcoder.settings import Settings
from transcoder.tap import SILENT_SECONDS, Tap, TapSilentError, open_tap
from transcoder.uploads import Media

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

ARRIVAL_SECONDS = 10.0
"""How long a stream may take to appear after its job."""
ARRIVAL_AGAIN_SECONDS = 2.0
"""The same for a broadcast that has viewers already: then they see the slate."""
RETURN_SECONDS = 3.0
"""How long a stream that ended may take to come back before it is gone: our tap may have ended, not the encoder."""
SILENT_TAPS = 2
"""Taps in a row that had a stream, and nothing from it for five seconds each."""
HEALTH_SECONDS = 2.0
HEADER_SECONDS = 10.0
"""For so long frames may come without their sequence header: encoders send it first, and the ingest repeats it."""
CHANGE_SHOWN_SECONDS = 60.0
MAX_PENDING = 1_500
LAST_TRIES = 5
RETURN_PATIENCE_SECONDS = 20.0
"""rtmpdump ends by itself before that."""
NEW_SESSION_SECONDS = 2.0
"""By then a new encoder session's worker has the lease, and our heartbeat has noticed."""
SLATE_SLACK_SECONDS = 4.0
"""The reconciler ends a broadcast up to two seconds after its grace; the lists should not pause just before."""

_CHANGES = {
    "resolution_changed": "The encoder changed its picture size: players reload.",
    "codec_changed": "The encoder changed its settings: players reload.",
    "timestamp_jump": "The encoder's clock jumped.",
    "sound_appeared": "Sound began after the picture.",
    "picture_appeared": "The picture began after the sound.",
}


_IRREGULAR = "Key frames come at irregular times: set the encoder's keyframe interval to 2 s."


class Ending(StrEnum):
    """How a session ended."""

    GONE = "gone"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """Another worker or a newer encoder session has the broadcast, or it has ended."""


class _FailedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Bench:
    """What every session of this worker works with."""

    settings: Settings
    redis: Redis
    store: Media
    windows: LiveWindows
    pool: Pool


@dataclass(frozen=True, slots=True)
class _TapEnd:
    """How one connection to the ingest ended."""

    has_frames: bool
    is_deaf: bool
    """The stream is there, and brought nothing for `SILENT_SECONDS`."""
    is_left: bool
    """The publisher has left; otherwise only the connection is known to be gone."""


class Session:
    """One job from claim to end."""

    def __init__(self, job: LiveJob, claimed: Claimed, bench: Bench, owner: str) -> None:
        self._job = job
        self._bench = bench
        self._owner = owner
        self._reporter = Reporter(bench.redis, job, claimed.generation)
        self._packager = Packager(job.public_id, claimed, bench.store, bench.windows, bench.settings.dvr_seconds)
        self._watch = SourceWatch()
        self._source: Source | None = None
        self._feed: Feed | None = None
        self._run: Run | None = None
        self._pending: list[Seen] = []
        self._pending_since_ms = 0
        self._headless_since: float | None = None
        self._has_first = False
        policy = (job.ladder or Wish()).narrow(bench.settings.ladder)
        self._ladders = Ladders(policy, bench.pool, owner)
        self._is_shedding = False
        self._restarts = Restarts()
        self._health_at = 0.0
        self._change: tuple[float, Warned] | None = None
        self._log = _log.bind(broadcast=job.public_id, generation=claimed.generation)

    async def serve(self) -> Ending:
        """Transcode until the stream is gone, can't be transcoded, or somebody else has it; reports the first two."""
        try:
            return await self._serve()
        except FencedError:
            return Ending.SUPERSEDED
        finally:
            if self._run is not None:
                await asyncio.shield(self._run.abort(RunEnd.ENDED))
            await asyncio.shield(self._packager.stop())

    async def _serve(self) -> Ending:
        await self._packager.recover()
        is_back = True
        while is_back:
            try:
                await self._play()
            except _FailedError as failure:
                self._log.warning("session_failed", code=failure.code)
                await self._stop_run()
                await self._reporter.failed(failure.code, failure.message)
                return Ending.FAILED
            await self._stop_run()
            await self._settle_windows()
            await self._reporter.gone()
            is_back = await self._show_slate()
        return Ending.GONE

    # -- the slate --

    async def _show_slate(self) -> bool:
        """Go on with the last picture until another session has the broadcast, it has ended, or its grace is over.

        True when the stream is back without a new session: only our connection to it had been lost.
        """
        if not self._job.slate_seconds or not self._packager.renditions:
            return False
        deadline = time.monotonic() + self._job.slate_seconds + SLATE_SLACK_SECONDS
        returning = asyncio.create_task(self._wait_for_return(), name="return")
        try:
            with tempfile.NamedTemporaryFile(prefix="leams-slate-", suffix=".jpg") as file:
                picture = await self._last_picture()
                file.write(picture or b"")
                file.flush()
                while not returning.done() and time.monotonic() < deadline:
                    await self._run_slate(file.name if picture else None, returning, deadline)
        finally:
            returning.cancel()
            await asyncio.gather(returning, return_exceptions=True)
        return not returning.cancelled()

    async def _run_slate(self, picture: str | None, returning: "asyncio.Task[None]", deadline: float) -> None:
        """One FFmpeg with the slate, until the stream returns, the time is over, or it dies: then the next follows."""
        ladder = slate_plan(self._packager.renditions)
        self._ladders.take(ladder, time.monotonic())
        anchor_ms = round(time.time() * 1000)
        target_us = self._packager.part_target_us

        async def begin(inits: Mapping[str, Init]) -> None:
            await self._packager.begin(ladder, inits, anchor_ms, is_slate=True)

        async def publish(cuts: Sequence[Cut]) -> None:
            await self._packager.publish(cuts)

        run = self._run = Run(
            lambda descriptors: slate_command(self._bench.settings.ffmpeg, ladder, descriptors, target_us, picture),
            ladder,
            target_us,
            Outlets(begin, publish, self._keep_thumbnail),
        )
        self._log.info("slate_started")
        over = asyncio.create_task(run.wait(deadline - time.monotonic()), name="end of the slate")
        try:
            await asyncio.wait({returning, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            await asyncio.gather(over, return_exceptions=True)
        self._run = None
        end = await run.abort(RunEnd.ENDED)
        self._log.info("slate_ended", end=end, is_back=returning.done())
        if end is RunEnd.FENCED:
            raise FencedError
        await self._settle_windows(is_store_away=end is RunEnd.STORE)
        if not returning.done() and time.monotonic() < deadline:
            await asyncio.wait({returning}, timeout=random.uniform(0.5, 1.0))  # noqa: S311  # jitter; until the grace is over

    async def _wait_for_return(self) -> None:
        """Until frames come; a new encoder session, whose job is somebody else's, has fenced us by then."""
        while True:
            async with open_tap(self._bench.settings.rtmp_pull_url, self._job.public_id) as tap:
                with suppress(TapSilentError, FlvError):
                    while (tags := await tap.read(RETURN_PATIENCE_SECONDS)) is not None:
                        if any(tag.kind is not Kind.SCRIPT for tag in tags):
                            await asyncio.sleep(NEW_SESSION_SECONDS)
                            return
            await asyncio.sleep(random.uniform(0.5, 1.0))  # noqa: S311  # jitter; ended with the slate

    async def _last_picture(self) -> bytes | None:
        try:
            return await self._bench.store.get(f"{self._job.public_id}/thumbnail.jpg")
        except OSError:
            return None

    # -- the tap --

    async def _play(self) -> None:
        """Read taps one after the other until the stream stays away."""
        is_slate_next = bool(self._job.slate_seconds and self._packager.renditions)
        deadline = time.monotonic() + (ARRIVAL_AGAIN_SECONDS if is_slate_next else ARRIVAL_SECONDS)
        deaf = 0
        self._headless_since = None
        pause = 0.03
        while (before := time.monotonic()) < deadline:
            async with open_tap(self._bench.settings.rtmp_pull_url, self._job.public_id) as tap:
                telling = asyncio.create_task(self._tell_opened(tap), name="tap opened")
                try:
                    end = await self._follow(tap, deadline)
                finally:
                    telling.cancel()
            deaf = deaf + 1 if end.is_deaf else 0
            if deaf >= SILENT_TAPS:
                self._give_up_if_deaf()
                return
            if end.is_left:
                return  # whoever comes back is let in by the hook, with a job of its own
            if end.has_frames:
                deadline, pause = time.monotonic() + RETURN_SECONDS, 0.05
            await self._look_after_run()
            if time.monotonic() - before < pause:
                await asyncio.sleep(random.uniform(0.5, 1.0) * pause)  # noqa: S311  # jitter
                pause = min(0.5, pause * 1.2)

    async def _follow(self, tap: Tap, deadline: float) -> _TapEnd:
        """Read one tap until it ends, falls silent, or nothing has come by the deadline."""
        has_frames = False
        try:
            while True:
                patience = min(SILENT_SECONDS, deadline - time.monotonic()) if not has_frames else SILENT_SECONDS
                try:
                    tags = await tap.read(max(0.1, patience))
                except TapSilentError:
                    if not tap.has_publisher and time.monotonic() < deadline:
                        continue  # nobody publishes yet
                    self._log.info("tap_silent", is_deaf=tap.has_publisher)
                    return _TapEnd(has_frames, is_deaf=tap.has_publisher, is_left=False)
                if tags is None:
                    is_left = await tap.has_publisher_left()
                    return _TapEnd(has_frames, is_deaf=False, is_left=is_left)
                await self._take_all(tags)
                has_frames = has_frames or any(tag.kind is not Kind.SCRIPT for tag in tags)
        except FlvError as error:
            self._log.warning("tap_garbled", error=str(error))
            self._count_restart("garbled")
            self._pending.clear()
            return _TapEnd(has_frames, is_deaf=False, is_left=False)

    async def _tell_opened(self, tap: Tap) -> None:
        """The hook that let the encoder in waits for this a moment, so that its first key frame is not missed."""
        await tap.opened.wait()
        key = tap_key(self._job.public_id, self._job.publish_count)
        try:
            async with self._bench.redis.pipeline() as pipe:
                pipe.lpush(key, b"1")
                pipe.pexpire(key, TAP_MS)
                await pipe.execute()
        except RedisError as error:
            self._log.warning("tap_not_told", error=type(error).__name__)

    def _give_up_if_deaf(self) -> None:
        """A stream that is there, but brings no frames at all."""
        if self._source is None:
            raise _FailedError("no_media", "The encoder is connected, but sends no picture that can be shown.")

    def _give_up_if_headless(self) -> None:
        """Frames that no decoder can read: their sequence header does not come."""
        if not self._watch.lacks_header:
            return
        now = time.monotonic()
        self._headless_since = self._headless_since or now
        if now - self._headless_since >= HEADER_SECONDS:
            raise _FailedError(
                "no_media", "The encoder sends a picture without its H.264 header, so nobody can decode it: restart it."
            )

    async def _take_all(self, tags: list[Tag]) -> None:
        for tag in tags:
            await self._take(tag)
        await self._look_after_run()
        self._look_at_speed()
        await self._report_health()

    async def _take(self, tag: Tag) -> None:
        seen = self._watch.take(tag)
        if codec := self._watch.unsupported():
            raise _FailedError(
                "unsupported_codec", f"The encoder sends {codec}: set it to H.264, the codec every browser plays."
            )
        if seen.change:
            await self._note_change(seen.change)
        if seen.is_key and self._run is not None and (reason := self._reason_for_another()):
            self._log.info(reason)
            await self._stop_run()  # and the next run begins with this key frame
        if self._run is not None and self._feed is not None:
            data = self._feed.take(seen)
            if data and not self._run.offer(data):
                await self._restart(await self._run.abort(RunEnd.OVERFLOW))
            return
        await self._wait_for_start(seen)

    # -- starting and ending FFmpeg --

    async def _wait_for_start(self, seen: Seen) -> None:
        if seen.is_config:
            return
        self._give_up_if_headless()
        # whatever follows begins with the newest key frame: what is older would only be behind
        is_waiting = self._watch.lacks_header or not self._restarts.may_begin(time.monotonic())
        if seen.is_key and (is_waiting or not self._pending or self._pending[0].tag.kind is Kind.AUDIO):
            self._pending = [seen]  # sound from before the first picture is dropped
            self._pending_since_ms = round(time.time() * 1000)
        elif self._pending or seen.tag.kind is Kind.AUDIO:
            self._pending_since_ms = self._pending_since_ms or round(time.time() * 1000)
            self._pending.append(seen)
        if len(self._pending) > MAX_PENDING:
            self._pending.clear()
        if is_waiting or not self._pending:
            return
        source = self._watch.source()
        if source is None or (source.video_codec is not None and not self._pending[0].is_key):
            return
        await self._start(source)

    async def _start(self, source: Source) -> None:
        gop_seconds = self._watch.fixed_gop_seconds() or self._job.known_gop_seconds
        ladder = self._ladders.begin(source, gop_seconds, self._packager.video_rungs, time.monotonic())
        self._source = source
        self._is_shedding = False
        wrapper = self._ladders.wrapper
        anchor_ms = self._pending_since_ms

        async def begin(inits: Mapping[str, Init]) -> None:
            await self._packager.begin(ladder, inits, anchor_ms)

        target_us = self._packager.part_target_us or part_target_us(ladder.video[0].fps if ladder.video else 0)
        self._run = Run(
            lambda descriptors: [*wrapper, *command(self._bench.settings.ffmpeg, ladder, descriptors, target_us)],
            ladder,
            target_us,
            Outlets(begin, self._publish, self._keep_thumbnail),
        )
        self._feed = Feed(source, self._watch.config_tags())
        self._log.info(
            "run_started",
            source=f"{source.width}x{source.height}@{source.fps:g}",
            rungs=[f"{rung.height}{'c' if rung.is_copied else ''}" for rung in ladder.video],
            cores=round(ladder.cores, 3),
            all_cores=round(self._bench.pool.planned_cores, 3),
            is_over=ladder.is_over,
        )
        self._run.offer(self._feed.start() + b"".join(map(self._feed.take, self._pending)))
        self._pending = []
        self._pending_since_ms = 0
        await self._reporter.probed(source, self._watch.health())

    async def _publish(self, cuts: Sequence[Cut]) -> None:
        is_public = await self._packager.publish(cuts)
        if is_public and not self._has_first:
            seconds = await self._reporter.first_segment()
            if seconds is None:
                return  # the next part says it
            self._has_first = True
            first_segment_seconds.observe(seconds)
            self._log.info("first_segment", seconds=round(seconds, 2))

    async def _keep_thumbnail(self, picture: bytes) -> None:
        try:
            await self._bench.store.put(f"{self._job.public_id}/thumbnail.jpg", picture)
        except OSError as error:
            self._log.warning("thumbnail_lost", error=type(error).__name__)

    async def _note_change(self, change: str) -> None:
        self._log.info("source_changed", change=change)
        restarts_total.labels(change).inc()
        self._change = (time.monotonic(), Warned(change, _CHANGES[change], "info"))
        self._pending = []
        self._ladders.forget_source()
        await self._stop_run()

    async def _stop_run(self) -> None:
        """Let the run write what it has."""
        if self._run is not None:
            run, self._run, self._feed = self._run, None, None
            if await run.finish() is RunEnd.FENCED:
                raise FencedError
            await self._packager.close()

    async def _settle_windows(self, *, is_store_away: bool = False) -> None:
        """No segment follows whose write would say the last one too: say it now, for as long as a restart of Redis."""
        for _ in range(LAST_TRIES):
            if await self._packager.close(is_store_away=is_store_away):
                return
            await asyncio.sleep(random.uniform(0.5, 1.0))  # noqa: S311  # jitter

    async def _look_after_run(self) -> None:
        if self._run is not None and self._run.is_over:
            await self._restart(await self._run.abort(RunEnd.DIED))

    def _reason_for_another(self) -> str | None:
        """Should another ladder begin now?"""
        gop_seconds = self._watch.fixed_gop_seconds()
        if self._is_shedding or self._ladders.makes_room(gop_seconds):
            return "run_made_cheaper"
        if self._has_first and self._ladders.grow(gop_seconds, self._packager.video_rungs, time.monotonic()):
            return "run_grown"
        return None

    def _look_at_speed(self) -> None:
        """A run that has been too slow for too long ends at the next key frame, and the next one makes less."""
        if self._run is None or self._feed is None:
            return
        if not self._ladders.is_too_slow(self._feed.seconds, self._run.progress, time.monotonic()):
            return
        if not self._ladders.shed(self._watch.fixed_gop_seconds()):
            if self._ladders.is_over and not self._has_first:
                raise _FailedError("server_full", "The server is too busy for another broadcast: try again later.")
            return
        self._log.warning("rung_shed", speed=round(self._run.progress.speed, 2))
        self._change = (time.monotonic(), Warned("rung_shed", "The server is busy: it makes fewer qualities.", "info"))
        self._is_shedding = True

    async def _restart(self, end: RunEnd) -> None:
        """The run is over although the stream goes on: begin anew at the next key frame, not too often."""
        self._run = self._feed = None
        self._log.warning("run_ended", end=end)
        if end is RunEnd.FENCED:
            raise FencedError
        await self._packager.close(is_store_away=end is RunEnd.STORE)
        if end is RunEnd.STORE:
            restarts_total.labels(end).inc()
            self._restarts.note_away(time.monotonic(), random.random())  # noqa: S311  # jitter
            return
        if end is RunEnd.MISCUT:
            self._ladders.note_miscut()
            self._change = (time.monotonic(), Warned("keyframes_irregular", _IRREGULAR, "warning"))
        if end is RunEnd.DIED:
            self._ladders.note_death(time.monotonic())
        self._count_restart(end)

    def _count_restart(self, reason: str) -> None:
        restarts_total.labels(reason).inc()
        if not self._restarts.note_fault(time.monotonic(), random.random()):  # noqa: S311  # jitter
            raise _FailedError("transcoder_failed", "The stream could not be transcoded; the server's log says why.")

    # -- reports --

    async def _report_health(self) -> None:
        now = time.monotonic()
        if self._source is None or self._run is None or now - self._health_at < HEALTH_SECONDS:
            return
        elapsed, self._health_at = now - self._health_at, now
        speed = self._run.progress.speed
        self._ladders.measure(cpu_seconds(self._run.pid or 0), elapsed, speed)
        if speed:
            ffmpeg_speed.observe(speed)
        extra = [self._change[1]] if self._change and now - self._change[0] < CHANGE_SHOWN_SECONDS else []
        health = self._watch.health()
        heard = heard_of(self._source, self._run.levels, health.sound_away_seconds)
        # with renditions it says as much as the report of the first segment, which may have been lost
        renditions = self._packager.renditions if self._has_first else ()
        await self._reporter.health(self._source, health, heard, renditions, speed, extra)
