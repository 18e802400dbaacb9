"""Are key frames and segment boundaries equal in all rungs, to the tick, over half an hour of every frame rate?

`python -m bench.alignment [--minutes N] [--quick]`.  Small frames, faster than real time, through the worker's own
path: FLV tags, `media.source`, `media.feed`, one FFmpeg run with its cutter.  Every fragment that comes out is read.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.report import Figure, report
from media.command import command
from media.feed import Feed
from media.flv import TagReader
from media.fmp4 import Fragment, FragmentReader, Init
from media.ladder import AUDIO, Means, plan
from media.parts import part_target_us
from media.policy import Policy, Step
from media.source import Seen, Source, SourceWatch
from tests.services.encoder import ffmpeg_path
from transcoder.cutter import Cut, PartCut
from transcoder.ffmpeg import Outlets, Run, RunEnd

RATES = {
    "60": "60",
    "vfr": "60",
    "59.94": "60000/1001",
    "29.97": "30000/1001",
    "30": "30",
    "25": "25",
    "23.976": "24000/1001",
}
"""The longest first: two cores are busy to the end."""
MINUTES = 30
QUICK_MINUTES = 2
COPIED = ("29.97", "60", "vfr")
"""Beside a copied top, too: every shape of rate."""
POLICY = Policy(rungs=(Step(72, 300), Step(48, 150)))
QUICK_SOUND = ("-b:a", "48k", "-aac_coder", "fast")
"""A third of what a source costs was its sound."""
CHUNK_BYTES = 65_536
DRAIN_SECONDS = 60.0
AT_ONCE = 2
HALF_FRAME_MS = 512 / 48 + 0.01
"""Of sound: it is cut at the frame nearest to the boundary."""
MOST_AHEAD_SECONDS = 120.0
"""Of media that FFmpeg has not reported: its reports come twice a second."""


@dataclass(slots=True)
class Output:
    """What came out of one rendition."""

    reader: FragmentReader
    timescale: int
    boundaries: list[int] = field(default_factory=list)
    """Ticks of each segment's first picture."""
    keys: list[int] = field(default_factory=list)
    samples: int = 0
    is_opening: bool = True


class Witness:
    """Reads every part back and keeps the times of segments and key frames."""

    def __init__(self) -> None:
        self.renditions: dict[str, Output] = {}

    async def begin(self, inits: Mapping[str, Init]) -> None:
        """The initialization sections."""
        for name, init in inits.items():
            seen = Output(FragmentReader(), init.timescale)
            seen.reader.feed(init.data)
            self.renditions[name] = seen

    async def cuts(self, cuts: Sequence[Cut]) -> None:
        """Parts, and ends of segments."""
        for cut in cuts:
            seen = self.renditions[cut.rendition]
            if not isinstance(cut, PartCut):
                seen.is_opening = True
                continue
            if cut.rendition == AUDIO:  # its frames are not the question
                if seen.is_opening:
                    seen.boundaries.append(round(cut.start_seconds * cut.timescale))
                    seen.is_opening = False
                continue
            for fragment in seen.reader.feed(cut.data):
                assert isinstance(fragment, Fragment)
                for sample in fragment.samples:
                    shown = sample.time + sample.composition
                    if seen.is_opening:
                        seen.boundaries.append(shown)
                        seen.is_opening = False
                    if sample.is_sync:
                        seen.keys.append(shown)
                    seen.samples += 1

    async def thumbnail(self, _picture: bytes) -> None:
        """Not looked at."""


def skew(lists: Sequence[Sequence[int]]) -> int:
    """The largest difference in ticks between entries of the same place; a missing entry is a day."""
    if len({len(one) for one in lists}) > 1:
        return 90_000 * 86_400
    return max((max(row) - min(row) for row in zip(*lists, strict=True)), default=0)


def source_command(rate: str, seconds: float) -> list[str]:
    """FLV on standard output: key frames every two seconds, sound beside; `vfr` loses a third of its frames."""
    picture = f"testsrc2=size=128x72:rate={RATES[rate]}:duration={seconds:g}"
    lost = ["-vf", "select='eq(mod(n,120),0)+gt(random(1),0.33)'"] if rate == "vfr" else []
    return [
        *(ffmpeg_path(), "-v", "error", "-nostdin", "-f", "lavfi", "-i", picture),
        *("-f", "lavfi", "-i", f"anoisesrc=r=48000:a=0.1:duration={seconds:g}", *lost, "-fps_mode", "vfr"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "9999", "-sc_threshold", "0", "-threads", "1"),
        *("-force_key_frames", "expr:gte(t,n_forced*2)", "-pix_fmt", "yuv420p", "-c:a", "aac", *QUICK_SOUND),
        *("-f", "flv", "pipe:1"),
    ]


