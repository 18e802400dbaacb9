"""Core-seconds of the whole platform for one broadcast, beside a bare FFmpeg that writes the same rungs as HLS.

`python -m bench.ladder_cost [--seconds N] [--rounds N] [--quick]`.  The same file in a loop, in real time: published to
`./run`, read by one FFmpeg with one decode, read by one FFmpeg for each rung.  What the platform takes while nobody
publishes is measured before and taken off; the encoder that publishes counts for nobody.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from redis.asyncio import Redis

from bench.ladder import median_ratio
from bench.report import Figure, report
from bench.services import cpu_seconds, tree_cpu_seconds
from clients.api import Api
from clients.publish import file_command
from media.encoders import Rates, arguments
from media.ladder import Means, Plan, Rung, plan
from media.live import LiveWindows
from media.policy import Policy
from media.source import Source
from tests.services.encoder import ffmpeg_path
from tests.services.processes import running
from tests.services.stack import Stack, running_stack
from tests.services.waiting import eventually

SECONDS = 24
"""Of each, again and again: on a shared host the same work takes a tenth more in one minute than in the next."""
QUICK_SECONDS = 20
SETTLE_SECONDS = 6.0
"""Until a run has worked up its first burst."""
ROUNDS = 9
SEPARATE_EVERY = 3
"""Rounds; its ratio is far from its goal."""
CORES = 1.7
SOURCE = Source(
    "h264", 1280, 720, 30.0, is_copyable=True, audio_codec="aac", rate_hz=48_000, channels=2, video_kbps=0.0
)
LOW_LINES = 400
"""Below, the bare one encodes with one thread, above with two: 2 % less than what FFmpeg takes when it may choose."""
GOAL_BARE = 1.05
GOAL_SEPARATE = 1.2


def make_source(path: Path, seconds: int) -> None:
    """A moving test card under noise, 720p30, a key frame every two seconds."""
    card = f"testsrc2=size=1280x720:rate=30:duration={seconds},scroll=horizontal=0.002,noise=alls=8:allf=t"
    subprocess.run(
        [
            *(ffmpeg_path(), "-v", "error", "-y", "-f", "lavfi", "-i", card),
            *("-f", "lavfi", "-i", f"anoisesrc=r=48000:a=0.2:duration={seconds}"),
            *("-c:v", "libx264", "-preset", "veryfast", "-b:v", "3500k", "-maxrate", "3500k", "-bufsize", "3500k"),
            *("-g", "60", "-sc_threshold", "0", "-bf", "0", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k"),
            *("-flvflags", "no_duration_filesize", str(path)),
        ],
        check=True,
    )


def bare_command(ladder: Plan, rungs: Sequence[Rung], source: Path, folder: Path) -> list[str]:
    """One FFmpeg with one decode: these rungs and the sound as HLS in fragments of two seconds."""
    branches = "".join(f"[s{place}]" for place in range(len(rungs)))
    chains = [f"[0:v:0]split={len(rungs)}{branches}"]
    chains += [
        f"[s{place}]scale={rung.width}:{rung.height}:flags=bilinear,format=yuv420p[{rung.name}]"
        for place, rung in enumerate(rungs)
    ]
    hls = ["-f", "hls", "-hls_time", "2", "-hls_list_size", "10", "-hls_flags", "delete_segments"]
    hls += ["-hls_segment_type", "fmp4"]
    argv = [ffmpeg_path(), "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-threads", "2", "-i", str(source)]
    argv += ["-filter_complex", ";".join(chains)]
    for rung in rungs:
        rates = Rates(rung.fps, rung.megapixels, rung.kbps, ladder.crf, rung.preset, 120)
        argv += ["-map", f"[{rung.name}]", *arguments(rung.encoder, rates)]
        argv += ["-threads", "2" if rung.height > LOW_LINES else "1"]
        argv += ["-force_key_frames", "expr:gte(t,n_forced*2)"]
        argv += [*hls, "-hls_fmp4_init_filename", f"{rung.name}.mp4", str(folder / f"{rung.name}.m3u8")]
    argv += ["-map", "0:a:0", "-c:a", "aac", "-b:a", "128k", *hls, "-hls_fmp4_init_filename", "audio.mp4"]
    return [*argv, str(folder / f"audio-{rungs[0].name}.m3u8")]


@contextmanager
def bare(commands: Sequence[Sequence[str]]) -> Iterator[list[int]]:
    """Run them for as long as the block lasts; their ids."""
    with ExitStack() as stack:
        processes = [stack.enter_context(subprocess.Popen(command, stdin=subprocess.DEVNULL)) for command in commands]
        try:
            yield [process.pid for process in processes]
        finally:
            for process in processes:
                process.kill()


def bare_cores(commands: Sequence[Sequence[str]], seconds: float) -> float:
    """Cores that these FFmpegs take together, after they have settled."""
    with bare(commands) as pids:
        time.sleep(SETTLE_SECONDS)
        before = sum(map(cpu_seconds, pids))
        time.sleep(seconds)
        return (sum(map(cpu_seconds, pids)) - before) / seconds


def platform_seconds(stack: Stack) -> dict[str, float]:
    """Processor time so far of every supervised process with all below it."""
    return {name: tree_cpu_seconds(pid) for name, pid in stack.pids().items()}


def platform_cores(stack: Stack, seconds: float) -> dict[str, float]:
    """Cores that each takes over the next so many seconds."""
    before = platform_seconds(stack)
    time.sleep(seconds)
    return {name: (after - before.get(name, 0.0)) / seconds for name, after in platform_seconds(stack).items()}


async def broadcast_cores(stack: Stack, source: Path, seconds: float) -> tuple[dict[str, float], list[int]]:
    """Cores for one broadcast of the file, by process; and the heights of its rungs."""
    async with Api(stack.url) as api, httpx.AsyncClient(base_url=stack.url, timeout=10) as http:
        account = await api.register(f"b{time.time_ns():x}", "a long enough password")
        slug = account["channel"]
        key = await api.create_stream_key(slug, "bench")
        with running(file_command(source, f"{stack.rtmp}/{key}"), stack.var / "log/encoder.log", lambda: True):

            async def look() -> str | None:
                channel = (await http.get(f"/api/v1/channels/{slug}")).json()
                return str(channel["broadcast"]) if channel["live"] == "live" else None

            public_id = await eventually(look, "the broadcast", 30)
            await asyncio.sleep(SETTLE_SECONDS)
            cores = await asyncio.to_thread(platform_cores, stack, seconds)
            redis = Redis.from_url(stack.redis_url, protocol=3)
            live = await LiveWindows(redis).read(public_id)
            await redis.aclose()
            await api.stop_broadcast(slug)
    assert live is not None
    return cores, [item.height for item in live.renditions if item.kind == "video"]


def measure(seconds: float, rounds: int) -> dict[str, Figure]:
    """Each round runs the two that are near each other one after the other, every third the third as well."""
    ladder = plan(SOURCE, Policy(), Means(CORES))
    ours: list[float] = []
    one: list[float] = []
    separate: list[float] = []
    shares: dict[str, float] = {}
    environment = {"LEAMS_TRANSCODER_CORES": str(CORES), "LEAMS_CALIBRATION": "off"}
    with tempfile.TemporaryDirectory(prefix="leams-bench-") as name:
        folder = Path(name)
        source = folder / "source.flv"
        make_source(source, round(seconds))
        folder.chmod(0o755)
        with running_stack("--no-demo", environment=environment) as stack:
            idle = platform_cores(stack, max(10.0, seconds))
            for number in range(rounds):
                cores, heights = asyncio.run(broadcast_cores(stack, source, seconds))
                assert heights == [rung.height for rung in ladder.video], heights
                shares = {process: taken - idle.get(process, 0.0) for process, taken in cores.items()}
                ours.append(sum(shares.values()))
                one.append(bare_cores([bare_command(ladder, ladder.video, source, folder)], seconds))
                print({process: round(share, 3) for process, share in shares.items()}, flush=True)
                print(f"ours {ours[-1]:.3f}, bare {one[-1]:.3f}", flush=True)
                if number % SEPARATE_EVERY == 0:
                    apart = [bare_command(ladder, [rung], source, folder) for rung in ladder.video]
                    separate.append(bare_cores(apart, seconds) / ours[-1])
                    print(f"separate {separate[-1]:.3f} of ours", flush=True)
    return {
        "platform_to_bare": Figure(round(median_ratio(ours, one), 3), "ratio", GOAL_BARE),
        "separate_to_platform": Figure(round(statistics.median(separate), 3), "ratio", GOAL_SEPARATE, better="higher"),
        "platform": Figure(round(statistics.median(ours), 3), "cores"),
        "bare": Figure(round(statistics.median(one), 3), "cores"),
        "beside_transcoder": Figure(
            round(sum(share for process, share in shares.items() if not process.startswith("transcoder")), 3), "cores"
        ),
    }


def main(argv: list[str]) -> int:
    """Run the bench; its last line is the JSON."""
    parser = argparse.ArgumentParser(prog="./run bench ladder_cost")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help=f"one round of {QUICK_SECONDS} s")
    arguments = parser.parse_args(argv)
    seconds, rounds = (QUICK_SECONDS, 1) if arguments.quick else (arguments.seconds, arguments.rounds)
    return report("ladder_cost", measure(seconds, rounds))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
