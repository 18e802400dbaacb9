"""A broadcast without FFmpeg, as fast as it goes: tiny samples through the worker's cutter and packager.

`python -m tests.services.tape PUBLIC_ID SEGMENTS REST REDIS_URL STORE` writes so many segments; after each `REST` of
them it prints their number and waits for a line.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator

import uvloop
from redis.asyncio import Redis

from media.fmp4 import Init, Sample
from media.ladder import AUDIO, Plan, Rung
from media.live import LiveWindows
from media.parts import part_target_us
from media.store import MediaStore
from media.window import DVR_SECONDS, segment_name
from transcoder.cutter import Cutter
from transcoder.packager import Packager

SEGMENT_SECONDS = 2
FRAMES = 6
"""Of each rendition in a segment: one a part."""
START_SECONDS = 10
START_MS = 1_795_000_000_000
VIDEO = Init(b"init of the picture", "video", 1, 90_000, "avc1.64001f", 640, 360, 0, 0)
SOUND = Init(b"init of the sound", "audio", 1, 48_000, "mp4a.40.2", 0, 0, 2, 48_000)
INITS = {"v1": VIDEO, "v2": VIDEO, AUDIO: SOUND}
RUNGS = (
    Rung("v1", 640, 360, 30.0, 800, is_copied=False, preset="veryfast", cores=0.1),
    Rung("v2", 320, 180, 30.0, 300, is_copied=False, preset="veryfast", cores=0.1),
)
PLAN = Plan(RUNGS, follows_source_keys=False, cores=0.2)
KEPT_BEYOND = 30
"""Segments that have left the window are kept for so many more."""


class Tape:
    """One claim of one broadcast."""

    def __init__(self, public_id: str, redis: Redis, store: MediaStore, dvr_seconds: float = DVR_SECONDS) -> None:
        self._public_id = public_id
        self._windows = LiveWindows(redis)
        self._store = store
        self._dvr_seconds = dvr_seconds
        self._segment = 0
        self._cutter = Cutter(list(INITS), part_target_us(30.0))

    async def begin(self) -> None:
        """Claim it, as a worker does."""
        claimed = await self._windows.claim(self._public_id)
        assert claimed is not None
        self._generation = claimed.generation
        self._packager = Packager(
            self._public_id, claimed, self._store, self._windows, self._dvr_seconds, self._media_seconds
        )
        for name, init in INITS.items():
            self._cutter.take_init(name, init)
        await self._packager.begin(PLAN, INITS, START_MS)

    async def go_on(self, segments: int) -> None:
        """Write so many segments more; what has left the window is deleted, as the sweeper does."""
        for _ in range(segments):
            for name, samples in self._next_samples():
                cuts = self._cutter.take(name, samples)
                assert not cuts or await self._packager.publish(cuts)
            self._segment += 1
            old = self._segment - int(self._dvr_seconds / SEGMENT_SECONDS) - KEPT_BEYOND
            if old >= 0:
                for name in INITS:
                    await self._store.delete(f"{self._public_id}/{name}/{segment_name(self._generation, old)}")

    def _media_seconds(self) -> float:
        """Its clock: parts are deleted as soon as they would be live."""
        return float(self._segment * SEGMENT_SECONDS)

    def _next_samples(self) -> Iterator[tuple[str, list[Sample]]]:
        for name, init in INITS.items():
            ticks = init.timescale * SEGMENT_SECONDS // FRAMES
            start = START_SECONDS * init.timescale + self._segment * FRAMES * ticks
            yield (
                name,
                [
                    Sample(start + place * ticks, ticks, 0, is_sync=place == 0 or name == AUDIO, data=b"sample")
                    for place in range(FRAMES)
                ],
            )


async def write(public_id: str, segments: int, rest: int, redis_url: str, store_url: str) -> None:
    """The whole tape, at the pace of whoever reads what is printed."""
    redis = Redis.from_url(redis_url, protocol=3)
    tape = Tape(public_id, redis, MediaStore(store_url))
    await tape.begin()
    for done in range(0, segments, rest):
        await tape.go_on(min(rest, segments - done))
        sys.stdout.write(f"{min(segments, done + rest)}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
    await redis.aclose()


def main(argv: list[str]) -> int:
    """Write it."""
    parser = argparse.ArgumentParser(prog="python -m tests.services.tape")
    parser.add_argument("public_id")
    parser.add_argument("segments", type=int)
    parser.add_argument("rest", type=int)
    parser.add_argument("redis_url")
    parser.add_argument("store")
    given = parser.parse_args(argv)
    uvloop.run(write(given.public_id, given.segments, given.rest, given.redis_url, given.store))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
