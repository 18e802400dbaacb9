"""The lists of what is live, as text and gzip: a record of the spine is rendered once and compressed once.  Pure.

A list is a head, lines of the spine that never change, and the tail's.  It says what `media_playlist` of the same
`window` says; only that a rewind list of 7,200 segments is not rendered anew with every part.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from media.deflate import Deflated, deflate
from media.playlist import (
    SKIP_TARGETS,
    VERSION_MAP,
    VERSION_MAP_OF_IFRAMES,
    VERSION_SKIP,
    MediaEntry,
    MediaPlaylist,
    RenditionReport,
    end_lines,
    entries_of,
    entry_lines,
    entry_of,
    head_lines,
    hint_of,
    iframe_of,
    server_control,
)
from media.window import Live, Record, Segment, Tail, live_start, segment_of

BLOCK_SEGMENTS = 64
"""Compressed together, at sequence numbers that are multiples of it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which of a rendition's lists."""

    is_rewind: bool = False
    """The whole spine instead of the last half minute."""
    is_iframes: bool = False

    @property
    def file(self) -> str:
        """Its name in the rendition's folder, without `.m3u8`."""
        if self.is_iframes:
            return "dvr-iframes" if self.is_rewind else "iframes"
        return "dvr" if self.is_rewind else "index"


LISTINGS = {listing.file: listing for listing in (Listing(r, i) for r in (False, True) for i in (False, True))}


