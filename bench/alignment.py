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
from media.source import Seen, SourceWatch
from tests.services.encoder import ffmpeg_path
from transcoder.cutter import Cut, PartCut
from transcoder.ffmpeg import Outlets, Run, RunEnd

RATES = {
    "23.976": "24000/1001",
    "25": "25",
    "29.97": "30000/1001",
    "30": "30",
    "59.94": "60000/1001",
    "60": "60",
    "vfr": "60",
}
MINUTES = 30
QUICK_MINUTES = 2
COPIED = ("29.97", "60", "vfr")
"""Beside a copied top, too: every shape of rate."""
POLICY = Policy(rungs=(Step(72, 300), Step(48, 150)))
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
        *("-force_key_frames", "expr:gte(t,n_forced*2)", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "48k"),
        *("-f", "flv", "pipe:1"),
    ]


async def run_through(rate: str, seconds: float, *, is_copied: bool) -> Witness:
    """Feed one source through a run as the session does, as fast as it goes."""
    witness = Witness()
    process = await asyncio.create_subprocess_exec(
        *source_command(rate, seconds), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    tags, watch = TagReader(), SourceWatch()
    pending: list[Seen] = []
    run: Run | None = None
    feed: Feed | None = None
    while data := await process.stdout.read(CHUNK_BYTES):
        seen = [watch.take(tag) for tag in tags.feed(data)]
        if run is None or feed is None:
            pending += [one for one in seen if not one.is_config]
            source = watch.source()
            if source is None:
                continue
            ladder = plan(source, POLICY, Means(99.0), gop_seconds=2.0 if is_copied else None)
            target_us = part_target_us(ladder.video[0].fps)
            outlets = Outlets(witness.begin, witness.cuts, witness.thumbnail)
            run = Run(
                lambda descriptors, ladder=ladder, target_us=target_us: command(  # type: ignore[misc]  # bound now
                    ffmpeg_path(), ladder, descriptors, target_us
                ),
                ladder,
                target_us,
                outlets,
            )
            feed = Feed(source, watch.config_tags())
            run.offer(feed.start())
            seen, pending = pending, []
        data = b"".join(map(feed.take, seen))
        while not run.is_over:
            if feed.seconds - run.progress.out_seconds < MOST_AHEAD_SECONDS and run.offer(data):
                break
            await asyncio.sleep(0.01)
    await process.wait()
    assert run is not None
    run.close()
    await run.wait(DRAIN_SECONDS)
    end = await run.abort(RunEnd.DIED)
    assert end is RunEnd.ENDED, end
    return witness


async def measure(minutes: float) -> dict[str, Figure]:
    """Every rate with all rungs encoded, some also beside a copied top; two at a time."""
    gate = asyncio.Semaphore(AT_ONCE)
    started = time.monotonic()
    kinds = [(rate, is_copied) for rate in RATES for is_copied in (False, True) if not is_copied or rate in COPIED]

    async def one(rate: str, *, is_copied: bool) -> dict[str, Figure]:
        async with gate:
            witness = await run_through(rate, minutes * 60, is_copied=is_copied)
        name = f"{rate}_{'copied' if is_copied else 'encoded'}"
        frames = sum(seen.samples for seen in witness.renditions.values())
        print(f"{name}: {frames} frames, {time.monotonic() - started:.0f} s since the start", flush=True)
        return figures_of(name, witness, minutes)

    figures: dict[str, Figure] = {}
    for found in await asyncio.gather(*(one(rate, is_copied=is_copied) for rate, is_copied in kinds)):
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
