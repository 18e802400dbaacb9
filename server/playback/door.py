"""`/live/…`, and what the edge did not find of `/media/…`: plain ASGI before everything else.

Requests that wait come by the thousand, with every part: no log line, no parsing twice, finished messages.
"""

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media.objects import is_part
from media.reload import BLOCK_TARGETS, Deliver, Directives, Park, Refused, judge, parse_directives
from media.spine_text import LISTINGS, Listing
from server.playback.answers import (
    BAD_DIRECTIVES,
    ENDED,
    NO_BROADCAST,
    NO_RENDITION,
    NO_SEGMENT,
    OLD,
    TOO_LATE,
    UNAVAILABLE,
    WRONG_METHOD,
    Answer,
    Lifetime,
    lifetime_of_newest,
    lifetime_until,
    list_answer,
    stored_answer,
)
from server.playback.broadcasts import Broadcast, Broadcasts
from server.playback.lists import Lists, Text

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

START_SECONDS = 3.0
"""How long the first list of a broadcast that begins is waited for: a ladder's first part takes no longer."""
_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")
_PART = re.compile(r"([0-9]{1,12})-p([0-9]{1,12})\.m4s")
_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a media playlist; also what those who wait for the same have in common."""

    rendition: str
    listing: Listing
    directives: Directives
    is_gzip: bool


class PlaybackDoor:
    """Answers what is about playback, and passes everything else on."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serve one exchange."""
        if scope["type"] != "http" or not _is_playback(scope["path"]):
            await self._app(scope, receive, send)
            return
        answer = WRONG_METHOD
        if scope["method"] in _METHODS:
            broadcasts: Broadcasts = scope["state"]["broadcasts"]
            _, door, *names = scope["path"].split("/")
            answer = await (live_list(broadcasts, names, scope) if door == "live" else part_file(broadcasts, names))
        await send(answer.start)
        await send(answer.body)


def _is_playback(path: str) -> bool:
    """Lists of what is live, and its parts; whole segments that the edge lacks are `server.recordings`' matter."""
    return path.startswith("/live/") or (path.startswith("/media/") and is_part(path))


async def live_list(broadcasts: Broadcasts, names: list[str], scope: "Scope") -> Answer:
    """`/live/<public id>/index.m3u8`, `/live/<public id>/<rendition>/index.m3u8` and their like."""
    file, has_suffix, rest = names[-1].partition(".m3u8")
    listing = LISTINGS.get(file)
    if listing is None or not has_suffix or rest or not _NAME.fullmatch(names[0]):
        return NO_BROADCAST
    if len(names) == 2 and not listing.is_iframes:
        return await _multivariant(broadcasts, names[0], listing, is_gzip=takes_gzip(scope["headers"]))
    if len(names) != 3 or not _NAME.fullmatch(names[1]):
        return NO_BROADCAST
    known = await broadcasts.find(names[0])
    live = known.lists.live
    if live is None:
        return NO_BROADCAST if known.is_readable else UNAVAILABLE
    directives = parse_directives(scope["query_string"])
    if isinstance(directives, Refused):
        if not live.is_ended:
            return BAD_DIRECTIVES
        directives = Directives()
    asked = Asked(names[1], listing, directives, takes_gzip(scope["headers"]))
    return await _media(broadcasts, known, asked)


async def _multivariant(broadcasts: Broadcasts, public_id: str, listing: Listing, *, is_gzip: bool) -> Answer:
    known = await broadcasts.find(public_id)

    def look(lists: Lists) -> Answer | None:
        text = lists.multivariant(is_rewind=listing.is_rewind)
        if text is not None and lists.live is not None:
            lifetime = ENDED if lists.live.is_ended else lifetime_until(time.time())
            return _list(text, lifetime, is_gzip=is_gzip)
        return None if lists.live is not None and not lists.live.is_ended else NO_BROADCAST

    if known.lists.live is None:
        return NO_BROADCAST if known.is_readable else UNAVAILABLE
    return look(known.lists) or await broadcasts.park(known, (listing, is_gzip), look, START_SECONDS, NO_BROADCAST)


async def _media(broadcasts: Broadcasts, known: Broadcast, asked: Asked) -> Answer:
    window = known.lists.window(asked.rendition)
    if window is None:
        return NO_RENDITION

    def look(lists: Lists) -> Answer | None:
        return answer_media(lists, asked)

    seconds = BLOCK_TARGETS * window.target_duration_seconds
    return look(known.lists) or await broadcasts.park(known, asked, look, seconds, TOO_LATE)


def answer_media(lists: Lists, asked: Asked) -> Answer | None:
    """What becomes of a request for a media playlist now; None: it waits."""
    window = lists.window(asked.rendition)
    if window is None:
        return NO_RENDITION
    match judge(asked.directives, window):
        case Park():
            return None
        case Refused():
            return BAD_DIRECTIVES
        case Deliver(is_newest):
            text = lists.media(asked.rendition, asked.listing, may_skip=asked.directives.may_skip)
            if text is None:
                return NO_RENDITION
            if window.is_ended:
                lifetime = ENDED
            elif is_newest:
                lifetime = lifetime_of_newest(window.target_duration_seconds)
            else:
                lifetime = lifetime_until(time.time()) if asked.directives.msn is None else OLD
            return _list(text, lifetime, is_gzip=asked.is_gzip)


async def part_file(broadcasts: Broadcasts, names: list[str]) -> Answer:
    """`/media/<public id>/<rendition>/<generation>-p<number>.m4s`: the part that is hinted at is waited for."""
    part = _PART.fullmatch(names[-1])
    if len(names) != 3 or part is None or not _NAME.fullmatch(names[0]) or not _NAME.fullmatch(names[1]):
        return NO_SEGMENT
    public_id, rendition, file = names
    generation, number = int(part[1]), int(part[2])
    known = await broadcasts.find(public_id)

    def look(lists: Lists) -> Answer | None:
        match lists.part(rendition, generation, number):
            case "there":
                return stored_answer(public_id, rendition, file)
            case "hinted":
                return None
            case "unknown":
                return NO_SEGMENT

    live = known.lists.live
    if live is None:
        return NO_SEGMENT if known.is_readable else UNAVAILABLE
    seconds = BLOCK_TARGETS * live.master.target_duration_seconds
    return look(known.lists) or await broadcasts.park(known, (rendition, file), look, seconds, NO_SEGMENT)


def takes_gzip(headers: list[tuple[bytes, bytes]]) -> bool:
    """Does the client say that it reads gzip?"""
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in headers)


def _list(text: Text, lifetime: Lifetime, *, is_gzip: bool) -> Answer:
    return list_answer(text.packed if is_gzip else text.plain, lifetime, is_gzip=is_gzip)
