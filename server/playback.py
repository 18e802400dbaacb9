"""Playlists over HTTP: `/live/<public id>/…`; what the edge did not find of `/media/` ends here as a typed 404.

A broadcast costs one Redis read in `FRESH_SECONDS`, however many ask: whoever comes meanwhile shares it, a failure too.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from media.live import LiveWindows
from media.playlist import media_playlist, multivariant_playlist, render_media, render_multivariant
from media.window import Live
from server.errors import render_error
from server.refusal import AppError, not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.lifespan import AppState

FRESH_SECONDS = 0.25
"""The edge keeps a list for up to a second more."""
BROADCASTS_MAX = 2000
"""Broadcasts remembered at once, unknown ones too; beyond, the one that was asked for longest ago is forgotten."""
ENDED_MAX_AGE_SECONDS = 10
MIME = "application/vnd.apple.mpegurl"
_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")
_OPEN_TO_ALL = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""Players on other sites may read: public media is unsigned."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(slots=True)
class _Known:
    """What the last read of a broadcast gave, and the texts made of it."""

    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    fresh_until: float = 0.0
    live: Live | None = None
    is_unreadable: bool = False
    texts: dict[str, bytes | None] = field(default_factory=dict)


class Playlists:
    """This process's view of all live windows; `tick` is a monotonic clock."""

    def __init__(self, windows: LiveWindows, tick: Callable[[], float] = time.monotonic) -> None:
        self._windows = windows
        self._tick = tick
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def multivariant(self, public_id: str) -> tuple[bytes, Live]:
        """The list of variants and what it was made from.

        Raises:
            AppError: `not_found`, `unavailable` (503).
        """
        known = await self._read(public_id)
        return _text(known, "", _multivariant_text)

    async def media(self, public_id: str, rendition: str) -> tuple[bytes, Live]:
        """A rendition's list and what it was made from.

        Raises:
            AppError: `not_found`, `unavailable` (503).
        """
        known = await self._read(public_id)
        return _text(known, rendition, lambda live: _media_text(live, public_id, rendition))

    async def _read(self, public_id: str) -> _Known:
        if not _NAME.fullmatch(public_id):
            raise not_found("broadcast")
        known = self._known.setdefault(public_id, _Known())
        self._known.move_to_end(public_id)
        if len(self._known) > BROADCASTS_MAX:
            self._known.popitem(last=False)
        if self._tick() >= known.fresh_until:
            async with known.reading:
                if self._tick() >= known.fresh_until:  # whoever held the lock before us may have read
                    await self._refresh(public_id, known)
        if known.is_unreadable:
            raise AppError("unavailable", 503, "The stream can't be looked up right now.", retry_after_seconds=1)
        return known

    async def _refresh(self, public_id: str, known: _Known) -> None:
        try:
            live = await self._windows.read(public_id)
        except (RedisError, OSError) as error:
            _log.warning("window_unreadable", error=type(error).__name__)
            known.is_unreadable = True
        else:
            known.live, known.is_unreadable = live, False
        known.texts = {}
        known.fresh_until = self._tick() + FRESH_SECONDS


def _text(known: _Known, name: str, make: Callable[[Live], bytes | None]) -> tuple[bytes, Live]:
    if known.live is None:
        raise not_found("broadcast")
    if name not in known.texts:
        text = make(known.live)
        if text is None and name:
            raise not_found("rendition")  # not remembered: names are the asker's to invent
        known.texts[name] = text
    text = known.texts[name]
    if text is None:
        raise not_found("broadcast")
    return text, known.live


def _multivariant_text(live: Live) -> bytes | None:
    playlist = multivariant_playlist(live)
    return render_multivariant(playlist).encode() if playlist else None


def _media_text(live: Live, public_id: str, rendition: str) -> bytes | None:
    window = live.windows.get(rendition)
    if window is None or not window.segments:
        return None
    return render_media(media_playlist(window, f"/media/{public_id}/{rendition}")).encode()


async def multivariant(request: "Request[AppState]") -> Response:
    """`/live/<public id>/index.m3u8`."""
    try:
        text, live = await request.state["playlists"].multivariant(request.path_params["public_id"])
    except AppError as error:
        return _refused(error)
    return _reply(text, live, _max_age(live))


async def media(request: "Request[AppState]") -> Response:
    """`/live/<public id>/<rendition>/index.m3u8`."""
    rendition = request.path_params["rendition"]
    try:
        text, live = await request.state["playlists"].media(request.path_params["public_id"], rendition)
    except AppError as error:
        return _refused(error)
    return _reply(text, live, _max_age(live, rendition))


async def missing(_request: "Request[AppState]") -> Response:
    """What the edge did not find in the store's folder, and every address under `/live` and `/media` that is none."""
    return _refused(not_found("segment"))


def _max_age(live: Live, rendition: str | None = None) -> int:
    """Half a segment, at least a second; a list that can't change any more may be kept a little."""
    if live.is_ended:
        return ENDED_MAX_AGE_SECONDS
    windows = [live.windows[rendition]] if rendition else list(live.windows.values())
    return max(1, min(window.target_duration_seconds for window in windows) // 2)


def _reply(text: bytes, live: Live, max_age_seconds: int) -> Response:
    # The edge keeps it to the end of this very second; it counts whole ones, so `max-age=1` would last up to two.
    until = int(time.time()) + (ENDED_MAX_AGE_SECONDS if live.is_ended else 0)
    headers = {"Cache-Control": f"public, max-age={max_age_seconds}", "X-Accel-Expires": f"@{until}", **_OPEN_TO_ALL}
    return Response(text, media_type=MIME, headers=headers)


def _refused(error: AppError) -> Response:
    response = render_error(error)
    response.headers.update(_OPEN_TO_ALL)
    return response


routes: list[BaseRoute] = [
    Route("/live/{public_id}/index.m3u8", multivariant),
    Route("/live/{public_id}/{rendition}/index.m3u8", media),
    Route("/live/{path:path}", missing),
    Route("/media/{path:path}", missing),
]
