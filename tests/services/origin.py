"""A live origin without a transcoder: parts and segments that FFmpeg made, let into the lists one by one."""

import asyncio
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

from media.live import LiveWindows
from media.parts import part_target_us
from media.store import MediaStore
from media.timeline import Timeline
from media.window import Rendition, init_name, part_name, segment_name
from tests.conformance.boxes import InitFacts, SampleFacts, read_init, read_segment

TARGET_SECONDS = 2
FPS = 30
PARTS = 6
"""Of a segment of the picture: the steps in which it grows."""
GROUP = "sound"
SIZES = {"v1": (640, 360, 600), "v2": (320, 180, 200)}
START_MS = 1_795_000_000_000


@dataclass(frozen=True, slots=True)
class Cut:
    """One part as it would leave a packager."""

    data: bytes
    ticks: int
    is_independent: bool


@dataclass(frozen=True, slots=True)
class Made:
    """One rendition: its init section, and the parts of each of its segments."""

    rendition: Rendition
    init: bytes
    timescale: int
    segments: tuple[tuple[Cut, ...], ...]
    key_bytes: tuple[int, ...]
    """Of the fragment with the key frame alone, with which each segment of a picture begins."""


def make_segments(folder: Path, seconds: int) -> list[Made]:
    """Encode a test picture and a tone as CMAF: two rungs with aligned key frames, sound apart."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", f"testsrc2=size=640x360:rate={FPS}:duration={seconds}"]
    command += ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"]
    for name, (width, height, kbps) in SIZES.items():
        rate = ["-b:v", f"{kbps}k", "-maxrate", f"{kbps}k", "-bufsize", f"{kbps}k", "-pix_fmt", "yuv420p"]
        command += ["-map", "0:v", "-vf", f"scale={width}:{height}", "-c:v", "libx264", "-preset", "ultrafast", *rate]
        keys = ["-g", str(TARGET_SECONDS * FPS), "-keyint_min", str(TARGET_SECONDS * FPS), "-sc_threshold", "0"]
        command += [*keys, *_fragments(folder, name)]
    command += ["-map", "1:a", "-c:a", "aac", "-b:a", "96k", "-ac", "2", *_fragments(folder, "audio")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return [*(_made(folder, name, kbps) for name, (_, _, kbps) in SIZES.items()), _made(folder, "audio", 96)]


def _fragments(folder: Path, name: str) -> list[str]:
    """A file with a fragment for each frame."""
    flags = "+empty_moov+default_base_moof+frag_every_frame+negative_cts_offsets"
    return ["-f", "mp4", "-movflags", flags, str(folder / f"{name}.mp4")]


def _made(folder: Path, name: str, kbps: int) -> Made:
    data = (folder / f"{name}.mp4").read_bytes()
    fragments = list(_boxes(data))
    init = b"".join(body for kind, body in fragments if kind in {b"ftyp", b"moov"})
    facts = read_init(init)
    frames = list(_frames(fragments, facts))
    segments = [tuple(_parts(segment, facts)) for segment in _segments(frames, facts)]
    is_video = facts.handler == "vide"
    rendition = Rendition(
        name,
        "video" if is_video else "audio",
        facts.codec,
        peak_bps=kbps * 1500,
        average_bps=kbps * 1100,
        width=facts.width,
        height=facts.height,
        fps=float(FPS) if is_video else 0.0,
        group=GROUP,
        label="" if is_video else "Stream",
        channels=facts.channels,
    )
    firsts = [len(segment[0][0]) if is_video else 0 for segment in _segments(frames, facts)]
    return Made(rendition, init, facts.timescale, tuple(segments), tuple(firsts))


Frame = tuple[bytes, SampleFacts]


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at : at + size]
        at += size


def _frames(boxes: list[tuple[bytes, bytes]], facts: InitFacts) -> Iterator[Frame]:
    head = b""
    for kind, body in boxes:
        if kind == b"moof":
            head = body
        elif kind == b"mdat":
            yield head + body, read_segment(head + body, facts).samples[0]


def _segments(frames: list[Frame], facts: InitFacts) -> list[list[Frame]]:
    """Frames by the 2 s in which they begin; whole segments alone."""
    segments: dict[int, list[Frame]] = {}
    for frame in frames:
        segments.setdefault(frame[1].time // (TARGET_SECONDS * facts.timescale), []).append(frame)
    return [segments[number] for number in sorted(segments)][:-1]


def _parts(segment: list[Frame], facts: InitFacts) -> Iterator[Cut]:
    most = Fraction(part_target_us(FPS), 1_000_000)
    count = int(most * facts.timescale / segment[0][1].duration)
    for start in range(0, len(segment), count):
        frames = segment[start : start + count]
        is_independent = facts.handler == "soun" or frames[0][1].is_idr
        yield Cut(b"".join(data for data, _ in frames), sum(frame.duration for _, frame in frames), is_independent)


class Origin:
    """One broadcast that goes on as its tests tell it to."""

    def __init__(self, public_id: str, made: Sequence[Made], windows: LiveWindows, store: MediaStore) -> None:
        self.public_id = public_id
        self._made = made
        self._live = windows
        self._store = store
        self._timeline: Timeline | None = None
        self._bodies: dict[str, bytes] = {}
        self._step = 0

    @property
    def timeline(self) -> Timeline:
        """What was let out so far."""
        assert self._timeline is not None
        return self._timeline

    async def take_over(self) -> None:
        """Claim, as a new worker does, and go on from what stands in Redis with a DISCONTINUITY."""
        claimed = await self._live.claim(self.public_id)
        assert claimed is not None
        self._timeline = Timeline(claimed.live, claimed.generation, 7200)
        run = self.timeline.begin(
            [item.rendition for item in self._made],
            target_duration_seconds=TARGET_SECONDS,
            part_target_us=part_target_us(FPS),
            is_slate=False,
        )
        for item in self._made:
            await self._put(item.rendition.name, init_name(claimed.generation, run), item.init)

    async def step(self) -> None:
        """Let the next part of every rendition out, and with the last of a segment the whole."""
        sequence, place = divmod(self._step, PARTS)
        is_last = place == PARTS - 1
        for item in self._made:
            cuts = item.segments[sequence]
            for cut in cuts[place:] if is_last else cuts[place : place + 1]:
                await self._part(item, sequence, cut, is_first=cut is cuts[0])
        if is_last:
            for item in self._made:
                name = item.rendition.name
                await self._put(name, segment_name(self.timeline.generation, sequence), self._bodies.pop(name))
                self.timeline.end(name)
        self._step += 1
        records = self.timeline.settle()
        tails = self.timeline.take_changed()
        outcome = await self._live.publish(
            self.public_id, self.timeline.generation, tails, records, self.timeline.master
        )
        assert outcome == "written"

    async def go_on(self, segments: int) -> None:
        """Let so many whole segments out, as fast as can be."""
        for _ in range(segments * PARTS):
            await self.step()

    async def go_on_live(self, segments: int) -> None:
        """The same at the pace of a live stream."""
        for _ in range(segments * PARTS):
            await asyncio.sleep(TARGET_SECONDS / PARTS)  # a live stream's own pace is what the client judges
            await self.step()

    async def end(self) -> None:
        """ENDLIST."""
        await self._live.end(self.public_id)

    async def _part(self, item: Made, sequence: int, cut: Cut, *, is_first: bool) -> None:
        name = item.rendition.name
        self._bodies[name] = self._bodies.get(name, b"") + cut.data
        file = part_name(self.timeline.generation, self.timeline.next_part(name))
        await self._put(name, file, cut.data)
        self.timeline.join(
            name,
            duration_ticks=cut.ticks,
            timescale=item.timescale,
            size_bytes=len(cut.data),
            key_bytes=item.key_bytes[sequence] if is_first else 0,
            is_independent=cut.is_independent,
            program_date_time_ms=START_MS + 1000 * TARGET_SECONDS * sequence,
        )

    async def _put(self, rendition: str, file: str, data: bytes) -> None:
        await self._store.put(f"{self.public_id}/{rendition}/{file}", data)
