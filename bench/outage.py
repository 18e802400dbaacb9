"""What viewers lose when an encoder goes away, or any process dies: the table of issue and cure, on the whole platform.

`python -m bench.outage [--quick] [--only NAME …]`: each case is a broadcast of its own, followed as a player follows
(one media list) and in Chromium; at its end its recording is read back.  The store's cases have a platform of their
own, whose recordings go to an S3-compatible server.
"""

import argparse
import asyncio
import contextlib
import os
import re
import secrets
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx
from playwright.async_api import Browser, Page, async_playwright

from bench.report import Figure, report
from bench.services import bench_folder
from clients.api import Api
from clients.publish import test_picture_command as picture_command
from media.origin import MARKS
from tests.e2e.live import live_channel, renditions
from tests.services.browser import CHROMIUM_ARGUMENTS, CHROMIUM_PATH
from tests.services.s3 import S3Proxy, environment, s3_server
from tests.services.stack import SMALL_PICTURE, Stack, running_stack
from tests.services.transcoders import children_named, signal_all
from tests.services.waiting import eventually

BEFORE_SECONDS = 8.0
AFTER_SECONDS = 8.0
BACK_SECONDS = 40.0
"""How long playback may stay away after the fault is over before the case counts as lost."""
OUTAGES_SECONDS = (5, 30, 80)
STORE_AWAY_SECONDS = 60.0
STORE_FAILING_SECONDS = 20.0
STORE_DELAY_SECONDS = 0.5
COPIED_SECONDS = 60.0
"""How soon the store has everything, once it is well again."""
GOAL_GAP_SECONDS = 10.0
GOAL_LOST_SECONDS = 12.0
POLL_SECONDS = 0.2


@dataclass(slots=True)
class Encoder:
    """FFmpeg as OBS would be: it comes back two seconds after it lost its connection, until it is told to stop."""

    address: str
    process: asyncio.subprocess.Process | None = None
    is_wanted: bool = True
    up_seconds: float = 0.0

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            if not self.is_wanted:
                await asyncio.sleep(0.05)
                continue
            started = time.monotonic()
            nowhere = asyncio.subprocess.DEVNULL
            command = picture_command(SMALL_PICTURE, self.address)
            self.process = await asyncio.create_subprocess_exec(*command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
            try:
                await self.process.wait()
            finally:
                self._kill()
                self.up_seconds += time.monotonic() - started
            if self.is_wanted:
                await asyncio.sleep(2)

    def pause(self) -> None:
        """As if the line were cut: the process dies without a goodbye."""
        self.is_wanted = False
        self._kill()

    def _kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    def resume(self) -> None:
        """The line is back."""
        self.is_wanted = True


@dataclass(slots=True)
class Follower:
    """One media list as a player sees it."""

    address: str
    ends: list[tuple[float, int, int]] = field(default_factory=list)
    """(tick, last sequence number, parts of the open segment) at each change."""
    steps_back: int = 0
    refusals: int = 0

    async def run(self, http: httpx.AsyncClient) -> None:
        """Follow until cancelled."""
        while True:
            await self._look(http)
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self, http: httpx.AsyncClient) -> None:
        try:
            reply = await http.get(self.address)
        except httpx.HTTPError:
            self.refusals += 1
            return
        if reply.status_code != 200:
            self.refusals += 1
            return
        end = _end(reply.text)
        if self.ends and end < self.ends[-1][1:]:
            self.steps_back += 1
        elif not self.ends or end > self.ends[-1][1:]:
            self.ends.append((time.monotonic(), *end))

    def gap_seconds(self, since: float) -> float:
        """The longest time without anything new since then, the one that is still open included."""
        ticks = [since, *(tick for tick, _, _ in self.ends if tick >= since), time.monotonic()]
        return max(later - earlier for earlier, later in pairwise(ticks))

    def has_moved_since(self, tick: float) -> bool:
        """Is there anything newer?"""
        return bool(self.ends) and self.ends[-1][0] > tick


def _end(text: str) -> tuple[int, int]:
    """The last whole segment's number and how many parts follow it."""
    first = re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", text)
    whole = len(re.findall(r"^#EXTINF:", text, re.MULTILINE))
    parts = len(re.findall(r"^#EXT-X-PART:", text.rpartition("#EXTINF:")[2], re.MULTILINE))
    return (int(first[1]) if first else 0) + whole - 1, parts


@dataclass(slots=True)
class Scene:
    """One broadcast with all that watches it."""

    stack: Stack
    encoder: Encoder
    follower: Follower
    store: S3Proxy | None = None
    """What stands before the object store, where there is one."""


Fault = Callable[[Scene], Awaitable[None]]
"""Does its harm and returns when the cause is over."""


def encoder_away(seconds: float) -> Fault:
    """The encoder's line is cut for so long."""

    async def fault(scene: Scene) -> None:
        scene.encoder.pause()
        await asyncio.sleep(seconds)
        scene.encoder.resume()

    return fault


