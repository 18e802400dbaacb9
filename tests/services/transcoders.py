"""Real transcoder workers, the jobs they get, and what they report and write."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from media import jobs
from media.fmp4 import Fragment, FragmentReader, Init, Sample
from media.live import LiveWindows
from media.policy import Wish
from media.window import Live, MediaWindow, Segment, part_name, window
from tests.services.encoder import ffmpeg_path
from tests.services.processes import end
from tests.services.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
R = TypeVar("R", bound=jobs.LiveReport)


@dataclass(slots=True)
class Transcoding:
    """One broadcast as a test sees it: jobs in, reports and windows out."""

    redis: Redis
    redis_url: str
    pull_url: str
    media: Path
    public_id: str = "stream1"
    reports: list[jobs.LiveReport] = field(default_factory=list)
    _last: str = "0"

    @contextmanager
    def worker(self, name: str, **env: str) -> Iterator["subprocess.Popen[bytes]"]:
        """`python -m transcoder` for as long as the block lasts; its log is `<name>.log` beside the media."""
        variables = {
            "LEAMS_REDIS_URL": self.redis_url,
            "LEAMS_RTMP_PULL_URL": self.pull_url,
            "LEAMS_METRICS_PORT": "0",
            "LEAMS_CALIBRATION": "off",
            "MEDIA_STORE": self.media.as_uri(),
            "PYTHONPATH": str(ROOT),
        }
        with (self.media.parent / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "transcoder"],
                env={**os.environ, **variables, **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            end(process)

    async def worker_ready(self) -> None:
        """Until a worker reads the jobs stream."""

        async def look() -> bool:
            return bool(await self.redis.exists(jobs.JOBS_STREAM))

        await eventually(look, "a worker")

    @property
    def address(self) -> str:
        """Where the encoder publishes."""
        return f"{self.pull_url}/{self.public_id}"

    async def enqueue(
        self,
        publish_count: int = 1,
        known_gop_seconds: float | None = None,
        slate_seconds: float = 0.0,
        ladder: Wish | None = None,
        next_sequence: int = 0,
    ) -> None:
        """What the hook does."""
        now_ms = round(time.time() * 1000)
        job = jobs.LiveJob(
            self.public_id, publish_count, now_ms, known_gop_seconds, slate_seconds, ladder, next_sequence
        )
        await self.redis.xadd(jobs.JOBS_STREAM, {jobs.FIELD: jobs.encode(job)})

    async def read_reports(self) -> None:
        """Take what has been reported since the last look."""
        start = "-" if self._last == "0" else f"({self._last}"
        entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", await self.redis.xrange(jobs.REPORTS_STREAM, start))
        for entry_id, fields in entries:
            self._last = entry_id.decode()
            self.reports.append(jobs.decode_report(fields[jobs.FIELD.encode()]))

    async def report(
        self, kind: type[R], seconds: float = 20.0, where: Callable[[R], bool] = lambda _report: True
    ) -> R:
        """The first report of this kind for which `where` holds."""

        async def look() -> R | None:
            await self.read_reports()
            return next((item for item in self.reports if isinstance(item, kind) and where(item)), None)

        return await eventually(look, kind.__name__, seconds)

    async def live(self) -> Live | None:
        """The windows as they stand."""
        return await LiveWindows(self.redis).read(self.public_id)

    async def live_when(self, holds: Callable[[Live], bool], what: str, seconds: float = 20.0) -> Live:
        """The windows once `holds`."""

        async def look() -> Live | None:
            with suppress(RedisError):  # it may just be coming back
                live = await self.live()
                return live if live and holds(live) else None
            return None

        return await eventually(look, what, seconds)

    def samples(self, live: Live, rendition: str) -> list[list[Sample]]:
        """Each whole segment's samples, read back from the store with its own initialization section."""
        found: list[list[Sample]] = []
        for segment in whole(live, rendition):
            folder = self.media / self.public_id / rendition
            data = (folder / segment.init).read_bytes() + (folder / segment.name).read_bytes()
            pieces = FragmentReader().feed(data)
            assert isinstance(pieces[0], Init)
            found.append([sample for piece in pieces[1:] if isinstance(piece, Fragment) for sample in piece.samples])
        return found

    def file(self, rendition: str, name: str) -> bytes:
        """One file as it lies in the store."""
        return (self.media / self.public_id / rendition / name).read_bytes()

    def parts(self, rendition: str, segment: Segment) -> bytes:
        """A segment's parts' files, one after the other."""
        return b"".join(self.file(rendition, part_name(segment.generation, part.number)) for part in segment.parts)

    def key_frame(self, rendition: str, segment: Segment) -> list[Sample]:
        """What an I-frame list names: the samples in the segment's first `key_bytes`."""
        pieces = FragmentReader().feed(
            self.file(rendition, segment.init) + self.file(rendition, segment.name)[: segment.key_bytes]
        )
        return [sample for piece in pieces if isinstance(piece, Fragment) for sample in piece.samples]

    def decoder_complaints(self, live: Live, rendition: str) -> str:
        """What FFmpeg says when it decodes all listed segments; nothing, if they are sound."""
        segments = whole(live, rendition)
        folder = self.media / self.public_id / rendition
        data = b"".join((folder / name).read_bytes() for name in (segments[0].init, *(item.name for item in segments)))
        argv = [ffmpeg_path(), "-v", "warning", "-xerror", "-f", "mp4", "-i", "pipe:0", "-f", "null", "-"]
        return subprocess.run(argv, input=data, capture_output=True, check=False).stderr.decode()

    def init(self, live: Live, rendition: str) -> Init:
        """The last segment's initialization section."""
        segment = whole(live, rendition)[-1]
        (piece,) = FragmentReader().feed((self.media / self.public_id / rendition / segment.init).read_bytes())
        assert isinstance(piece, Init)
        return piece


def listed(live: Live, rendition: str) -> MediaWindow:
    """The rendition's list over the whole spine."""
    found = window(live, rendition, live.first_sequence)
    assert found is not None
    return found


def whole(live: Live, rendition: str) -> list[Segment]:
    """Its finished segments."""
    return [segment for segment in listed(live, rendition).segments if not segment.is_open and not segment.is_gap]


def has_segments(count: int) -> Callable[[Live], bool]:
    """So many are whole in every rendition."""
    return lambda live: live.next_sequence >= count


def has_parts(live: Live) -> bool:
    """Something can be played in every rendition."""
    return bool(live.renditions) and all(listed(live, item.name).segments for item in live.renditions)


def discontinuities(live: Live) -> dict[str, int]:
    """How many breaks each listed rendition has had."""
    windows = {item.name: listed(live, item.name) for item in live.renditions}
    return {
        name: one.discontinuity_sequence + sum(segment.has_discontinuity for segment in one.segments)
        for name, one in windows.items()
    }


def children_named(pid: int, name: str) -> list[int]:
    """The process' direct children whose program is `name`."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            argv = (path / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid and name in Path(argv[0].decode()).name:
            found.append(int(path.name))
    return found


def signal_all(pids: Sequence[int], number: signal.Signals) -> None:
    """Send each of them the signal."""
    assert pids
    for pid in pids:
        os.kill(pid, number)
