"""What a worker that is gone left open at the end of a broadcast: its parts' files become the last segment.

At most the part that was being written is lost: every part that a list ever named is a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from media.origin import Origin
from media.store import MediaStore
from media.timeline import Timeline
from media.window import Live, Record, Segment, Tail, WindowError, part_name

_ALL = 1 << 30
"""Records to remember: the timeline must not forget what it has just made."""


@dataclass(frozen=True, slots=True)
class _Body:
    """An open segment as far as its parts are there, and where the whole belongs."""

    segment: Segment
    data: bytes
    place: Origin | MediaStore


async def close_open_segments(origin: Origin, public_id: str, live: Live) -> list[Record]:
    """Write what is open as whole segments, as far as their parts are there; returns the records that were missing.

    `live` has the newest records, from any sequence number on, and the tails.

    Raises:
        OSError: the live folder is away, or the store that has the parts.
    """
    bodies: dict[str, _Body] = {}
    tails: dict[str, Tail] = {}
    for name, tail in (live.tails or {}).items():
        tails[name] = tail
        last = tail.segments[-1] if tail.segments else None
        if last is not None and last.is_open and last.sequence >= live.next_sequence:
            bodies[name] = body = await _parts_of(origin, f"{public_id}/{name}", last)
            shorter = (body.segment,) if body.data else ()
            tails[name] = msgspec.structs.replace(tail, segments=(*tail.segments[:-1], *shorter))
    timeline = Timeline(replace(live, tails=tails), live.generation, _ALL)
    for name, segment in timeline.open_segments().items():
        await _close(timeline, f"{public_id}/{name}", segment, bodies)
    return timeline.settle(is_final=True)


async def _close(timeline: Timeline, folder: str, segment: Segment, bodies: Mapping[str, _Body]) -> None:
    name = folder.rpartition("/")[2]
    if name not in bodies:  # of a spine that Redis has lost since: nobody has its parts
        timeline.lose(name)
        return
    try:
        whole = timeline.end(name)
    except WindowError:  # longer than a list may say
        timeline.lose(name)
        return
    if not segment.is_slate:
        await bodies[name].place.put(f"{folder}/{whole.name}", bodies[name].data)


async def _parts_of(origin: Origin, folder: str, segment: Segment) -> _Body:
    """The segment with the parts before the first that is missing."""
    names = [f"{folder}/{part_name(segment.generation, part.number)}" for part in segment.parts]
    # a worker without this folder wrote all of them to the store
    is_near = not names or await origin.live.get(names[0]) is not None
    source = origin.live if is_near else origin.store
    parts, data = [], bytearray()
    for part, name in zip(segment.parts, names, strict=True):
        found = await source.get(name)
        if found is None:
            break
        parts.append(part)
        data += found
    shorter = msgspec.structs.replace(
        segment,
        parts=tuple(parts),
        duration_ticks=sum(part.duration_ticks for part in parts),
        size_bytes=len(data),
    )
    return _Body(shorter, bytes(data), origin if is_near else origin.store)
