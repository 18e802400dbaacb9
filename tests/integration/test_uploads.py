"""Live media on the worker's disk, copied to a real S3-compatible server that is slow, half broken or away."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from media.origin import MARKS, Origin, open_origin
from media.store import MediaStore
from media.window import init_name, part_name, segment_name
from tests.services.s3 import URL, S3Proxy, access, s3_server
from tests.services.waiting import eventually
from transcoder.uploads import ABANDONED_SECONDS, LiveOrigin, Uploads

ID = "0" * 18


@pytest.fixture(scope="module")
def s3_port(service_folder: Path) -> Iterator[int]:
    with s3_server(service_folder) as port:
        yield port


@dataclass
class Yard:
    """One worker's writing end, and the store that it copies to."""

    proxy: S3Proxy
    origin: Origin
    store: MediaStore
    """Straight to the server."""
    folder: Path

    @asynccontextmanager
    async def worker(self, free_share: float = 1.0, queue_max: int = 100) -> AsyncIterator[tuple[LiveOrigin, Uploads]]:
        """A writing end whose copies are made for as long as the block lasts."""
        uploads = Uploads(self.origin, queue_max)
        copying = asyncio.create_task(uploads.run())
        yield LiveOrigin(self.origin, uploads, lambda: free_share, 0.05), uploads
        copying.cancel()
        await asyncio.wait({copying})

    async def copied(self) -> set[str]:
        return {item.name async for item in self.store.objects(f"{ID}/")}

    def marks(self) -> set[str]:
        place = self.folder / MARKS
        return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}

    async def until_copied(self, names: set[str]) -> None:
        async def look() -> bool:
            return not self.marks() and names <= await self.copied()

        await eventually(look, "the copies", 60)


@pytest.fixture
async def yard(s3_port: int, tmp_path: Path) -> AsyncIterator[Yard]:
    async with S3Proxy(s3_port) as proxy:
        origin = open_origin(URL, access(proxy.port), tmp_path / "live")
        store = MediaStore(URL, access(s3_port))
        yield Yard(proxy, origin, store, tmp_path / "live")
        await store.delete_prefix(f"{ID}/")


def segment(number: int) -> str:
    return f"{ID}/v1/{segment_name(1, number)}"


async def write(media: LiveOrigin, numbers: range) -> set[str]:
    for number in numbers:
        await media.put(segment(number), b"segment %d" % number)
    return {segment(number) for number in numbers}


async def test_all_but_parts_are_copied(yard: Yard) -> None:
    """Init sections, segments and thumbnails reach the store; parts live and die on the disk."""
    async with yard.worker() as (media, _):
        names = {f"{ID}/v1/{init_name(1, 1)}", segment(0), f"{ID}/thumbnail.jpg"}
        part = f"{ID}/v1/{part_name(1, 1)}"
        for name in (*names, part):
            await media.put(name, name.encode())
        await yard.until_copied(names)
        assert await yard.copied() == names
        assert await media.get(part) == part.encode()
        await media.delete_all([part])
        assert await media.get(part) is None
        assert await yard.store.get(segment(0)) == segment(0).encode()


async def test_a_store_that_fails_half_its_requests_misses_nothing(yard: Yard) -> None:
    """Live writes go on meanwhile; in the end all is there and no mark is left."""
    yard.proxy.fails_half = True
    async with yard.worker() as (media, _):
        names = await write(media, range(40))
        await yard.until_copied(names)
    assert yard.proxy.failed > 0


async def test_live_does_not_wait_for_a_store_that_is_slow_or_away(yard: Yard) -> None:
    """Every segment is on the disk at once while the store answers nobody; when it is back, it gets them all."""
    yard.proxy.delay_seconds = 0.5
    async with yard.worker() as (media, uploads):
        async with asyncio.timeout(2):  # 20 requests of half a second each, four at once, would take longer
            names = await write(media, range(20))
        yard.proxy.delay_seconds, yard.proxy.is_away = 0.0, True
        names |= await write(media, range(20, 40))
        assert uploads.waiting > 0
        for number in range(40):
            assert (yard.folder / segment(number)).read_bytes() == b"segment %d" % number

        async def has_failed() -> bool:
            return yard.proxy.failed >= 8

        await eventually(has_failed, "tries")
        yard.proxy.is_away = False
        await yard.until_copied(names)
        assert uploads.waiting == 0


async def test_the_next_worker_copies_what_the_last_one_left(yard: Yard) -> None:
    """A mark that nobody knows is found once it is old enough to be nobody's; one whose file is gone is dropped."""
    yard.proxy.is_away = True
    async with yard.worker() as (media, _):
        names = await write(media, range(3))
    (yard.folder / segment(0)).unlink()
    assert yard.marks() == names
    yard.proxy.is_away = False
    async with yard.worker() as (_, uploads):
        assert yard.marks() == names, "they may still be somebody's"
        for name in names:
            os.utime(yard.folder / MARKS / name, (0, 0))
        await uploads.look(ABANDONED_SECONDS)
        await yard.until_copied(names - {segment(0)})
    assert await yard.copied() == names - {segment(0)}


async def test_a_full_queue_leaves_the_mark(yard: Yard) -> None:
    """What has no room is written all the same, and found later."""
    yard.proxy.is_away = True
    async with yard.worker(queue_max=2) as (media, uploads):
        names = await write(media, range(6))
        assert uploads.waiting == 2
        yard.proxy.is_away = False
        for name in names:
            os.utime(yard.folder / MARKS / name, (0, 0))

        async def look() -> bool:
            await uploads.look(ABANDONED_SECONDS)
            return not yard.marks()

        await eventually(look, "an empty folder of marks")
    assert await yard.copied() == names


async def test_a_nearly_full_disk_gets_no_thumbnails(yard: Yard) -> None:
    """Segments go on being written: live is the last to suffer."""
    async with yard.worker(free_share=0.02) as (media, _):
        await media.put(f"{ID}/thumbnail.jpg", b"x")
        await media.put(segment(0), b"x")
        assert await media.get(f"{ID}/thumbnail.jpg") is None
        assert await media.get(segment(0)) == b"x"
