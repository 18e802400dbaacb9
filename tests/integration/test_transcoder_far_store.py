"""A real worker whose store is a real S3-compatible server on a bad day: live never notices, the store gets all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from media.objects import is_part
from media.origin import MARKS
from media.store import MediaStore
from media.window import Live, init_name, segment_name
from tests.services.bare_ingest import bare_ingest
from tests.services.encoder import encoder_command, publishing
from tests.services.s3 import URL, S3Proxy, access, environment, s3_server
from tests.services.transcoders import Transcoding, has_segments
from tests.services.waiting import eventually


@pytest.fixture(scope="module")
def pull_url(service_folder: Path) -> Iterator[str]:
    with bare_ingest(service_folder / "far-ingest") as url:
        yield url


@pytest.fixture(scope="module")
def s3_port(service_folder: Path) -> Iterator[int]:
    with s3_server(service_folder) as port:
        yield port


def files(live: Live, public_id: str) -> set[str]:
    """All that the spine names."""
    return {
        f"{public_id}/{name}/{file}"
        for record in live.records
        for name in record.pieces
        for file in (segment_name(record.generation, record.sequence), init_name(record.generation, record.run))
    }


async def test_live_goes_on_while_the_store_fails_and_is_away(transcoding: Transcoding, s3_port: int) -> None:
    """Half the requests fail, then all; no segment is missing or late in the lists, and every one is copied later."""
    store = MediaStore(URL, access(s3_port))
    async with S3Proxy(s3_port) as proxy:
        proxy.fails_half = True
        proxy.delay_seconds = 0.2
        env = {**environment(proxy.port), "LEAMS_LIVE_FOLDER": str(transcoding.media)}
        with transcoding.worker("one", **env):
            await transcoding.worker_ready()
            with publishing(encoder_command(transcoding.address)):
                await transcoding.enqueue()
                await transcoding.live_when(has_segments(3), "segments while half of it fails")
                proxy.is_away = True
                live = await transcoding.live_when(has_segments(6), "segments while it is away")
            assert [record.sequence for record in live.records] == list(range(len(live.records)))
            assert not any(record.has_discontinuity for record in live.records)
            assert all(set(record.pieces) == {item.name for item in live.renditions} for record in live.records)
            for name in files(live, transcoding.public_id):
                assert (transcoding.media / name).stat().st_size > 0
            assert proxy.failed > 0
            proxy.is_away = proxy.fails_half = False
            proxy.delay_seconds = 0.0

            async def is_copied() -> bool:
                return not any(path.is_file() for path in (transcoding.media / MARKS).rglob("*"))

            await eventually(is_copied, "the copies", 60)
    copied = {item.name: item.size_bytes async for item in store.objects(f"{transcoding.public_id}/")}
    for name in files(live, transcoding.public_id):
        assert copied[name] == (transcoding.media / name).stat().st_size
    assert not any(map(is_part, copied))


async def test_a_worker_without_the_edges_disk_writes_to_the_store(transcoding: Transcoding, s3_port: int) -> None:
    """`LEAMS_LIVE_FOLDER=none`: everything is in the store before a list names it."""
    store = MediaStore(URL, access(s3_port))
    with transcoding.worker("one", **environment(s3_port), LEAMS_LIVE_FOLDER="none"):
        await transcoding.worker_ready()
        with publishing(encoder_command(transcoding.address)):
            await transcoding.enqueue()
            live = await transcoding.live_when(has_segments(2), "two segments")
        names = {item.name async for item in store.objects(f"{transcoding.public_id}/")}
    assert files(live, transcoding.public_id) <= names
    assert any(map(is_part, names))
    assert not transcoding.media.exists()
