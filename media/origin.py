"""The two places of media: the folder of what is live, on the edge's own disk, and the store for good.

Where the store is that very folder, they are one.  Where it isn't, everything but parts is copied from the folder to
the store behind the broadcast's back (`transcoder.uploads`), and a mark stands for each copy still to be made.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from media.objects import Folder, S3Access, is_part, is_thumbnail
from media.store import MediaStore

MARKS = ".uploads"
"""Folder of the marks, empty files named as the objects; no public id begins with a dot."""

FreeShare = Callable[[], float]
"""How much of a disk is free, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where media are written, looked for and deleted."""

    live: MediaStore
    store: MediaStore
    is_one: bool
    """There is no second place."""

    @property
    def folder(self) -> Path | None:
        """The live one's, where it is a folder."""
        return Path(self.live.place.path) if isinstance(self.live.place, Folder) else None

    async def get(self, name: str) -> bytes | None:
        """The object, wherever it is.

        Raises:
            OSError: a place is away.
        """
        data = await self.live.get(name)
        return data if data is not None or self.is_one else await self.store.get(name)

    async def put(self, name: str, data: bytes) -> None:
        """Write to the live place; what belongs in the store too is marked first.

        Raises:
            OSError: the disk is full, or the place is away.
        """
        if self.is_marked(name):
            await self.live.put(f"{MARKS}/{name}", b"")
        await self.live.put(name, data)

    def is_marked(self, name: str) -> bool:
        """Must the store get it, whatever happens?  Thumbnails are replaced too often to be owed."""
        return not self.is_one and not is_part(name) and not is_thumbnail(name)

    async def marked(self, public_id: str = "") -> set[str]:
        """What of a broadcast, or of all, the store has not got yet.

        Raises:
            OSError: the live place is away.
        """
        if self.is_one:
            return set()
        prefix = f"{MARKS}/{public_id}".rstrip("/")
        return {item.name.removeprefix(f"{MARKS}/") async for item in self.live.objects(prefix)}

    async def delete_all(self, names: list[str]) -> None:
        """Remove objects from both places; those that aren't there are fine.

        Raises:
            OSError: a place is away; some are gone.
        """
        await self.live.delete_all(names)
        if not self.is_one:
            await self.live.delete_all([f"{MARKS}/{name}" for name in names])
            await self.store.delete_all(names)

    async def delete_broadcast(self, public_id: str) -> int:
        """Remove everything of a broadcast from both places; returns how many objects that were.

        Raises:
            OSError: a place is away; some are gone.
        """
        if not self.is_one:
            await self.live.delete_prefix(f"{MARKS}/{public_id}/")  # first: nothing may be copied behind us
        gone = await self.live.delete_prefix(f"{public_id}/")
        if not self.is_one:
            gone += await self.store.delete_prefix(f"{public_id}/")
        return gone


def open_origin(store_url: str, access: S3Access, live_folder: Path | None) -> Origin:
    """Both places; without a live folder everything is written to the store itself."""
    store = MediaStore(store_url, access)
    if live_folder is None or (isinstance(store.place, Folder) and Path(store.place.path) == live_folder):
        return Origin(store, store, is_one=True)
    return Origin(MediaStore(live_folder.as_uri()), store, is_one=False)


def free_share_of(folder: Path) -> FreeShare:
    """A look at the disk that the folder is on; a folder that can't be asked has room."""

    def look() -> float:
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            return 1.0
        return usage.free / usage.total

    return look
