"""Seconds from a broadcast's end to its recording, what of it was encoded anew or lost; and rewinding over four hours.

`python -m bench.vod [--rounds N] [--quick]`: the whole platform on loopback, a 360p30 source.  A round is stopped by
its owner while live; a crash round has all its workers killed first.  Rewinding is measured on lists of 7,200 segments.
"""

import argparse
import asyncio
import gc
import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from redis.asyncio import Redis

from bench.report import Figure, percentile, report
from clients.api import Api
from media.live import LiveWindows
from media.playlist import MediaPlaylist
from media.playlist_reader import parse_media
from media.spine_text import Listing
from media.window import DVR_SECONDS, Live, part_name
from server.playback.lists import Lists
from server.recordings.lists import texts_of
from server.web import GC_THRESHOLDS
from tests.e2e.live import live_channel
from tests.services.lives import PARTS, live_of
from tests.services.stack import Stack, running_stack
from tests.services.waiting import eventually

GOAL_PLAYABLE_SECONDS = 2.0
GOAL_RELOAD_PERCENT = 10.0
GOAL_BUILD_MS = 5.0
LIVE_SEGMENTS = 4
"""A round lasts so long."""
SEGMENTS = DVR_SECONDS // 2
TAIL_SEGMENTS = 8
RELOADS = 600
WARM_RELOADS = 20
"""The first builds render four hours at once, as the first viewer of a process makes them."""


@dataclass(frozen=True, slots=True)
class Before:
    """A broadcast in the moment before its end."""

    public_id: str
    live: Live
    files: dict[str, bytes]
    """Of the top rendition: the spine's segments by their names, and the open one as far as its parts are there."""

    @property
    def seconds(self) -> float:
        """Of everything that a list has named."""
        return sum(record.duration_us for record in self.live.records) / 1e6 + self.open_seconds

    @property
    def open_seconds(self) -> float:
        """Of what is not in the spine yet."""
        tail = self.live.tail("v1")
        segments = tail.segments if tail else ()
        return sum(float(segment.duration) for segment in segments if segment.sequence >= self.live.next_sequence)


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one broadcast."""

    playable_seconds: float
    reencoded_seconds: float
    lost_parts: float
    """Of those that a list had named."""


async def play_round(stack: Stack, redis: Redis, number: int, *, is_crash: bool) -> Round:
    """One broadcast from its beginning to its recording."""
    async with Api(stack.url) as api, httpx.AsyncClient(base_url=stack.url, timeout=10) as http:
        account = await api.register(f"b{secrets.token_hex(6)}", secrets.token_hex(12))
        slug = account["channel"]
        key = await api.create_stream_key(slug, f"round {number}")
        with stack.publishing(key):
            public_id = (await live_channel(http, slug, 30)).split("/")[2]
            await eventually(lambda: _has_segments(redis, public_id), "segments", 30)
            if is_crash:
                for name, pid in stack.pids().items():
                    if name.startswith("transcoder"):
                        os.kill(pid, signal.SIGKILL)
            before = await _before(stack, redis, public_id)
            started = time.monotonic()
            await api.stop_broadcast(slug)
        listed = await eventually(lambda: _vod_list(http, public_id), "the recording", 30)
        playable = time.monotonic() - started
    return _judged(stack, before, listed, playable)


async def _has_segments(redis: Redis, public_id: str) -> bool:
    live = await LiveWindows(redis).read(public_id)
    tail = live.tail("v1") if live else None
    # in the middle of a segment, where an end costs most
    last = tail.segments[-1] if tail and tail.segments else None
    is_amid = last is not None and last.is_open and len(last.parts) >= 2
    return live is not None and len(live.records) >= LIVE_SEGMENTS and is_amid


async def _before(stack: Stack, redis: Redis, public_id: str) -> Before:
    live = await LiveWindows(redis).read(public_id)
    assert live is not None
    folder = stack.var / "media" / public_id / "v1"
    tail = live.tail("v1")
    files = {}
    for record in live.records:
        name = f"{record.generation}-{record.sequence}.m4s"
        files[name] = _bytes(folder / name)
    for segment in tail.segments if tail else ():
        if segment.sequence >= live.next_sequence:
            parts = (folder / part_name(segment.generation, part.number) for part in segment.parts)
            files[segment.name] = b"".join(map(_bytes, parts))
    return Before(public_id, live, files)


def _bytes(path: Path) -> bytes:
    return path.read_bytes()


async def _vod_list(http: httpx.AsyncClient, public_id: str) -> MediaPlaylist | None:
    """The top rendition's final list, once a player can have its first and last segment."""
    if (await http.get(f"/vod/{public_id}/index.m3u8")).status_code != 200:
        return None
    reply = await http.get(f"/vod/{public_id}/v1/index.m3u8")
    if reply.status_code != 200:
        return None
    listed = parse_media(reply.text)
    ends = [await http.get(str(reply.url.join(listed.entries[place].uri))) for place in (0, -1)]
    return listed if all(one.status_code == 200 for one in ends) else None


