"""Delivery directives of a playlist request, judged against what stands in the list: deliver, wait, or refuse.  Pure.

Source: RFC 8216bis §6.2.5; what it leaves open is decided in `docs/hls.md`, "Blocking reload".
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Literal

from media.window import MediaWindow

MSN = b"_HLS_msn"
PART = b"_HLS_part"
SKIP = b"_HLS_skip"
AHEAD_MAX = 2
"""A request for a segment further than this behind the last one is a mistake (§6.2.5.2)."""
ADVANCE_SECONDS = 3
"""How far a part may be ahead, where parts are shorter than a second; else so many parts (§6.2.5.2)."""
BLOCK_TARGETS = 3
"""A request that waited so many target durations gets a 503."""

_NUMBER = re.compile(rb"[0-9]{1,10}")
"""Ten digits are three hundred years of segments."""
_SKIPS = frozenset({b"YES", b"v2"})

Fault = Literal["repeated", "malformed", "part_without_msn", "too_far"]


@dataclass(frozen=True, slots=True)
class Directives:
    """What a client asked of the list."""

    msn: int | None = None
    part: int | None = None
    may_skip: bool = False


PLAIN = Directives()


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that no later list would satisfy: 400."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Deliver:
    """The list as it stands is the answer."""

    is_newest: bool
    """The list ends with what was asked for: everybody who asks this gets the same."""


@dataclass(frozen=True, slots=True)
class Park:
    """The answer is the first list that contains what was asked for."""


DELIVER = Deliver(is_newest=False)
DELIVER_NEWEST = Deliver(is_newest=True)
PARK = Park()


@lru_cache(maxsize=256)  # a thousand players ask the same
def parse_directives(query: bytes) -> Directives | Refused:
    """The directives in a raw query string; other parameters, and an escaped name of ours, are none of them."""
    if b"_HLS_" not in query:
        return PLAIN
    found: dict[bytes, bytes] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name not in {MSN, PART, SKIP}:
            continue
        if name in found:
            return Refused("repeated")
        if not (value in _SKIPS if name == SKIP else _NUMBER.fullmatch(value)):
            return Refused("malformed")
        found[name] = value
    if PART in found and MSN not in found:
        return Refused("part_without_msn")
    return Directives(
        msn=int(found[MSN]) if MSN in found else None,
        part=int(found[PART]) if PART in found else None,
        may_skip=SKIP in found,
    )


def judge(asked: Directives, window: MediaWindow) -> Deliver | Park | Refused:
    """What becomes of a request now.  A list that has ended is delivered, whatever was asked."""
    if window.is_ended or asked.msn is None:
        return DELIVER
    if asked.msn > window.last_whole + AHEAD_MAX:
        return Refused("too_far")
    if asked.part is None:
        if asked.msn > window.last_whole:
            return PARK
        return DELIVER_NEWEST if asked.msn == window.last_whole and not window.open_parts else DELIVER
    msn, part = _placed(asked.msn, asked.part, window)
    ahead = _parts_ahead(msn, part, window)
    if ahead > advance_limit(window.part_target_us):
        return Refused("too_far")
    if ahead > 0:
        return PARK
    return DELIVER_NEWEST if ahead == 0 else DELIVER


def advance_limit(part_target_us: int) -> int:
    """How many parts ahead of the last one a client may ask for."""
    if not 0 < part_target_us < 1_000_000:
        return ADVANCE_SECONDS
    return ceil(ADVANCE_SECONDS * 1_000_000 / part_target_us)


def _placed(msn: int, part: int, window: MediaWindow) -> tuple[int, int]:
    """A part behind the last one of a finished segment is the first of the next (§6.2.5.2).

    A finished segment that shows no parts has all of them.
    """
    if msn != window.last_whole:
        return msn, part
    place = msn - window.media_sequence
    count = len(window.segments[place].parts) if place >= 0 else 0
    return (msn + 1, 0) if 0 < count <= part else (msn, part)


def _parts_ahead(msn: int, part: int, window: MediaWindow) -> int:
    """How many parts must come before the list holds this one, at the least; 0: it is the last, below: it is older."""
    following = window.last_whole + 1
    if msn > following:
        return part + 1
    if msn == following:
        return part + 1 - window.open_parts
    if msn < window.last_whole or window.open_parts:
        return -1
    place = msn - window.media_sequence
    count = len(window.segments[place].parts) if place >= 0 else 0
    return min(0, part + 1 - count)
