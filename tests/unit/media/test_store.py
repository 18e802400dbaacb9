import asyncio
import time
from pathlib import Path

import pytest

from media.store import MediaStore


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore((tmp_path / "a folder").as_uri())


async def test_objects_are_plain_files(store: MediaStore, tmp_path: Path) -> None:
    """The edge serves what was put as files; the store's folder is made when it is missing, whatever its name."""
    await store.put("b1/v1/1-0.m4s", b"segment")
    assert (tmp_path / "a folder/b1/v1/1-0.m4s").read_bytes() == b"segment"
    assert await store.get("b1/v1/1-0.m4s") == b"segment"
    assert await store.get("b1/v1/1-1.m4s") is None


async def test_a_reader_never_sees_half_an_object(store: MediaStore, tmp_path: Path) -> None:
    """While an object is replaced again and again, every read gives one whole version of it."""
    versions = [bytes([number]) * 300_000 for number in range(30)]
    await store.put("b1/thumbnail.jpg", versions[0])
    file = tmp_path / "a folder/b1/thumbnail.jpg"
    writing = asyncio.create_task(_put_all(store, versions))
    reads = 0
    while not writing.done():
        seen = await asyncio.to_thread(file.read_bytes)
        assert seen == bytes([seen[0]]) * 300_000
        reads += 1
    await writing
    assert reads > 0
    assert [item.name async for item in store.objects()] == ["b1/thumbnail.jpg"]


async def _put_all(store: MediaStore, versions: list[bytes]) -> None:
    for version in versions:
        await store.put("b1/thumbnail.jpg", version)


async def test_listing_tells_name_size_and_time(store: MediaStore) -> None:
    """A listing is of a folder, not of a text prefix: b1 does not contain b12."""
    before = time.time()
    await store.put("b1/v1/1-0.m4s", b"12345")
    await store.put("b12/v1/1-0.m4s", b"123")
    found = [item async for item in store.objects("b1")]
    assert [(item.name, item.size_bytes) for item in found] == [("b1/v1/1-0.m4s", 5)]
    assert before - 1 <= found[0].modified <= time.time() + 1
    assert await store.total_bytes("b1") == 5
    assert await store.total_bytes() == 8


async def test_deleting_leaves_nothing_behind(store: MediaStore, tmp_path: Path) -> None:
    """A broadcast's objects go together with their folders; nobody else's do, and repeating it is harmless."""
    for name in ("b1/v1/1-0.m4s", "b1/audio/1-0.m4s", "b1/thumbnail.jpg", "b12/v1/1-0.m4s"):
        await store.put(name, b"x")
    await store.delete("b1/thumbnail.jpg")
    await store.delete("b1/thumbnail.jpg")
    assert await store.delete_prefix("b1/") == 2
    assert await store.delete_prefix("b1") == 0
    assert [item.name async for item in store.objects()] == ["b12/v1/1-0.m4s"]
    assert [path.name for path in (tmp_path / "a folder").iterdir()] == ["b12"]


@pytest.mark.parametrize("prefix", ["", "/", "//"])
async def test_nobody_deletes_everything_by_accident(store: MediaStore, prefix: str) -> None:
    """An empty prefix is refused."""
    with pytest.raises(ValueError, match="everything"):
        await store.delete_prefix(prefix)


@pytest.mark.parametrize("name", ["../x", "b1/../../x", "b1//x"])
async def test_names_do_not_lead_out(store: MediaStore, name: str) -> None:
    """A name with `..` or an empty part is refused, not followed."""
    with pytest.raises(ValueError, match="path"):
        await store.put(name, b"x")


def test_only_stores_that_are_tested_are_opened() -> None:
    """A URL of anything else is refused at the start, not at the first segment."""
    with pytest.raises(ValueError, match="file:"):
        MediaStore("memory:///")


async def test_many_go_at_once_whether_they_are_there_or_not(store: MediaStore) -> None:
    """One that is missing doesn't save the others."""
    names = [f"b1/v1/1-{number}.m4s" for number in range(5)]
    for name in names:
        await store.put(name, b"x")
    await store.delete_all(["b1/v1/1-9.m4s", *names[:3], "b2/v1/1-9.m4s"])
    assert {item.name async for item in store.objects()} == set(names[3:])
    assert await store.folders() == ["b1"]


async def test_a_span_of_an_object_is_read_in_chunks(store: MediaStore) -> None:
    """From a byte on, to before another, or all."""
    await store.put("b1/v1/1-0.m4s", bytes(range(100)))
    for start, end in ((0, None), (10, None), (10, 20), (0, 5)):
        body = await store.open("b1/v1/1-0.m4s", start, end)
        assert body is not None
        assert (body.size_bytes, body.start, body.end) == (100, start, end or 100)
        assert b"".join([chunk async for chunk in body.chunks]) == bytes(range(100))[start:end]
    assert await store.open("b1/v1/1-1.m4s") is None
    assert await store.size_bytes("b1/v1/1-0.m4s") == 100
    assert await store.size_bytes("b1/v1/1-1.m4s") is None


async def test_a_disk_in_trouble_is_an_os_error(store: MediaStore, tmp_path: Path) -> None:
    """Whatever the library calls it."""
    (tmp_path / "a folder/b1").write_bytes(b"a file where a folder should be")
    with pytest.raises(OSError, match=r"directory|File"):
        await store.put("b1/v1/1-0.m4s", b"x")
