"""Where init sections, segments and thumbnails live: one object store by URL (`file:///folder`, later `s3://bucket`).

Names are `<public id>/<rendition>/<file>`.  A reader sees the whole object or none: the folder store writes beside the
name and renames, S3 does so by itself.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, ObjectStore, from_url


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as a listing shows it."""

    name: str
    size_bytes: int
    modified: float
    """Unix seconds."""


class MediaStore:
    """Put, get, list and delete, on whatever the URL names."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._store: ObjectStore
        if parts.scheme == "file":
            self._store = LocalStore(unquote(parts.path), mkdir=True, automatic_cleanup=True)  # of emptied folders
        else:
            self._store = from_url(url)

    async def put(self, name: str, data: bytes) -> None:
        """Create or replace; readers see the old object until the new one is whole.

        Raises:
            OSError: the disk is full, or the store is away.
            ValueError: not a name.
        """
        await self._store.put_async(name, data)

    async def get(self, name: str) -> bytes | None:
        """The object, or None.

        Raises:
            OSError: the store is away.
        """
        try:
            reply = await self._store.get_async(name)
        except FileNotFoundError:
            return None
        return bytes(await reply.bytes_async())

    async def objects(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Everything under a folder, in no order; the prefix ends at a `/` of the names.

        Raises:
            OSError: the store is away.
        """
        async for batch in self._store.list(prefix or None):
            for item in batch:
                yield StoredObject(item["path"], item["size"], item["last_modified"].timestamp())

    async def delete(self, name: str) -> None:
        """Remove one object; one that isn't there is fine."""
        try:
            await self._store.delete_async(name)
        except FileNotFoundError:
            return

    async def delete_prefix(self, prefix: str) -> int:
        """Remove everything under a folder; returns how many objects that were.

        Raises:
            ValueError: the prefix is empty: nobody means the whole store.
        """
        if not prefix.strip("/"):
            raise ValueError("an empty prefix would delete everything")
        names = [item.name async for item in self.objects(prefix)]
        for name in names:
            await self.delete(name)
        return len(names)

    async def total_bytes(self, prefix: str = "") -> int:
        """The size of everything under a folder."""
        total = 0
        async for item in self.objects(prefix):
            total += item.size_bytes
        return total
