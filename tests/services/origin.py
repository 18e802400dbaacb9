"""A live origin without a transcoder: segments that FFmpeg made, let into the windows one by one."""

import asyncio
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from media.live import LiveWindows
from media.store import MediaStore
from media.window import MediaWindow, Rendition, Segment, append, resume
from tests.conformance.boxes import read_init, read_segment

TARGET_SECONDS = 2
GROUP = "sound"
SIZES = {"v1": (640, 360, 600), "v2": (320, 180, 200)}


@dataclass(frozen=True, slots=True)
class Cut:
    """One segment as it lies in FFmpeg's folder."""

    data: bytes
    ticks: int
    timescale: int


@dataclass(frozen=True, slots=True)
class Made:
    """One rendition's init section and segments."""

    rendition: Rendition
    init: bytes
    cuts: tuple[Cut, ...]


def make_segments(folder: Path, seconds: int) -> list[Made]:
    """Encode a test picture and a tone as CMAF: two rungs with aligned key frames, sound apart."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=30:duration={seconds}"]
    command += ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"]
    for name, (width, height, kbps) in SIZES.items():
        command += ["-map", "0:v", "-vf", f"scale={width}:{height}", "-c:v", "libx264", "-preset", "ultrafast"]
        command += [
            "-b:v",
            f"{kbps}k",
            "-maxrate",
            f"{kbps}k",
            "-bufsize",
            f"{kbps}k",
            "-pix_fmt",
            "yuv420p",
            "-g",
            "60",
        ]
        command += ["-keyint_min", "60", "-sc_threshold", "0", *_hls(folder, name)]
    command += ["-map", "1:a", "-c:a", "aac", "-b:a", "96k", "-ac", "2", *_hls(folder, "audio")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return [*(_made(folder, name, kbps) for name, (_, _, kbps) in SIZES.items()), _made(folder, "audio", 96)]


def _hls(folder: Path, name: str) -> list[str]:
    return [
        *("-f", "hls", "-hls_time", str(TARGET_SECONDS), "-hls_list_size", "0", "-hls_segment_type", "fmp4"),
        *("-hls_fmp4_init_filename", f"{name}-init.mp4", "-hls_segment_filename", str(folder / f"{name}-%d.m4s")),
        str(folder / f"{name}.m3u8"),
    ]


def _made(folder: Path, name: str, kbps: int) -> Made:
    init = (folder / f"{name}-init.mp4").read_bytes()
    facts = read_init(init)
    files = sorted(folder.glob(f"{name}-*.m4s"), key=lambda path: int(re.findall(r"\d+", path.stem)[-1]))
    cuts = []
    for file in files:
        data = file.read_bytes()
        segment = read_segment(data, facts)
        cuts.append(Cut(data, sum(sample.duration for sample in segment.samples), facts.timescale))
    is_video = facts.handler == "vide"
    rendition = Rendition(
        name,
        "video" if is_video else "audio",
        facts.codec,
        peak_bps=kbps * 1500,
        average_bps=kbps * 1100,
        width=facts.width,
        height=facts.height,
        fps=30.0 if is_video else 0.0,
        group=GROUP,
        label="" if is_video else "Stream",
        channels=facts.channels,
    )
    return Made(rendition, init, tuple(cuts))


class Origin:
    """One broadcast that goes on as its tests tell it to."""

    def __init__(self, public_id: str, made: Sequence[Made], windows: LiveWindows, store: MediaStore) -> None:
        self.public_id = public_id
        self._made = made
        self._live = windows
        self._store = store
        self._windows = {item.rendition.name: MediaWindow(TARGET_SECONDS) for item in made}
        self._generation = 0
        self._now_ms = {item.rendition.name: 1_795_000_000_000.0 for item in made}

    async def take_over(self) -> None:
        """Claim, as a new worker does, and go on from what stands in Redis with a DISCONTINUITY."""
        claimed = await self._live.claim(self.public_id)
        assert claimed is not None
        self._generation = claimed.generation
        self._windows.update({name: resume(window) for name, window in claimed.live.windows.items()})
        for item in self._made:
            await self._store.put(f"{self.public_id}/{item.rendition.name}/{self._generation}-init.mp4", item.init)

    async def go_on(self, segments: int) -> None:
        """Let so many segments of every rendition out, then show them all at once."""
        for item in self._made:
            for _ in range(segments):
                await self._put_next(item)
        renditions = [item.rendition for item in self._made]
        assert await self._live.publish(self.public_id, self._generation, self._windows, renditions) == "written"

    async def go_on_live(self, segments: int) -> None:
        """The same at the pace of a live stream."""
        for _ in range(segments):
            await asyncio.sleep(TARGET_SECONDS)  # a live stream's own pace is what the client judges
            await self.go_on(1)

    async def end(self) -> None:
        """ENDLIST."""
        await self._live.end(self.public_id)

    async def _put_next(self, item: Made) -> None:
        name = item.rendition.name
        window = self._windows[name]
        cut = item.cuts[window.next_sequence]
        file = f"{self._generation}-{window.next_sequence}.m4s"
        await self._store.put(f"{self.public_id}/{name}/{file}", cut.data)
        self._windows[name] = append(
            window,
            Segment(
                sequence=window.next_sequence,
                generation=self._generation,
                name=file,
                init=f"{self._generation}-init.mp4",
                duration_ticks=cut.ticks,
                timescale=cut.timescale,
                program_date_time_ms=round(self._now_ms[name]),
                size_bytes=len(cut.data),
            ),
        )
        self._now_ms[name] += cut.ticks * 1000 / cut.timescale
