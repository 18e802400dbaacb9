"""The real edge before a real web process whose store is elsewhere: what left the disk still plays."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from media.live import LiveWindows
from media.objects import IMMUTABLE
from media.origin import open_origin
from media.store import MediaStore
from media.window import part_name
from tests.services.edge import edge_nginx, web_process
from tests.services.s3 import URL, access, environment, s3_server
from tests.services.worker import Worker
from workbench.machine import give_to_user


@pytest.fixture(scope="module")
def s3_port(service_folder: Path) -> Iterator[int]:
    with s3_server(service_folder) as port:
        yield port


@pytest.fixture
def edge(service_folder: Path, database_url: str, redis_url: str, s3_port: int) -> Iterator[tuple[str, Path]]:
    folder = service_folder / uuid.uuid4().hex[:8]
    live = folder / "live"
    live.mkdir(parents=True)
    give_to_user(folder)
    give_to_user(live)
    env = {
        "LEAMS_DATABASE_URL": database_url,
        "LEAMS_REDIS_URL": redis_url,
        "LEAMS_HOOK_SECRET": "hook-secret-of-the-tests",
        "LEAMS_LIVE_FOLDER": str(live),
        **environment(s3_port),
    }
    with web_process(folder, env) as web, edge_nginx(folder, [web], folder, live) as address:
        yield address, live


async def test_what_left_the_disk_is_fetched_once_and_kept(edge: tuple[str, Path], s3_port: int) -> None:
    """From the disk while it is there; then from the store, once; spans from what the edge keeps; no redirect."""
    address, live = edge
    store = MediaStore(URL, access(s3_port))
    data = bytes(range(256)) * 2048
    on_disk = live / "b1/v1/7-0.m4s"
    on_disk.parent.mkdir(parents=True)
    on_disk.write_bytes(data)
    async with httpx.AsyncClient(base_url=address) as client:
        first = await client.get("/media/b1/v1/7-0.m4s")
        assert first.content == data
        assert "x-cache" not in first.headers
        # another name: what the edge has opened it keeps for five seconds
        assert (await client.get("/media/b1/v1/7-1.m4s")).status_code == 404
        await store.put("b1/v1/7-1.m4s", data)
        for expected in ("MISS", "HIT"):
            reply = await client.get("/media/b1/v1/7-1.m4s")
            assert (reply.status_code, reply.content) == (200, data)
            assert reply.headers["x-cache"] == expected
            assert reply.headers["cache-control"] == IMMUTABLE
            assert reply.headers["content-type"] == "video/iso.segment"
        await store.delete("b1/v1/7-1.m4s")
        span = await client.get("/media/b1/v1/7-1.m4s", headers={"Range": "bytes=1000-1999"})
        assert (span.status_code, span.content) == (206, data[1000:2000])


async def test_a_part_of_a_worker_elsewhere_plays_from_the_store(
    edge: tuple[str, Path], s3_port: int, redis: Redis
) -> None:
    """`LEAMS_LIVE_FOLDER=none`: lists name it, the disk lacks it, nobody is redirected."""
    address, _ = edge
    origin = open_origin(URL, access(s3_port), None)
    public_id = "1" * 18
    worker = Worker(public_id, origin, LiveWindows(redis))
    await worker.claim()
    await worker.write(2)
    name = f"{public_id}/v1/{part_name(worker.generation, 1)}"
    async with httpx.AsyncClient(base_url=address) as client:
        listed = await client.get(f"/live/{public_id}/v1/index.m3u8")
        assert part_name(worker.generation, 1) in listed.text
        reply = await client.get(f"/media/{name}")
        assert (reply.status_code, reply.content) == (200, await origin.get(name))
        assert (await client.get(f"/stored/{name}")).status_code == 404, "for the edge alone"


async def test_private_objects_are_not_reached_around_their_secret(edge: tuple[str, Path], s3_port: int) -> None:
    """A private broadcast's id in a public address finds nothing, in the store neither."""
    address, _ = edge
    public_id = f"p{'a' * 18}"
    await MediaStore(URL, access(s3_port)).put(f"{public_id}/v1/7-0.m4s", b"secret")
    async with httpx.AsyncClient(base_url=address) as client:
        paths = [f"/{kind}/{public_id}/v1/7-0.m4s" for kind in ("media", "stored", "%73tored", "stored/../stored")]
        for path in (*paths, f"/vod/{public_id}/index.m3u8"):
            assert (await client.get(path)).status_code == 404
        reply = await client.get(f"/private/{'x' * 32}/media/{public_id}/v1/7-0.m4s")
        assert reply.status_code in {403, 404}
        assert b"secret" not in reply.content
