"""What a worker that is gone left open at the end of a broadcast: its parts' files become the last segment.

At most the part that was being written is lost: every part that a list ever named is a file.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from media.origin import Origin
from media.timeline import Timeline
from media.window import Live, Record, Segment, Tail, WindowError, part_name

_ALL = 1 << 30
"""Records to remember: the timeline must not forget what it has just made."""


async def close_open_segments(origin: Origin, public_id: str, live: Live) -> list[Record]:
    """Write what is open as whole segments, as far as their parts are there; returns the records that were missing.

    `live` has the newest records, from any sequence number on, and the tails.

    Raises:
        OSError: the live folder is away.
    """
    bodies: dict[str, bytes] = {}
    tails: dict[str, Tail] = {}
    for name, tail in (live.tails or {}).items():
        tails[name] = tail
        last = tail.segments[-1] if tail.segments else None
        if last is not None and last.is_open and last.sequence >= live.next_sequence:
            found, body = await _parts_of(origin, f"{public_id}/{name}", last)
            bodies[name] = body
            tails[name] = msgspec.structs.replace(tail, segments=(*tail.segments[:-1], *([found] if body else [])))
    timeline = Timeline(replace(live, tails=tails), live.generation, _ALL)
    for name, segment in timeline.open_segments().items():
        await _close(timeline, origin, f"{public_id}/{name}", segment, bodies)
    return timeline.settle(is_final=True)


async def _close(
    timeline: Timeline, origin: Origin, folder: str, segment: Segment, bodies: Mapping[str, bytes]
) -> None:
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
        await origin.put(f"{folder}/{whole.name}", bodies[name])


async def _parts_of(origin: Origin, folder: str, segment: Segment) -> tuple[Segment, bytes]:
    """The segment with the parts before the first that is missing, and their bytes."""
    parts, body = [], bytearray()
    for part in segment.parts:
        data = await origin.live.get(f"{folder}/{part_name(segment.generation, part.number)}")
        if data is None:
            break
        parts.append(part)
        body += data
    shorter = msgspec.structs.replace(
        segment,
        parts=tuple(parts),
        duration_ticks=sum(part.duration_ticks for part in parts),
        size_bytes=len(body),
    )
    return shorter, bytes(body)
