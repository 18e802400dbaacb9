"""The lists of recordings, made from their records once and kept by this process."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from media.multivariant import render_multivariant, vod_multivariant
from media.playlist import render_media, vod_playlist
from media.window import Master, Record
from server.db.pool import Pool
from server.recordings import store
from server.recordings.rules import covering, playable
from server.recordings.store import Vod
from server.refusal import not_found

FRESH_SECONDS = 2.0
"""So long a deleted or hidden recording may still be told."""
AWAITED_SECONDS = 0.2
"""One that isn't ready may be at any moment."""
BYTES_MAX = 64 * 1024 * 1024
"""Of all texts; one of four hours in five renditions is 8 MB.  Beyond, the one asked for longest ago goes."""
KNOWN_MAX = 2000
"""Recordings remembered at once, unknown ones too."""


@dataclass(slots=True)
class _Known:
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    fresh_until: float = 0.0
    vod: Vod | None = None
    texts: dict[str, bytes] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.texts.values()))


class VodLists:
    """This process's view of recordings; `tick` is a monotonic clock."""

    def __init__(self, db: Pool, tick: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._tick = tick
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def vod(self, public_id: str) -> Vod | None:
        """The recording, as it stood at most `FRESH_SECONDS` ago.

        Raises:
            asyncpg.PostgresError, OSError, TimeoutError: the database is away.
        """
        return (await self._look(public_id)).vod

    async def text(self, public_id: str, name: str) -> tuple[bytes, Vod]:
        """A list, by its path below the recording's own: `index`, `<rendition>/index`, `<rendition>/iframes`.

        Raises:
            AppError: `not_found`: no such recording, not ready, deleted, or no such rendition.
            asyncpg.PostgresError, OSError, TimeoutError: the database is away.
        """
        known = await self._look(public_id)
        vod = known.vod
        if vod is None or vod.state != "ready":
            raise not_found("recording")
        if not known.texts:
            async with known.reading:
                if not known.texts:
                    known.texts = await self._made(vod)
            self._forget()
        text = known.texts.get(name)
        if text is None:
            raise not_found("rendition")
        return text, vod

    async def _look(self, public_id: str) -> _Known:
        known = self._known.setdefault(public_id, _Known())
        self._known.move_to_end(public_id)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        if self._tick() >= known.fresh_until:
            async with known.reading:
                if self._tick() >= known.fresh_until:  # whoever held the lock before us may have looked
                    async with self._db.acquire() as connection:
                        known.vod = await store.vod(connection, public_id)
                    is_ready = known.vod is not None and known.vod.state == "ready"
                    if not is_ready:
                        known.texts = {}
                    known.fresh_until = self._tick() + (FRESH_SECONDS if is_ready else AWAITED_SECONDS)
        return known

    async def _made(self, vod: Vod) -> dict[str, bytes]:
        async with self._db.acquire() as connection:
            rows = await store.record_texts_of(connection, vod.broadcast_id)

        def made() -> dict[str, bytes]:
            return texts_of(vod.public_id, vod.master, playable(store.decoded(rows), vod.recorded_through))

        return await asyncio.to_thread(made)

    def _forget(self) -> None:
        total = sum(known.size_bytes for known in self._known.values())
        for known in list(self._known.values())[:-1]:
            if total <= BYTES_MAX:
                return
            total -= known.size_bytes
            known.texts = {}


def texts_of(public_id: str, master: Master, records: Sequence[Record]) -> dict[str, bytes]:
    """All lists of a recording, by their paths."""
    renditions = covering(master.renditions, records)
    texts = {"index": render_multivariant(vod_multivariant(renditions, records)).encode()}
    for rendition in renditions:
        name = rendition.name
        folder = f"../../../media/{public_id}/{name}"  # relative: a private one is read behind a capability
        listed = vod_playlist(records, name, folder, master.target_duration_seconds)
        texts[f"{name}/index"] = render_media(listed).encode()
        if rendition.kind == "video":
            frames = vod_playlist(records, name, folder, master.target_duration_seconds, is_iframes_only=True)
            texts[f"{name}/iframes"] = render_media(frames).encode()
    return texts
