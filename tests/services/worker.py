"""A worker's writing end without FFmpeg: parts and segments of made-up bytes, written and listed as by the packager."""

from media.live import LiveWindows
from media.origin import Origin
from media.timeline import Timeline
from media.window import Master, Record, Rendition, init_name, part_name

SEGMENT_MS = 2000
PARTS = 4
TIMESCALE = 1000
BEGIN_MS = 1_795_000_000_000
VIDEO = Rendition("v1", "video", "avc1.64001f", 2_000_000, 1_500_000, 1280, 720, 30.0, "audio")
SOUND = Rendition("audio", "audio", "mp4a.40.2", 160_000, 128_000, group="audio", label="Audio", channels=2)
BOTH = (VIDEO, SOUND)


class Worker:
    """One claim of a broadcast."""

    def __init__(
        self, public_id: str, origin: Origin, windows: LiveWindows, begin_ms: int = BEGIN_MS, part_bytes: int = 0
    ) -> None:
        self.public_id = public_id
        self._origin = origin
        self._windows = windows
        self._now_ms = begin_ms
        self._part_bytes = part_bytes
        """At least; the text of a part is filled up to it."""
        self._bodies: dict[str, bytes] = {}

    async def claim(self, renditions: tuple[Rendition, ...] = BOTH, *, is_slate: bool = False) -> None:
        """Become the writer, as a new worker does, and begin a run."""
        claimed = await self._windows.claim(self.public_id)
        assert claimed is not None
        self.generation = claimed.generation
        self.timeline = Timeline(claimed.live, claimed.generation, 7200)
        await self.begin(renditions, is_slate=is_slate)

    async def begin(self, renditions: tuple[Rendition, ...] = BOTH, *, is_slate: bool = False) -> None:
        """A new run of the encoders."""
        run = self.timeline.begin(renditions, target_duration_seconds=2, part_target_us=500_000, is_slate=is_slate)
        for rendition in renditions:
            await self._put(rendition.name, init_name(self.generation, run), b"init")

    async def write(self, segments: int) -> list[Record]:
        """So many whole segments of every rendition; returns their records."""
        made: list[Record] = []
        for _ in range(segments):
            for _ in range(PARTS):
                await self._part()
            for name, segment in self.timeline.open_segments().items():
                await self._put(name, segment.name, self._bodies.pop(name))
                self.timeline.end(name)
            made += self.timeline.settle()
        await self._tell(made)
        return made

    async def write_parts(self, parts: int) -> None:
        """The beginning of a segment, and no more."""
        for _ in range(parts):
            await self._part()
        await self._tell([])

    async def delete_old_parts(self, keep: int) -> None:
        """All but the newest so many of each rendition."""
        for rendition in self.timeline.master.renditions:
            newest = self.timeline.next_part(rendition.name)
            names = [part_name(self.generation, number) for number in range(newest - keep)]
            await self._origin.live.delete_all([f"{self.public_id}/{rendition.name}/{name}" for name in names])

    async def _part(self) -> None:
        for rendition in self.timeline.master.renditions:
            name = rendition.name
            number = self.timeline.next_part(name)
            data = f"{name} {self.generation} part {number} ".encode().ljust(self._part_bytes)
            await self._put(name, part_name(self.generation, number), data)
            self.timeline.join(
                name,
                duration_ticks=SEGMENT_MS // PARTS,
                timescale=TIMESCALE,
                size_bytes=len(data),
                key_bytes=4 if rendition.kind == "video" else 0,
                is_independent=True,
                program_date_time_ms=self._now_ms,
            )
            self._bodies[name] = self._bodies.get(name, b"") + data
        self._now_ms += SEGMENT_MS // PARTS

    async def _tell(self, records: list[Record]) -> None:
        master: Master = self.timeline.master
        outcome = await self._windows.publish(self.public_id, self.generation, self.timeline.tails(), records, master)
        if outcome == "hole":
            outcome = await self._windows.restore(
                self.public_id,
                self.generation,
                self.timeline.records,
                self.timeline.first_discontinuity,
                self.timeline.tails(),
                master,
            )
        assert outcome == "written"

    async def _put(self, rendition: str, file: str, data: bytes) -> None:
        await self._origin.put(f"{self.public_id}/{rendition}/{file}", data)