def _judged(stack: Stack, before: Before, listed: MediaPlaylist, playable: float) -> Round:
    folder = stack.var / "media" / before.public_id / "v1"
    reencoded = seconds = 0.0
    for entry in listed.entries:
        name = entry.uri.rpartition("/")[2]
        seconds += entry.duration_us / 1e6
        # what joined between our look and the end makes the last segment longer, never different
        if name in before.files and not _bytes(folder / name).startswith(before.files[name]):
            reencoded += entry.duration_us / 1e6
    lost = max(0.0, before.seconds - seconds) * 1e6 / before.live.master.part_target_us
    return Round(round(playable, 3), reencoded, round(lost, 2))


async def measure(rounds: int, crashes: int) -> dict[str, Figure]:
    """Broadcasts that end, by their owners and by dying workers."""
    ended: list[Round] = []
    crashed: list[Round] = []
    with running_stack("--no-demo") as stack:
        redis = Redis.from_url(stack.redis_url, protocol=3)
        for number in range(rounds + crashes):
            is_crash = number >= rounds
            one = await play_round(stack, redis, number, is_crash=is_crash)
            (crashed if is_crash else ended).append(one)
            print(f"round {number}{' (crash)' if is_crash else ''}: {one}", flush=True)
        await redis.aclose()
    both = [*ended, *crashed]
    return {
        "playable_after_end_max": Figure(
            max(one.playable_seconds for one in both), "s", GOAL_PLAYABLE_SECONDS, "PeerTube: minutes, a job"
        ),
        "reencoded": Figure(max(one.reencoded_seconds for one in both), "s", 0.0),
        "parts_lost_without_a_crash": Figure(max((one.lost_parts for one in ended), default=0.0), "parts", 0.0),
        # the part that was being written is in no list and in no file
        "parts_lost_on_a_crash": Figure(max((one.lost_parts + 1 for one in crashed), default=0.0), "parts", 1.0),
    }


def rewind() -> dict[str, Figure]:
    """Reloads of a rewind list of four hours, one for each part, by the code that answers players."""
    lists = Lists("bench")
    listing = Listing(is_rewind=True)
    builds: list[float] = []
    shares: list[float] = []
    records = list(live_of(SEGMENTS).records)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)  # as the web process runs
    for number in range(WARM_RELOADS + RELOADS):
        first = number // PARTS
        end = live_of(TAIL_SEGMENTS, number % PARTS, first=first + SEGMENTS - TAIL_SEGMENTS)
        if number % PARTS == 0 and number:
            records = [*records[1:], end.records[-1]]
        live = replace(end, records=records, first_sequence=first)
        started = time.thread_time()  # CPU: what a build costs, whoever else is on the machine
        lists.take(live, float(number))
        delta = lists.media("v1", listing, may_skip=True)
        packed = delta.packed if delta else b""
        if number >= WARM_RELOADS:
            builds.append((time.thread_time() - started) * 1000)
            whole = lists.media("v1", listing, may_skip=False)
            shares.append(100 * len(packed) / len(whole.packed if whole else b"x"))
    started = time.perf_counter()
    texts_of("bench", live.master, records)
    return {
        "rewind_reload_share_max": Figure(round(max(shares), 2), "% of the list", GOAL_RELOAD_PERCENT),
        "rewind_build_p99": Figure(round(percentile(builds, 0.99), 2), "ms of CPU", GOAL_BUILD_MS),
        "rewind_build_p50": Figure(round(percentile(builds, 0.5), 2), "ms of CPU"),
        "final_lists_of_four_hours": Figure(round((time.perf_counter() - started) * 1000), "ms"),
    }


def main(argv: list[str]) -> int:
    """Run the bench; its last line is the JSON."""
    parser = argparse.ArgumentParser(prog="./run bench vod")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--crashes", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of each")
    arguments = parser.parse_args(argv)
    rounds, crashes = (1, 1) if arguments.quick else (arguments.rounds, arguments.crashes)
    figures = rewind()
    return report("vod", {**figures, **asyncio.run(measure(rounds, crashes))})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
