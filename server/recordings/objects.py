"""Media that the edge's disk no longer has, from a store that is elsewhere: streamed, never redirected.

The edge keeps what it got (`nginx/edge.conf`); so a popular recording costs the store one request an object.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.responses import Response, StreamingResponse

from media.objects import NAME, Folder, cache_control, content_type, is_part, parse_place
from media.origin import Origin, open_origin
from media.store import Body
from server.recordings.rules import Span, span_of
from server.refusal import AppError
from server.settings import Settings

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.lifespan import AppState

STREAMS_MAX = 64
"""Objects on their way out at once, each of at most two chunks of 256 kB in memory."""
OPEN_TO_ALL = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


def open_stored(settings: Settings) -> "StoredMedia":
    """The way to the store; no way where the edge reads it itself: this host may not even have the folder."""
    place = parse_place(settings.media_store)
    if isinstance(place, Folder) and Path(place.path) == settings.live_folder:
        return StoredMedia(None)
    return StoredMedia(open_origin(settings.media_store, settings.media_access, settings.live_folder))


class StoredMedia:
    """This process's way to the store."""

    def __init__(self, origin: Origin | None) -> None:
        self._origin = origin
        self._streams = 0

    async def answer(self, name: str, range_header: str | None) -> Response | None:
        """The object `name`, or the span that was asked for; None when the store doesn't have it, or is the edge's own.

        Raises:
            AppError: `unavailable` (503): the store is away, or too many objects are on their way.
        """
        if self._origin is None:
            return None
        if NAME.fullmatch(name) is None:
            return None
        if self._streams >= STREAMS_MAX:
            raise AppError("unavailable", 503, "Too much is asked for right now.", retry_after_seconds=1)
        span = span_of(range_header)
        asked = span or Span()
        try:
            body = await self._origin.store.open(name, asked.start, asked.end)
        except OSError as error:
            _log.warning("store_away", error=str(error)[:200])
            raise AppError("unavailable", 503, "The media store is away.", retry_after_seconds=2) from error
        return None if body is None else self._stream(name, body, is_span=span is not None)

    def _stream(self, name: str, body: Body, *, is_span: bool) -> Response:
        headers = {
            "Content-Length": str(body.end - body.start),
            "Accept-Ranges": "bytes",
            "Cache-Control": cache_control(name),
            **OPEN_TO_ALL,
        }
        if is_span:
            headers["Content-Range"] = f"bytes {body.start}-{body.end - 1}/{body.size_bytes}"
        return StreamingResponse(
            self._counted(body), 206 if is_span else 200, headers=headers, media_type=content_type(name)
        )

    async def _counted(self, body: Body) -> AsyncIterator[bytes]:
        self._streams += 1
        try:
            async for chunk in body.chunks:
                yield chunk
        except OSError as error:  # the headers are out: a short body is all that can be said
            _log.warning("store_broke_off", error=str(error)[:200])
            raise
        finally:
            self._streams -= 1


async def stored_object(request: "Request[AppState]") -> Response | None:
    """What `/media/<name>` asks for, from the store; None when it has nothing to do with it.

    The edge asks for `/stored/<name>` when a list names a part that its disk doesn't have: a worker elsewhere wrote it.
    """
    path = request.url.path
    if path.startswith("/media/") and is_part(path):
        return None  # nobody's: it is in no list
    name = path.removeprefix("/media/").removeprefix("/stored/")
    return await request.state["stored"].answer(name, request.headers.get("range"))