class SpineText:
    """One rendition's lines of the spine, as far back as its list goes; mutable."""

    def __init__(self, name: str, folder: str, *, is_iframes: bool = False) -> None:
        self._name = name
        self.folder = folder
        """The address of the rendition's files, relative to its lists."""
        self._is_iframes = is_iframes
        self._first = 0
        self._chunks: list[str] = []
        self._records: list[Record] = []
        self._breaks: list[int] = []
        """Sequence numbers of records behind a discontinuity."""
        self._number = 0
        """The discontinuity number of the first record."""
        self._blocks: dict[int, Deflated] = {}

    def take(self, live: Live, begin: int | None = None) -> None:
        """Render the records from `begin` on (all without it) that are new, forget those before.

        A spine that is another one is rendered anew.
        """
        first = live.first_sequence if begin is None else max(begin, live.first_sequence)
        fresh = self._first + len(self._records)
        if not self._goes_on(live, first, fresh):
            self._first, self._chunks, self._records, self._breaks = first, [], [], []
            self._blocks.clear()
            fresh = first
            before = live.records[: first - live.first_sequence]
            self._number = live.first_discontinuity + sum(record.has_discontinuity for record in before)
        left = first - self._first
        del self._chunks[:left], self._records[:left]
        self._first = first
        gone = bisect_left(self._breaks, first)
        self._number += gone
        del self._breaks[:gone]
        for block in [number for number in self._blocks if number * BLOCK_SEGMENTS < first]:
            del self._blocks[block]
        map_uri = self.map_before(fresh)
        for record in live.records[fresh - live.first_sequence :]:
            entry = self.entry(record)
            self._chunks.append(_text(entry_lines(entry, map_uri)))
            self._records.append(record)
            map_uri = entry.map_uri
            if record.has_discontinuity:
                self._breaks.append(record.sequence)

    def _goes_on(self, live: Live, first: int, fresh: int) -> bool:
        """Is what was rendered, up to before `fresh`, what this spine has there, from `first` on?"""
        place = fresh - 1 - live.first_sequence
        if not self._first <= first < fresh or place >= len(live.records):
            return False
        return live.records[place] == self._records[-1]

    def discontinuity(self, sequence: int) -> int:
        """The discontinuity number of this record, its own break not counted."""
        return self._number + bisect_left(self._breaks, sequence)

    def entry(self, record: Record) -> MediaEntry:
        """The record as this list shows it."""
        segment = segment_of(record, self._name)
        return iframe_of(segment, self.folder) if self._is_iframes else entry_of(segment, self.folder)

    def durations(self, end: int) -> Iterator[int]:
        """Of the records before this one, backwards, in microseconds as the list says them."""
        for place in range(end - self._first - 1, -1, -1):
            yield self.entry(self._records[place]).duration_us

    def map_before(self, sequence: int) -> str | None:
        """The initialization section of the record before this one."""
        place = sequence - self._first - 1
        return self.entry(self._records[place]).map_uri if 0 <= place < len(self._records) else None

    def pieces(self, head: str, begin: int, end: int, rest: str) -> list[Deflated]:
        """`head`, the lines of the records from `begin` until before `end`, and `rest`."""
        if begin >= end:
            return [deflate((head + rest).encode())]
        opening = head + _text(entry_lines(self.entry(self._records[begin - self._first]), None))
        first_block = -(-(begin + 1) // BLOCK_SEGMENTS)
        last_block = end // BLOCK_SEGMENTS
        if first_block >= last_block:
            return [deflate((opening + self._between(begin + 1, end) + rest).encode())]
        return [
            deflate((opening + self._between(begin + 1, first_block * BLOCK_SEGMENTS)).encode()),
            *(self._block(number) for number in range(first_block, last_block)),
            deflate((self._between(last_block * BLOCK_SEGMENTS, end) + rest).encode()),
        ]

    def _between(self, begin: int, end: int) -> str:
        return "".join(self._chunks[begin - self._first : end - self._first])

    def _block(self, number: int) -> Deflated:
        found = self._blocks.get(number)
        if found is None:
            found = deflate(self._between(number * BLOCK_SEGMENTS, (number + 1) * BLOCK_SEGMENTS).encode())
            self._blocks[number] = found
        return found


def live_text(live: Live, name: str, spine: SpineText, listing: Listing, *, may_skip: bool) -> list[Deflated] | None:
    """A rendition's list in pieces; None while it has no segment to show.

    With `may_skip` a delta, where anything can be skipped and the list has not ended.  `spine` is of this kind of list.
    """
    tail = live.tail(name)
    if tail is None:
        return None
    begin = live.first_sequence if listing.is_rewind else live_start(live)
    spine.take(live, begin)
    segments = _shown_segments(live, tail, begin)
    end = segments[0].sequence if segments else live.next_sequence
    if begin >= end and not segments:
        return None
    entries = _entries(live, segments, spine, listing)
    is_open = bool(entries) and not entries[-1].uri
    whole = entries[:-1] if is_open else entries
    skipped = _skippable(whole, spine, begin, end, live) if may_skip and not live.is_ended else 0
    first = begin + skipped
    playlist = MediaPlaylist(
        target_duration_seconds=live.master.target_duration_seconds,
        media_sequence=begin,
        discontinuity_sequence=spine.discontinuity(begin),
        open_entry=entries[-1] if is_open else None,
        control=server_control(live.master.target_duration_seconds, live.master.part_target_us),
        part_target_us=live.master.part_target_us,
        skipped_segments=skipped,
        hint_uri=hint_of(tail.generation, tail.next_part, spine.folder) if _has_hint(live, tail, listing) else None,
        reports=reports_of(live, name, listing),
        is_iframes_only=listing.is_iframes,
        is_ended=live.is_ended,
    )
    map_uri = spine.map_before(end) if first < end else None
    lines: list[str] = []
    for entry in whole[max(0, first - end) :]:
        lines += entry_lines(entry, map_uri)
        map_uri = entry.map_uri
    plain_version = VERSION_MAP_OF_IFRAMES if listing.is_iframes else VERSION_MAP
    head = head_lines(playlist, VERSION_SKIP if skipped else plain_version)
    return spine.pieces(_text(head), first, end, _text([*lines, *end_lines(playlist, map_uri)]))


def reports_of(live: Live, name: str, listing: Listing) -> tuple[RenditionReport, ...]:
    """Where every other rendition of the multivariant playlist stands; none in lists of I-frames."""
    if listing.is_iframes or live.is_ended or not live.master.part_target_us:
        return ()
    found = [(item.name, live.tail(item.name)) for item in live.renditions if item.name != name]
    return tuple(
        RenditionReport(f"../{other}/{listing.file}.m3u8", *_last_place(tail.segments[-1]))
        for other, tail in found
        if tail is not None and tail.segments
    )


def _has_hint(live: Live, tail: Tail, listing: Listing) -> bool:
    """Parts are listed here, and one more will come."""
    return bool(tail.generation and live.master.part_target_us) and not (live.is_ended or listing.is_iframes)


def _last_place(last: Segment) -> tuple[int, int | None]:
    return last.sequence, len(last.parts) - 1 if last.parts else None


def _shown_segments(live: Live, tail: Tail, begin: int) -> list[Segment]:
    """The tail's segments that the list shows; none of a rendition that stopped: the spine has it all, as gaps too."""
    segments = tail.segments
    if not segments or segments[-1].sequence + 1 < live.next_sequence:
        return []
    return [one for one in segments if one.sequence >= begin and not (one.is_open and live.is_ended)]


def _entries(live: Live, segments: Sequence[Segment], spine: SpineText, listing: Listing) -> list[MediaEntry]:
    """Those of the tail; a gap is as long as the record says, for so it will stay."""
    if listing.is_iframes:
        entries = [iframe_of(segment, spine.folder) for segment in segments if not segment.is_open]
    else:
        entries = list(entries_of(segments, spine.folder, live.master.target_duration_seconds))
    for place, segment in enumerate(segments):
        if segment.is_gap and segment.sequence < live.next_sequence:
            entries[place] = spine.entry(live.records[segment.sequence - live.first_sequence])
    return entries


def _skippable(whole: Sequence[MediaEntry], spine: SpineText, begin: int, end: int, live: Live) -> int:
    """How many segments at the beginning end further than CAN-SKIP-UNTIL before the last one's end."""
    boundary_us = SKIP_TARGETS * live.master.target_duration_seconds * 1_000_000
    behind_us, first = 0, end + len(whole)
    for duration_us in chain((entry.duration_us for entry in reversed(whole)), spine.durations(end)):
        if behind_us >= boundary_us:
            break
        behind_us += duration_us
        first -= 1
    return max(0, first - begin)


def _text(lines: Sequence[str]) -> str:
    return "".join([f"{line}\n" for line in lines])
