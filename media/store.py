"""Where init sections, segments and thumbnails live: one object store by URL (`file:///folder`, `s3://bucket/prefix`).

Names are `<public id>/<rendition>/<file>`.  A reader sees the whole object or none: the folder store writes beside the
name and renames, S3 does so by itself.  Every failure of a store is an OSError.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from media.objects import Bucket, Folder, S3Access, cache_control, content_type, parse_place

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Config

CONNECT_SECONDS = 3
REQUEST_SECONDS = 20
"""One try of one request; a store that is slower than a segment in ten times its length is away."""
TRIES = 2
"""Of one request; whoever asked knows better how long to go on."""
DELETE_BATCH = 1000
"""DeleteObjects takes so many keys (Amazon S3 API reference)."""
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as a listing shows it."""

    name: str
    size_bytes: int
    modified: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Body:
    """An object, or a span of it, on its way out."""

    size_bytes: int
    """Of the whole object."""
    start: int
    end: int
    """Behind the last byte."""
    chunks: AsyncIterator[bytes]
    """Raises OSError when the store fails on the way."""


class MediaStore:
    """Put, get, list and delete, on whatever the URL names."""

    def __init__(self, url: str, access: S3Access | None = None) -> None:
        self.place = parse_place(url)
        self._store: ObjectStore = _open(self.place, access or S3Access())

    @property
    def is_remote(self) -> bool:
        """Not a folder that this host, or its edge, can read."""
        return isinstance(self.place, Bucket)

    async def put(self, name: str, data: bytes) -> None:
        """Create or replace; readers see the old object until the new one is whole.

        Raises:
            OSError: the disk is full, or the store is away.
            ValueError: not a name.
        """
        attributes = {"Content-Type": content_type(name), "Cache-Control": cache_control(name)}
        with _failures():
            await self._store.put_async(
                name, data, attributes=attributes if self.is_remote else None, use_multipart=False
            )

    async def get(self, name: str) -> bytes | None:
        """The object, or None.

        Raises:
            OSError: the store is away.
        """
        try:
            with _failures():
                reply = await self._store.get_async(name)
                return bytes(await reply.bytes_async())
        except FileNotFoundError:
            return None

    async def size_bytes(self, name: str) -> int | None:
        """How long the object is; None where there is none.

        Raises:
            OSError: the store is away.
        """
        try:
            with _failures():
                return (await self._store.head_async(name))["size"]
        except FileNotFoundError:
            return None

    async def open(self, name: str, start: int = 0, end: int | None = None) -> Body | None:
        """The object from byte `start` to before `end` (its own, when it is shorter), in chunks; None without one.

        Raises:
            OSError: the store is away.
        """
        span: GetOptions = {}
        if end is not None:
            span = {"range": (start, end)}
        elif start:
            span = {"range": {"offset": start}}
        try:
            with _failures():
                reply = await self._store.get_async(name, options=span or None)
        except FileNotFoundError:
            return None
        first, last = reply.range
        return Body(reply.meta["size"], first, last, _chunks(reply.stream(min_chunk_size=CHUNK_BYTES)))

    async def objects(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Everything under a folder, in no order; the prefix ends at a `/` of the names.

        Raises:
            OSError: the store is away.
        """
        with _failures():
            async for batch in self._store.list(prefix or None, chunk_size=DELETE_BATCH):
                for item in batch:
                    yield StoredObject(item["path"], item["size"], item["last_modified"].timestamp())

    async def folders(self) -> list[str]:
        """The names' first components that have something below them.

        Raises:
            OSError: the store is away.
        """
        with _failures():
            found = await self._store.list_with_delimiter_async()
        return [prefix.strip("/") for prefix in found["common_prefixes"]]

    async def delete(self, name: str) -> None:
        """Remove one object; one that isn't there is fine.

        Raises:
            OSError: the store is away.
        """
        try:
            with _failures():
                await self._store.delete_async(name)
        except FileNotFoundError:
            return

    async def delete_all(self, names: Sequence[str]) -> None:
        """Remove many objects with few requests; those that aren't there are fine.

        Raises:
            OSError: the store is away; some are gone.
        """
        if not self.is_remote:
            await asyncio.to_thread(self._delete_each, names)
            return
        for start in range(0, len(names), DELETE_BATCH):
            with _failures():
                await self._store.delete_async(list(names[start : start + DELETE_BATCH]))

    def _delete_each(self, names: Sequence[str]) -> None:
        """Of a folder: 0.05 ms each, where one call for them all takes a thread for each."""
        for name in names:
            with suppress(FileNotFoundError), _failures():
                self._store.delete(name)

    async def delete_prefix(self, prefix: str) -> int:
        """Remove everything under a folder; returns how many objects that were.

        Raises:
            OSError: the store is away; some are gone.
            ValueError: the prefix is empty: nobody means the whole store.
        """
        if not prefix.strip("/"):
            raise ValueError("an empty prefix would delete everything")
        names = [item.name async for item in self.objects(prefix)]
        await self.delete_all(names)
        return len(names)

    async def total_bytes(self, prefix: str = "") -> int:
        """The size of everything under a folder.

        Raises:
            OSError: the store is away.
        """
        total = 0
        async for item in self.objects(prefix):
            total += item.size_bytes
        return total


async def _chunks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    with _failures():
        async for chunk in stream:
            yield bytes(chunk)


def _open(place: Folder | Bucket, access: S3Access) -> ObjectStore:
    if isinstance(place, Folder):
        return LocalStore(place.path, mkdir=True, automatic_cleanup=True)  # of emptied folders
    config: S3Config = {}
    if access.endpoint:
        config["endpoint"] = access.endpoint
    if access.region:
        config["region"] = access.region
    if access.key_id:
        config["access_key_id"] = access.key_id
        config["secret_access_key"] = access.secret_key
    if access.session_token:
        config["session_token"] = access.session_token
    return S3Store(
        place.name,
        prefix=place.prefix or None,
        config=config,
        client_options={
            "allow_http": access.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=REQUEST_SECONDS),
        },
        retry_config={"max_retries": TRIES - 1, "retry_timeout": timedelta(seconds=REQUEST_SECONDS)},
    )


@contextmanager
def _failures() -> Iterator[None]:
    """Whatever the store says, as the OSError that everybody expects."""
    try:
        yield
    except BaseError as error:
        raise OSError(str(error).partition("\n")[0]) from error
