"""What of a broadcast is kept, for how long, and what must go first.  Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from media.window import Master, Record, Rendition, segment_name

Visibility = Literal["public", "unlisted", "private"]
VodState = Literal["recording", "stopped", "ready", "deleted"]
StopReason = Literal["disk_full", "switched_off", "over_quota"]

QUOTA_SHARE = 0.9
"""A recording stops at so much of what its channel or the site may have: else it would have to go when it is ready."""
ENDED_LISTS_SECONDS = 3600.0
"""For so long after its end a broadcast's live lists can still be fetched, and what they name."""
PARTS_KEPT_SECONDS = 60.0
"""Three target durations (RFC 8216bis §6.2.2), and slack for caches and slow readers."""

_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class Kept:
    """One recording that could go."""

    broadcast_id: int
    channel_id: int
    ended_at: float
    size_bytes: int


def over(kept: Iterable[Kept], open_bytes: Mapping[int, int], channel_max: int, site_max: int) -> list[int]:
    """Which recordings must go so that each channel and the site fit, the oldest first.

    `open_bytes`: by the channel's id, what its open broadcast takes; that counts, and never goes.
    """
    oldest = sorted(kept, key=lambda one: (one.ended_at, one.broadcast_id))
    by_channel: dict[int, int] = defaultdict(int, open_bytes)
    for one in oldest:
        by_channel[one.channel_id] += one.size_bytes
    total = sum(by_channel.values())
    gone: list[int] = []
    for one in oldest:
        if by_channel[one.channel_id] > channel_max or total > site_max:
            gone.append(one.broadcast_id)
            by_channel[one.channel_id] -= one.size_bytes
            total -= one.size_bytes
    return gone


@dataclass(frozen=True, slots=True)
class Measure:
    """What records come to, slate left out."""

    segments: int = 0
    duration_ms: int = 0
    size_bytes: int = 0
    """Slate's too: it takes room."""


def measure(records: Iterable[Record], through: int | None) -> Measure:
    """Of the records that are recorded: all, or those up to sequence number `through`."""
    segments = duration_us = size_bytes = 0
    for record in records:
        if through is not None and record.sequence > through:
            continue
        size_bytes += sum(piece.size_bytes for piece in record.pieces.values())
        if record.pieces and not record.is_slate:
            segments += 1
            duration_us += record.duration_us
    return Measure(segments, duration_us // 1000, size_bytes)


def joined(known: Master, news: Master) -> Master:
    """What holds for all that was recorded: renditions that have left since stay known."""
    names = {rendition.name for rendition in news.renditions}
    left = tuple(rendition for rendition in known.renditions if rendition.name not in names)
    return msgspec.structs.replace(news if news.renditions else known, renditions=(*news.renditions, *left))


def covering(renditions: Sequence[Rendition], records: Sequence[Record]) -> list[Rendition]:
    """The renditions that a recording offers: of each kind those that miss at most a tenth of what the best one has.

    One that was shed on the way would be gaps from there on.
    """
    counts = {one.name: sum(one.name in record.pieces for record in records) for one in renditions}
    best: dict[str, int] = defaultdict(int)
    for one in renditions:
        best[one.kind] = max(best[one.kind], counts[one.name])
    return [one for one in renditions if counts[one.name] and 10 * counts[one.name] >= 9 * best[one.kind]]


def playable(records: Sequence[Record], through: int | None) -> list[Record]:
    """The records that a recording's lists are made from."""
    return [record for record in records if record.pieces and (through is None or record.sequence <= through)]


def unbroken(records: Sequence[Record]) -> Sequence[Record]:
    """The longest run of records without a hole at the end: a spine has none."""
    for place in range(len(records) - 1, 0, -1):
        if records[place - 1].sequence + 1 != records[place].sequence:
            return records[place:]
    return records


def files_of(public_id: str, records: Iterable[Record]) -> list[str]:
    """The segments' files, in all renditions."""
    return [
        f"{public_id}/{name}/{segment_name(record.generation, record.sequence)}"
        for record in records
        for name in record.pieces
    ]


def unneeded(records: Iterable[Record], first_listed: int, hold_seconds: float, now: float) -> list[Record]:
    """Of records that are not recorded: those that left the lists so long ago that no player asks for them.

    `hold_seconds` counts from the segment's end, its time in the lists included.
    """
    return [
        record
        for record in records
        if record.sequence < first_listed
        and record.program_date_time_ms / 1000 + record.duration_us / 1_000_000 + hold_seconds <= now
    ]


def may_watch(visibility: Visibility, *, is_owner: bool, is_staff: bool) -> bool:
    """Unlisted ones are for whoever has the address."""
    return visibility != "private" or is_owner or is_staff


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` to before `end`; None: to the object's end."""

    start: int = 0
    end: int | None = None


def span_of(header: str | None) -> Span | None:
    """What a Range header asks for; None for what one span can't answer: then the whole object is the answer.

    Source: RFC 9110 §14.2: a server may ignore Range.  Suffixes (`bytes=-500`) are ignored, players don't send them.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or not found[1]:
        return None
    start, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < start:
        return None
    return Span(start, None if last is None else last + 1)