class Through:
    """One source on its way through a run, as the session feeds it but as fast as it goes."""

    def __init__(self, *, is_copied: bool) -> None:
        self.witness = Witness()
        self._gop_seconds = 2.0 if is_copied else None
        self._tags, self._watch = TagReader(), SourceWatch()
        self._pending: list[Seen] = []
        self._run: Run | None = None
        self._feed: Feed | None = None

    async def take(self, data: bytes) -> None:
        """More of the source; waits while FFmpeg is far behind."""
        seen = [self._watch.take(tag) for tag in self._tags.feed(data)]
        if self._run is None or self._feed is None:
            self._pending += [one for one in seen if not one.is_config]
            source = self._watch.source()
            if source is None:
                return
            self._start(source)
            seen, self._pending = self._pending, []
        assert self._run is not None
        assert self._feed is not None
        fed = b"".join(map(self._feed.take, seen))
        while not self._run.is_over:
            is_near = self._feed.seconds - self._run.progress.out_seconds < MOST_AHEAD_SECONDS
            if is_near and self._run.offer(fed):
                break
            await asyncio.sleep(0.01)

    def _start(self, source: Source) -> None:
        ladder = plan(source, POLICY, Means(99.0), gop_seconds=self._gop_seconds)
        target_us = part_target_us(ladder.video[0].fps)
        outlets = Outlets(self.witness.begin, self.witness.cuts, self.witness.thumbnail)
        self._run = Run(
            lambda descriptors: command(ffmpeg_path(), ladder, descriptors, target_us), ladder, target_us, outlets
        )
        self._feed = Feed(source, self._watch.config_tags())
        self._run.offer(self._feed.start())

    async def end(self) -> None:
        """All has been fed: wait for the rest of what comes out."""
        assert self._run is not None
        self._run.close()
        await self._run.wait(DRAIN_SECONDS)
        end = await self._run.abort(RunEnd.DIED)
        assert end is RunEnd.ENDED, end


async def run_through(rate: str, seconds: float, *kinds: bool) -> list[Witness]:
    """Make one source, and feed it to a run of each kind: with its top copied or not."""
    process = await asyncio.create_subprocess_exec(
        *source_command(rate, seconds), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    ways = [Through(is_copied=is_copied) for is_copied in kinds]
    while data := await process.stdout.read(CHUNK_BYTES):
        for way in ways:
            await way.take(data)
    await process.wait()
    for way in ways:
        await way.end()
    return [way.witness for way in ways]


async def measure(minutes: float) -> dict[str, Figure]:
    """Every rate with all rungs encoded, some also beside a copied top; two sources at a time."""
    gate = asyncio.Semaphore(AT_ONCE)
    started = time.monotonic()

    async def one(rate: str) -> dict[str, Figure]:
        kinds = (False, True) if rate in COPIED else (False,)
        async with gate:
            witnesses = await run_through(rate, minutes * 60, *kinds)
        found: dict[str, Figure] = {}
        for is_copied, witness in zip(kinds, witnesses, strict=True):
            name = f"{rate}_{'copied' if is_copied else 'encoded'}"
            frames = sum(seen.samples for seen in witness.renditions.values())
            print(f"{name}: {frames} frames, {time.monotonic() - started:.0f} s since the start", flush=True)
            found |= figures_of(name, witness, minutes)
        return found

    figures: dict[str, Figure] = {}
    for found in await asyncio.gather(*map(one, RATES)):
        figures |= found
    figures["wall_time"] = Figure(round(time.monotonic() - started), "s", 600)
    return figures


def figures_of(name: str, witness: Witness, minutes: float) -> dict[str, Figure]:
    """What one source showed."""
    video = [seen for rendition, seen in witness.renditions.items() if rendition != AUDIO]
    sound = witness.renditions[AUDIO]
    far = max(
        abs(heard / sound.timescale - shown / video[0].timescale)
        for heard, shown in zip(sound.boundaries, video[0].boundaries, strict=True)
    )
    return {
        f"{name}_boundary_skew": Figure(skew([seen.boundaries for seen in video]), "ticks", 0),
        f"{name}_key_skew": Figure(skew([seen.keys for seen in video]), "ticks", 0),
        f"{name}_sound_skew": Figure(round(far * 1000, 2), "ms", HALF_FRAME_MS),
        f"{name}_segments": Figure(len(video[0].boundaries), "segments", minutes * 30 - 1, better="higher"),
    }


def main(argv: list[str]) -> int:
    """Run the bench; its last line is the JSON."""
    parser = argparse.ArgumentParser(prog="./run bench alignment")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_MINUTES} minutes of each rate")
    arguments = parser.parse_args(argv)
    minutes = QUICK_MINUTES if arguments.quick else arguments.minutes
    return report("alignment", asyncio.run(measure(minutes)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
