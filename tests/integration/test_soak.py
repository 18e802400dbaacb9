"""Nothing grows with a broadcast's length once its rewind window is full; `bench/soak.py` does the same for a day."""

import gc
import tracemalloc
from pathlib import Path

from redis.asyncio import Redis

from media.live import LiveWindows
from media.store import MediaStore
from tests.services.tape import SEGMENT_SECONDS, Tape

WINDOW_SEGMENTS = 60
WARM_SEGMENTS = 120
SEGMENTS = 360
LEAST_LEAK_BYTES = 64
"""For each segment: less than the smallest number that a list would keep of it."""


async def test_a_writer_and_its_window_stay_as_large_as_they_are(redis: Redis, tmp_path: Path) -> None:
    """Memory of cutter, packager and timeline, Redis' records, and the segments in the folder."""
    media = tmp_path / "media"
    tape = Tape("soaked", redis, MediaStore(media.as_uri()), WINDOW_SEGMENTS * SEGMENT_SECONDS)
    await tape.begin()
    await tape.go_on(WARM_SEGMENTS)
    files = count_files(media)
    tracemalloc.start()
    try:
        await tape.go_on(WINDOW_SEGMENTS)  # of it all that will be kept is traced
        before = traced_bytes()
        await tape.go_on(SEGMENTS)
        grown = traced_bytes() - before
    finally:
        tracemalloc.stop()
    live = await LiveWindows(redis).read("soaked")
    assert live is not None
    assert live.next_sequence >= WARM_SEGMENTS + SEGMENTS
    assert len(live.records) == WINDOW_SEGMENTS
    assert count_files(media) == files
    assert grown < SEGMENTS * LEAST_LEAK_BYTES


def traced_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def count_files(media: Path) -> int:
    return sum(path.is_file() for path in media.rglob("*"))
