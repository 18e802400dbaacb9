"""The store on a real S3-compatible server, straight and through a proxy that fails."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from obstore import sign_async
from obstore.store import S3Store

from media.objects import IMMUTABLE, S3Access
from media.store import MediaStore
from tests.services.s3 import BUCKET, URL, S3Proxy, access, s3_server


@pytest.fixture(scope="module")
def s3_port(service_folder: Path) -> Iterator[int]:
    with s3_server(service_folder) as port:
        yield port


@pytest.fixture
async def store(s3_port: int) -> AsyncIterator[MediaStore]:
    store = MediaStore(URL, access(s3_port))
    yield store
    await store.delete_prefix("b1/")
    await store.delete_prefix("b2/")


async def test_objects_lie_under_the_prefix_with_their_headers(store: MediaStore) -> None:
    """Whoever serves the bucket directly serves the right type, for as long as the name is good."""
    await store.put("b1/v1/1-0.m4s", b"segment")
    assert await store.get("b1/v1/1-0.m4s") == b"segment"
    assert await store.get("b1/v1/1-1.m4s") is None
    assert await store.size_bytes("b1/v1/1-0.m4s") == 7
    assert isinstance(store._store, S3Store)
    signed = await sign_async(store._store, "GET", "b1/v1/1-0.m4s", timedelta(minutes=1))
    assert f"/{BUCKET}/site/one/b1/v1/1-0.m4s?" in signed
    async with httpx.AsyncClient() as client:
        reply = await client.get(signed)
    assert reply.content == b"segment"
    assert reply.headers["content-type"] == "video/iso.segment"
    assert reply.headers["cache-control"] == IMMUTABLE


async def test_listing_and_spans(store: MediaStore) -> None:
    """Names come back without the prefix; a listing is of a folder."""
    for name in ("b1/v1/1-0.m4s", "b1/thumbnail.jpg", "b2/v1/1-0.m4s"):
        await store.put(name, b"0123456789")
    assert {item.name async for item in store.objects("b1/")} == {"b1/v1/1-0.m4s", "b1/thumbnail.jpg"}
    assert sorted(await store.folders()) == ["b1", "b2"]
    assert await store.total_bytes() == 30
    body = await store.open("b1/v1/1-0.m4s", 2, 5)
    assert body is not None
    assert b"".join([chunk async for chunk in body.chunks]) == b"234"
    assert (body.size_bytes, body.start, body.end) == (10, 2, 5)
    assert await store.open("b1/v1/1-9.m4s") is None


async def test_a_broadcast_goes_in_batches(store: MediaStore, s3_port: int) -> None:
    """A thousand objects a request; nobody else's go."""
    async with S3Proxy(s3_port) as proxy:
        counted = MediaStore(URL, access(proxy.port))
        for number in range(1_050):
            await store.put(f"b1/v1/1-{number}.m4s", b"x")
        await store.put("b2/v1/1-0.m4s", b"x")
        assert await counted.delete_prefix("b1/") == 1_050
        assert proxy.requests <= 6, "two or three lists and two deletes"
    assert [item.name async for item in store.objects()] == ["b2/v1/1-0.m4s"]
    await store.delete("b1/v1/1-0.m4s")


async def test_a_store_that_is_away_is_an_os_error(s3_port: int) -> None:
    """Not there, resetting connections, or refusing: whoever asked hears OSError, without a secret in it."""
    async with S3Proxy(s3_port) as proxy:
        proxy.is_away = True
        store = MediaStore(URL, access(proxy.port))
        for ask in (store.put("b1/x.jpg", b"x"), store.get("b1/x.jpg"), store.delete("b1/x.jpg"), store.folders()):
            with pytest.raises(OSError, match="S3") as error:
                await ask
            assert "secret" not in str(error.value)
    nowhere = MediaStore(URL, S3Access("http://127.0.0.1:1", "us-east-1", "key", "secret"))
    with pytest.raises(OSError, match="S3"):
        await nowhere.put("b1/x.jpg", b"x")
