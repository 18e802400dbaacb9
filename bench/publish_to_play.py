"""Seconds from an encoder's start to the first playable segment, and from glass to glass in Chromium.

`python -m bench.publish_to_play [--rounds N]`: the whole platform on loopback, a 720p30 source with 2 s key frames.
"""

import argparse
import asyncio
import secrets
import statistics
import sys
import time

import httpx
from playwright.async_api import async_playwright

from bench.clock_picture import READ_CLOCK_SCRIPT, clock_picture_command
from bench.report import Figure, percentile, report
from clients.api import Api
from clients.publish import Picture
from tests.e2e.live import beyond, live_channel, renditions
from tests.services.browser import CHROMIUM_ARGUMENTS, CHROMIUM_PATH
from tests.services.processes import running
from tests.services.stack import Stack, running_stack

GOAL_FIRST_SEGMENT_SECONDS = 6.0
GOAL_GLASS_SECONDS = 8.0
SAMPLES = 100
SAMPLE_EVERY_MS = 200
PICTURE = Picture(width=1280, height=720, fps=30, video_kbps=2500, preset="ultrafast")


async def measure(stack: Stack, rounds: int) -> dict[str, Figure]:
    """Each round is a new broadcast; the last one is watched."""
    starts: list[float] = []
    glass: list[float] = []
    async with Api(stack.url) as api, httpx.AsyncClient(base_url=stack.url, timeout=10) as http:
        for number in range(rounds):
            # a stopped channel refuses encoders for a while, so every round has a channel of its own
            account = await api.register(f"b{secrets.token_hex(6)}", secrets.token_hex(12))
            slug = account["channel"]
            key = await api.create_stream_key(slug, f"round {number}")
            started = time.monotonic()
            with running(
                clock_picture_command(PICTURE, f"{stack.rtmp}/{key}"), stack.var / "log/encoder.log", lambda: True
            ):
                address = (await renditions(http, await live_channel(http, slug, 30)))[0]
                await beyond(http, address, -1, 30)
                starts.append(time.monotonic() - started)
                print(f"round {number}: first playable segment after {starts[-1]:.2f} s", flush=True)
                if number == rounds - 1:
                    glass = await watch(f"{stack.url}/{slug}")
                await api.stop_broadcast(slug)
    return {
        "publish_to_first_segment_median": Figure(
            round(statistics.median(starts), 2), "s", GOAL_FIRST_SEGMENT_SECONDS, "IVS: 6 to 12 s to first frame"
        ),
        "publish_to_first_segment_max": Figure(round(max(starts), 2), "s", GOAL_FIRST_SEGMENT_SECONDS),
        "glass_to_glass_median": Figure(
            round(statistics.median(glass), 2), "s", GOAL_GLASS_SECONDS, "Owncast: about 10 s"
        ),
        "glass_to_glass_p95": Figure(round(percentile(glass, 0.95), 2), "s", GOAL_GLASS_SECONDS),
    }


async def watch(page_address: str) -> list[float]:
    """Latency samples in seconds, read from the picture as the page shows it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM_PATH, args=CHROMIUM_ARGUMENTS)
        page = await browser.new_page()
        await page.goto(page_address)
        await page.wait_for_function("() => (document.querySelector('video')?.currentTime ?? 0) > 4", timeout=40_000)
        samples: list[float] = []
        while len(samples) < SAMPLES:
            latency = await page.evaluate(READ_CLOCK_SCRIPT)
            if latency is not None:
                samples.append(latency)
            await page.wait_for_timeout(SAMPLE_EVERY_MS)
        await browser.close()
    return samples


def main(argv: list[str]) -> int:
    """Run the bench; its last line is the JSON."""
    parser = argparse.ArgumentParser(prog="./run bench publish_to_play")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    with running_stack("--no-demo") as stack:
        return report("publish_to_play", asyncio.run(measure(stack, arguments.rounds)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
