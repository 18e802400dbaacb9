"""A disk that really fills up: recording stops first, then thumbnails, live never."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from media.live import LiveWindows
from media.objects import S3Access
from media.origin import free_share_of, open_origin
from server.broadcasts.sweeper import Limits, Sweeper
from server.db.pool import Pool
from server.recordings import store
from server.recordings.recorder import Recorder, Terms
from tests.services.ingest import make_channel
from tests.services.worker import BEGIN_MS, PARTS, Worker
from transcoder.uploads import LiveOrigin, Uploads

ID = "0" * 18
DISK_MB = 8
MIN_FREE_SHARE = 0.4
"""Of such a small disk; what two looks ten seconds apart let through must fit."""
PART_BYTES = 6_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_live_outlives_a_full_disk(small_disk: Path, db: Pool, redis: Redis) -> None:
    """Ten minutes of live on a disk for two: no write fails; what was recorded by then is the recording."""
    channel_id, _ = await make_channel(db, "Maria")
    await db.execute(
        "INSERT INTO broadcasts (public_id, channel_id, state, title, category) VALUES ($1, $2, 'live', '', '')",
        ID,
        channel_id,
    )
    origin = open_origin(small_disk.as_uri(), S3Access(), small_disk)
    free_share = free_share_of(small_disk)
    windows = LiveWindows(redis)
    recorder = Recorder(origin, windows, free_share, Terms(MIN_FREE_SHARE, 0, 7200, 10**9))
    sweeper = Sweeper(origin, windows, free_share, Limits(10**9, 10**9, 3600.0, MIN_FREE_SHARE))
    worker = Worker(ID, origin, windows, part_bytes=PART_BYTES)
    await worker.claim()
    lowest = 1.0
    async with db.acquire() as connection:
        for ten_seconds in range(60):
            await worker.write(5)  # raises when the disk is full
            await worker.delete_old_parts(keep=3 * PARTS)
            now = BEGIN_MS / 1000 + 10 * (ten_seconds + 1)
            await recorder.once(connection, now)
            await sweeper.once(connection, now)
            lowest = min(lowest, free_share())
        vod = await store.vod(connection, ID)
        assert vod is not None
        assert (vod.state, vod.recording_stopped_for) == ("stopped", "disk_full")
        assert lowest > 0.05
        live = await windows.read(ID)
        assert live is not None
        assert live.next_sequence == 300
        for record in live.records:
            for name in record.pieces:
                assert await origin.get(f"{ID}/{name}/{record.generation}-{record.sequence}.m4s") is not None
        await db.execute("UPDATE broadcasts SET state = 'ended', ended_at = now()")
        await recorder.once(connection, now + 1)
        kept = await store.records_of(connection, vod.broadcast_id)
        recorded = [record for record in kept if record.sequence <= (vod.recorded_through or 0)]
        assert len(recorded) >= 10
        for record in recorded:
            for name in record.pieces:
                assert await origin.get(f"{ID}/{name}/{record.generation}-{record.sequence}.m4s") is not None


async def test_a_nearly_full_disk_is_no_place_for_thumbnails(small_disk: Path) -> None:
    """Below half the share that recording stops at."""
    origin = open_origin(small_disk.as_uri(), S3Access(), small_disk)
    media = LiveOrigin(origin, Uploads(origin), free_share_of(small_disk), 0.5)
    await media.put(f"{ID}/thumbnail.jpg", b"first")
    await media.put(f"{ID}/v1/1-0.m4s", b"x" * (DISK_MB * 800_000))
    await media.put(f"{ID}/thumbnail.jpg", b"second")
    await media.put(f"{ID}/v1/1-1.m4s", b"x")
    assert await media.get(f"{ID}/thumbnail.jpg") == b"first"
    assert await media.get(f"{ID}/v1/1-1.m4s") == b"x"
