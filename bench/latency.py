"""Seconds from glass to glass in Chromium: the clock in an encoder's picture, read from the page of a viewer.

`./run bench latency [--quick] [--seconds N]`: the whole platform on loopback, 720p30 with 2 s key frames, hls.js.
"""

import argparse
import asyncio
import re
import secrets
import statistics
import sys
from dataclasses import dataclass

import httpx
from playwright.async_api import Page, async_playwright

from bench.clock_picture import PLAUSIBLE_SECONDS, READ_CLOCK_SCRIPT, clock_picture_command
from bench.report import Figure, percentile, report
from clients.api import Api
from clients.publish import Picture
from tests.e2e.live import live_channel, renditions
from tests.services.browser import CHROMIUM_ARGUMENTS, CHROMIUM_PATH
from tests.services.processes import running
from tests.services.stack import Stack, running_stack

GOAL_SECONDS = 2.0
PART_SECONDS = 0.5
SECONDS, QUICK_SECONDS = 120, 30
SETTLE_SECONDS = 15
"""A player starts where it can, then plays a little faster until it is where it wants to be."""
SAMPLE_EVERY_MS = 200
PICTURE = Picture(width=1280, height=720, fps=30, video_kbps=2500, preset="ultrafast")

WATCH_SCRIPT = """
() => {
  const video = document.querySelector("video");
  const seen = { stalls: 0, stalledMs: 0, drySince: null, firstMs: null };
  window.seen = seen;
  video.addEventListener("waiting", () => {
    if (seen.firstMs === null || video.seeking) return;
    seen.stalls += 1;
    seen.drySince ??= performance.now();
  });
  video.addEventListener("timeupdate", () => {
    if (video.currentTime === 0) return;
    seen.firstMs ??= performance.now();
    if (seen.drySince !== null) seen.stalledMs += performance.now() - seen.drySince;
    seen.drySince = null;
  });
}
"""
"""Counts what a viewer would call a stall, from the first picture on; `performance.now()` begins with the page."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What one viewer saw."""

    startup_seconds: float
    """From the address typed to the first picture."""
    samples: list[float]
    """Seconds behind, each 200 ms."""
    stalls: int
    stalled_seconds: float
    shown_behind: list[float]
    """What the page itself said it was behind, beside the samples."""


async def measure(stack: Stack, seconds: int) -> dict[str, Figure]:
    """Publish, watch, read the clock."""
    async with Api(stack.url) as api, httpx.AsyncClient(base_url=stack.url, timeout=10) as http:
        account = await api.register(f"b{secrets.token_hex(6)}", secrets.token_hex(12))
        slug = account["channel"]
        key = await api.create_stream_key(slug, "clock")
        with running(
            clock_picture_command(PICTURE, f"{stack.rtmp}/{key}"), stack.var / "log/encoder.log", lambda: True
        ):
            multivariant = await live_channel(http, slug, 30)
            part = await part_target(http, (await renditions(http, multivariant))[0])
            watched = await watch(f"{stack.url}/{slug}", seconds)
        await api.stop_broadcast(slug)
    baseline = "MediaMTX's documentation: 2 to 3 s with LL-HLS; Owncast about 10 s"
    error = [abs(shown - sample) for shown, sample in zip(watched.shown_behind, watched.samples, strict=True)]
    return {
        "glass_to_glass_median": Figure(round(statistics.median(watched.samples), 2), "s", GOAL_SECONDS, baseline),
        "glass_to_glass_p95": Figure(round(percentile(watched.samples, 0.95), 2), "s"),
        "glass_to_glass_max": Figure(round(max(watched.samples), 2), "s"),
        "stalls": Figure(watched.stalls, f"in {seconds} s", 0),
        "stalled": Figure(round(watched.stalled_seconds / seconds * 100, 2), "% of the time"),
        "startup": Figure(round(watched.startup_seconds, 2), "s"),
        "part_target": Figure(part, "s", PART_SECONDS),
        "latency_shown_error_median": Figure(round(statistics.median(error), 2), "s"),
    }


async def part_target(http: httpx.AsyncClient, address: str) -> float:
    """PART-TARGET of a media playlist; infinite where it has no parts."""
    found = re.search(r"#EXT-X-PART-INF:.*PART-TARGET=([\d.]+)", (await http.get(address)).text)
    return float(found[1]) if found else float("inf")


async def watch(page_address: str, seconds: int) -> Watched:
    """Open the channel as a viewer does, let it settle, then read for `seconds`."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM_PATH, args=CHROMIUM_ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        await page.goto(page_address)
        await page.wait_for_selector("video", state="attached", timeout=20_000)
        await page.evaluate(WATCH_SCRIPT)
        await page.wait_for_function("() => window.seen.firstMs !== null", timeout=30_000)
        await page.wait_for_function(
            f"() => performance.now() - window.seen.firstMs > {SETTLE_SECONDS * 1000}",
            timeout=(SETTLE_SECONDS + 10) * 1000,
        )
        before = await page.evaluate("() => ({ ...window.seen })")
        samples, shown = await read(page, seconds)
        seen = await page.evaluate("() => ({ ...window.seen })")
        await browser.close()
    return Watched(
        startup_seconds=seen["firstMs"] / 1000,
        samples=samples,
        stalls=seen["stalls"] - before["stalls"],
        stalled_seconds=(seen["stalledMs"] - before["stalledMs"]) / 1000,
        shown_behind=shown,
    )


async def read(page: Page, seconds: int) -> tuple[list[float], list[float]]:
    """The latency by the picture's clock, and as the page's badge says it."""
    samples: list[float] = []
    shown: list[float] = []
    while len(samples) < seconds * 1000 // SAMPLE_EVERY_MS:
        latency = await page.evaluate(READ_CLOCK_SCRIPT)
        badge = await page.evaluate("() => document.querySelector('.player-live-behind')?.textContent ?? ''")
        figure = re.match(r"[\d.]+", badge)
        if latency is not None and latency < PLAUSIBLE_SECONDS and figure is not None:
            samples.append(latency)
            shown.append(float(figure[0]))
        await page.wait_for_timeout(SAMPLE_EVERY_MS)
    return samples, shown


def main(argv: list[str]) -> int:
    """Run the bench; its last line is the JSON."""
    parser = argparse.ArgumentParser(prog="./run bench latency")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SECONDS} s of reading instead of {SECONDS}")
    parser.add_argument("--seconds", type=int)
    arguments = parser.parse_args(argv)
    seconds = arguments.seconds or (QUICK_SECONDS if arguments.quick else SECONDS)
    with running_stack("--no-demo") as stack:
        return report("latency", asyncio.run(measure(stack, seconds)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