def killed(name: str) -> Fault:
    """A supervised process is killed; the supervisor starts it again."""

    async def fault(scene: Scene) -> None:
        await _kill(scene.stack, name)

    return fault


def worker_killed(*, is_busy: bool) -> Fault:
    """The worker that encodes the broadcast is killed, or else the one that does not."""

    async def fault(scene: Scene) -> None:
        found = [name for name, children in _workers(scene.stack).items() if bool(children) is is_busy]
        if len(found) != 1:
            raise RuntimeError(f"one of the workers should encode, one should not: {_workers(scene.stack)}")
        await _kill(scene.stack, found[0])

    return fault


async def ffmpeg_killed(scene: Scene) -> None:
    """Every FFmpeg of the workers dies."""
    signal_all([pid for children in _workers(scene.stack).values() for pid in children], signal.SIGKILL)


def _workers(stack: Stack) -> dict[str, list[int]]:
    """Each worker's FFmpegs."""
    pids = stack.pids()
    return {name: children_named(pid, "ffmpeg") for name, pid in pids.items() if name.startswith("transcoder")}


async def _kill(stack: Stack, name: str) -> None:
    pids = stack.pids()
    os.kill(pids[name], signal.SIGKILL)

    async def is_back() -> bool:
        with contextlib.suppress(OSError, ValueError):
            return stack.pids().get(name) not in {None, pids[name]}
        return False

    await eventually(is_back, f"{name} to be started again", 30)


async def store_failing(scene: Scene) -> None:
    """Half of all requests fail, and each takes half a second."""
    assert scene.store is not None
    scene.store.fails_half, scene.store.delay_seconds = True, STORE_DELAY_SECONDS
    await asyncio.sleep(STORE_FAILING_SECONDS)
    scene.store.fails_half, scene.store.delay_seconds = False, 0.0


async def store_away(scene: Scene) -> None:
    """Nobody answers; then every copy is made after all."""
    assert scene.store is not None
    scene.store.is_away = True
    await asyncio.sleep(STORE_AWAY_SECONDS)
    scene.store.is_away = False
    marks = scene.stack.var / "media" / MARKS

    async def is_copied() -> bool:
        return await asyncio.to_thread(_has_no_old_files, marks)

    await eventually(is_copied, "the copies", COPIED_SECONDS)


def _has_no_old_files(folder: Path) -> bool:
    """Of those that are being copied now the oldest is a few seconds old."""
    found = [path.stat().st_mtime for path in folder.rglob("*") if path.is_file()]
    return not found or time.time() - min(found) < BEFORE_SECONDS


STORE_FAULTS: dict[str, Fault] = {"store_fails": store_failing, "store_60s": store_away}
FAULTS: dict[str, Fault] = {
    **{f"encoder_{seconds}s": encoder_away(seconds) for seconds in OUTAGES_SECONDS},
    "ffmpeg": ffmpeg_killed,
    "worker": worker_killed(is_busy=True),
    "worker_idle": worker_killed(is_busy=False),
    **{name: killed(name) for name in ("web_1", "web_2", "jobs")},
    **{name: killed(name) for name in ("redis", "postgres", "nginx_edge", "nginx_ingest")},
    **STORE_FAULTS,
}
QUICK = ("encoder_5s", "ffmpeg", "worker", "redis", "nginx_ingest")


@dataclass(frozen=True, slots=True)
class Row:
    """What one case cost."""

    gap_seconds: float
    reloads: int
    playlists: int
    vods: int
    lost_seconds: float
    steps_back: int
    is_playing: bool


async def run_case(stack: Stack, browser: Browser, api: Api, name: str, store: S3Proxy | None) -> Row:
    """One broadcast, one fault."""
    account = await api.register(f"o{secrets.token_hex(6)}", secrets.token_hex(12))
    slug = account["channel"]
    key = await api.create_stream_key(slug, name)
    encoder = Encoder(f"{stack.rtmp}/{key}")
    async with httpx.AsyncClient(base_url=stack.url, timeout=8) as http, running_task(encoder.run()):
        multivariant = await live_channel(http, slug, 40)
        public_id = multivariant.split("/")[2]
        follower = Follower((await renditions(http, multivariant))[0])
        page = await browser.new_page()
        playlists: set[str] = set()
        page.on("request", lambda request: playlists.update(_multivariants(request.url)))
        async with running_task(follower.run(http)):
            await page.goto(f"{stack.url}/{slug}")
            await page.evaluate("() => { window.outageMark = 1 }")
            await page.wait_for_function(
                "() => (document.querySelector('video')?.currentTime ?? 0) > 1", timeout=40_000
            )
            await asyncio.sleep(BEFORE_SECONDS)
            began = time.monotonic()
            await FAULTS[name](Scene(stack, encoder, follower, store))
            over = time.monotonic()
            await eventually(lambda: _moved(follower, over), f"media after {name}", BACK_SECONDS)
            is_playing = await plays(page)
            await asyncio.sleep(AFTER_SECONDS)
            gap_seconds = follower.gap_seconds(began)
            mark = await page.evaluate("() => window.outageMark ?? 0")
        await page.close()
        encoder.pause()
        await asyncio.sleep(1)
        await api.stop_broadcast(slug)
        vods, vod_seconds = await recordings(http, slug, public_id)
    return Row(
        gap_seconds=round(gap_seconds, 2),
        reloads=0 if mark == 1 else 1,
        playlists=len(playlists),
        vods=vods,
        lost_seconds=round(max(0.0, encoder.up_seconds - vod_seconds), 2),
        steps_back=follower.steps_back,
        is_playing=is_playing,
    )


