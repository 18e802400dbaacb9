"""How many of the 33 points of our conformance list a live broadcast keeps; nginx-rtmp's own HLS beside it.

`python -m bench.hls_conformance [--seconds N]`: the whole platform on loopback with a 360p30 source, then nginx-rtmp
with two variants of the same picture.  Its segments are MPEG-TS, which our client does not read: what can't be judged
counts as not kept, as what is absent does.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.report import Figure, report
from tests.conformance.report import examine, score, table
from tests.conformance.verdict import Verdict
from tests.e2e.live import beyond, live_channel, renditions
from tests.services.bare_ingest import RTMP_MODULE
from tests.services.encoder import AAC, H264, ffmpeg_path
from tests.services.processes import listens, running
from tests.services.stack import running_stack
from tests.services.waiting import eventually
from workbench.machine import free_port, give_to_user, program
from workbench.nginx import render

POINTS = 33
FIRST_SEGMENTS = 8
"""A list that is asked for a delta must have more than it keeps."""
CONFIG = Path(__file__).parent / "peers/nginx_rtmp_hls.conf"


async def judge_ours(seconds: float) -> list[Verdict]:
    """`./run`'s programs, a demo encoder, and the client."""
    with running_stack() as stack, stack.publishing():
        async with httpx.AsyncClient(base_url=stack.url, timeout=10) as http:
            address = await live_channel(http, "admin", 60)
            await beyond(http, (await renditions(http, address))[0], FIRST_SEGMENTS, 60)
            _, verdicts = await examine(f"{stack.url}{address}", seconds)
    return verdicts


@contextmanager
def peer() -> Iterator[str]:
    """nginx-rtmp with an encoder that publishes two variants; yields its multivariant playlist."""
    folder = Path(tempfile.mkdtemp(prefix="leams-peer-"))
    folder.chmod(0o755)
    (folder / "hls").mkdir()
    for path in (folder, folder / "hls"):
        give_to_user(path)
    rtmp, http = free_port(), free_port()
    config = folder / "nginx.conf"
    values = {"RTMP_MODULE": RTMP_MODULE, "RUN": str(folder), "RTMP_PORT": str(rtmp), "HTTP_PORT": str(http)}
    config.write_text(render(CONFIG.read_text(), values))
    command = [program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]
    encoder = [ffmpeg_path(), "-hide_banner", "-loglevel", "error", "-re", "-f", "lavfi"]
    encoder += [
        "-i",
        "testsrc2=size=640x360:rate=30",
        "-re",
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:sample_rate=48000",
    ]
    for name, kbps in (("low", 200), ("hi", 800)):
        keys = ["-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-b:v", f"{kbps}k"]
        encoder += ["-map", "0:v", "-map", "1:a", *H264, *keys, *AAC, "-f", "flv"]
        encoder.append(f"rtmp://127.0.0.1:{rtmp}/hls/show_{name}")
    try:
        with (
            running(command, folder / "log", lambda: listens(rtmp), drop_root=True),
            running(encoder, folder / "encoder.log", lambda: True),
        ):
            yield f"http://127.0.0.1:{http}/hls/show.m3u8"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def judge_peer(seconds: float) -> list[Verdict]:
    """The same client before nginx-rtmp."""
    with peer() as url:
        async with httpx.AsyncClient(timeout=10) as http:
            media = url.replace("show.m3u8", "show_hi/index.m3u8")

            async def has_segments() -> bool:
                reply = await http.get(media)
                return reply.text.count("#EXTINF") >= FIRST_SEGMENTS

            await eventually(has_segments, "the peer's segments", 60)
        _, verdicts = await examine(url, seconds)
    return verdicts


def count(verdicts: list[Verdict], *status: str) -> int:
    """How many points ended so."""
    return sum(verdict.status in status for verdict in verdicts)


def main(argv: list[str]) -> int:
    """Judge both, print both tables, report."""
    parser = argparse.ArgumentParser(prog="python -m bench.hls_conformance")
    parser.add_argument("--seconds", type=float, default=45, help="how long each is followed; a window slides after 30")
    arguments = parser.parse_args(argv)
    found: dict[str, list[Verdict]] = {}
    for name, judge in (("leams", judge_ours), ("nginx-rtmp", judge_peer)):
        found[name] = asyncio.run(judge(arguments.seconds))
        print(f"{name}\n{table(found[name])}\n{name}: {score(found[name])}\n", flush=True)
    ours, theirs = found["leams"], found["nginx-rtmp"]
    return report(
        "hls_conformance",
        {
            "kept_or_argued": Figure(
                count(ours, "PASS", "DEVIATION"),
                f"of {POINTS} points",
                POINTS,
                count(theirs, "PASS", "DEVIATION"),
                "higher",
            ),
            "argued_deviations": Figure(count(ours, "DEVIATION"), "points"),
            "failed": Figure(count(ours, "FAIL"), "points", 0, count(theirs, "FAIL")),
        },
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