async def _moved(follower: Follower, tick: float) -> bool:
    return follower.has_moved_since(tick)


def _multivariants(url: str) -> set[str]:
    found = re.search(r"/live/([^/]+)/(?:index|dvr)\.m3u8", url)
    return {found[1]} if found else set()


async def plays(page: Page) -> bool:
    """Does the picture move again without anybody's doing?"""
    try:
        await page.evaluate("() => { window.outageTime = document.querySelector('video').currentTime }")
        await page.wait_for_function(
            "() => document.querySelector('video').currentTime > window.outageTime + 2", timeout=BACK_SECONDS * 1000
        )
    except Exception:  # noqa: BLE001  # whatever Chromium says, it does not play
        return False
    return True


async def recordings(http: httpx.AsyncClient, slug: str, public_id: str) -> tuple[int, float]:
    """How many VODs the broadcast became, and how long this one plays."""

    async def look() -> tuple[int, float] | None:
        reply = await http.get(f"/api/v1/channels/{slug}/vods")
        vods = reply.json().get("vods", []) if reply.status_code == 200 else []
        ready = [vod for vod in vods if vod["state"] == "ready"]
        if not any(vod["public_id"] == public_id for vod in ready):
            return None
        addresses = await renditions(http, f"/vod/{public_id}/index.m3u8")
        text = (await http.get(addresses[0])).text
        return len(vods), sum(map(float, re.findall(r"#EXTINF:([\d.]+)", text)))

    return await eventually(look, "the recording", 20)


@asynccontextmanager
async def running_task(work: Awaitable[None]) -> AsyncIterator[None]:
    """For as long as the block lasts."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextmanager
def s3_proxy(target: int) -> Iterator[S3Proxy]:
    """What stands before the store, on a thread of its own while the block lasts: the platform starts behind it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy")
    thread.start()
    proxy = S3Proxy(target)
    try:
        asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result(10)
        yield proxy
        asyncio.run_coroutine_threadsafe(proxy.__aexit__(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def measure(stack: Stack, names: list[str], store: S3Proxy | None = None) -> dict[str, Figure]:
    """Every case in turn; a line each as it is known."""
    figures: dict[str, Figure] = {}
    print(
        f"{'case':<16} {'gap s':>7} {'lost s':>7} {'reloads':>8} {'lists':>6} {'vods':>5} {'back':>5}  plays",
        flush=True,
    )
    async with Api(stack.url) as api, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM_PATH, args=CHROMIUM_ARGUMENTS)
        for name in names:
            row = await run_case(stack, browser, api, name, store)
            print(
                f"{name:<16} {row.gap_seconds:>7} {row.lost_seconds:>7} {row.reloads:>8} {row.playlists:>6}"
                f" {row.vods:>5} {row.steps_back:>5}  {'yes' if row.is_playing else 'NO'}",
                flush=True,
            )
            figures |= {
                f"{name}_gap": Figure(row.gap_seconds, "s", GOAL_GAP_SECONDS),
                f"{name}_lost": Figure(row.lost_seconds, "s", GOAL_LOST_SECONDS),
                f"{name}_reloads": Figure(row.reloads, "reloads", 0),
                f"{name}_playlists": Figure(row.playlists, "addresses", 1),
                f"{name}_vods": Figure(row.vods, "recordings", 1),
                f"{name}_steps_back": Figure(row.steps_back, "times", 0),
                f"{name}_plays_on": Figure(float(row.is_playing), "yes", 1, better="higher"),
            }
        await browser.close()
    return figures


def main(argv: list[str]) -> int:
    """Run the bench; its last line is the JSON."""
    parser = argparse.ArgumentParser(prog="./run bench outage")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    parser.add_argument("--only", nargs="+", choices=FAULTS, help="these cases")
    arguments = parser.parse_args(argv)
    names = arguments.only or list(QUICK if arguments.quick else FAULTS)
    figures: dict[str, Figure] = {}
    if plain := [name for name in names if name not in STORE_FAULTS]:
        with running_stack("--no-demo") as stack:
            figures |= asyncio.run(measure(stack, plain))
    if far := [name for name in names if name in STORE_FAULTS]:
        with (
            bench_folder() as folder,
            s3_server(folder) as port,
            s3_proxy(port) as store,
            running_stack("--no-demo", environment=environment(store.port)) as stack,
        ):
            figures |= asyncio.run(measure(stack, far, store))
    return report("outage", figures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
