"""Media playlists as values, and their text.  Pure; `media/playlist_reader.py` reads them back.

The text of a list that lives is made by `media/spine_text.py` from the same functions, without rendering twice what
does not change.  Source: RFC 8216bis §4.4; addresses in a list are relative to it (`docs/hls.md`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Literal

from media.window import PARTS_LISTED_TARGETS, MediaWindow, Record, Segment, part_name, segment_of

HOLD_BACK_TARGETS = 3
"""HOLD-BACK in target durations (RFC 8216bis §4.4.3.8: at least three)."""
PART_HOLD_BACK_TARGETS = 3
"""PART-HOLD-BACK in part targets: Apple's rule A-14.3; the RFC asks for two."""
SKIP_TARGETS = 6
"""CAN-SKIP-UNTIL in target durations (RFC 8216bis §4.4.3.8: at least six)."""
VERSION_SKIP = 9
VERSION_MAP = 6
VERSION_MAP_OF_IFRAMES = 5
VERSION_BYTERANGE = 4
VERSION_PLAIN = 3
"""What EXT-X-SKIP, EXT-X-MAP (5 in a list of I-frames), EXT-X-BYTERANGE and fractions of seconds need (§8)."""

PlaylistType = Literal["", "EVENT", "VOD"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MediaPart:
    """One EXT-X-PART."""

    uri: str
    duration_us: int
    is_independent: bool = False
    is_gap: bool = False


@dataclass(frozen=True, slots=True)
class MediaEntry:
    """One segment as a media playlist lists it; the open one has parts, and neither address nor duration."""

    uri: str
    duration_us: int
    map_uri: str | None = None
    """The initialization section in force."""
    program_date_time_ms: int | None = None
    has_discontinuity: bool = False
    is_gap: bool = False
    byte_range: tuple[int, int] | None = None
    """Length and offset."""
    parts: tuple[MediaPart, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerControl:
    """EXT-X-SERVER-CONTROL; 0: not said."""

    can_block_reload: bool = False
    can_skip_until_us: int = 0
    hold_back_us: int = 0
    part_hold_back_us: int = 0


@dataclass(frozen=True, slots=True)
class RenditionReport:
    """One EXT-X-RENDITION-REPORT."""

    uri: str
    last_msn: int
    last_part: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPlaylist:
    """One rendition's list, or a delta of it."""

    target_duration_seconds: int
    media_sequence: int = 0
    discontinuity_sequence: int = 0
    entries: tuple[MediaEntry, ...] = ()
    """Of a delta: those after the skipped ones."""
    open_entry: MediaEntry | None = None
    """What is there of the segment after the last entry."""
    control: ServerControl | None = None
    part_target_us: int = 0
    """0: no EXT-X-PART-INF."""
    skipped_segments: int = 0
    """0: a whole list."""
    hint_uri: str | None = None
    """Of the part to come."""
    reports: tuple[RenditionReport, ...] = ()
    playlist_type: PlaylistType = ""
    is_iframes_only: bool = False
    is_independent: bool = True
    is_ended: bool = False

    @property
    def version(self) -> int:
        """The lowest that allows what is in it (RFC 8216bis §8)."""
        if self.skipped_segments:
            return VERSION_SKIP
        listed = (*self.entries, self.open_entry) if self.open_entry else self.entries
        if any(entry.map_uri for entry in listed):
            return VERSION_MAP_OF_IFRAMES if self.is_iframes_only else VERSION_MAP
        has_ranges = self.is_iframes_only or any(entry.byte_range for entry in listed)
        return VERSION_BYTERANGE if has_ranges else VERSION_PLAIN


# --- from what is live, and from what is over ------------------------------------------------------------------------


def server_control(target_duration_seconds: int, part_target_us: int) -> ServerControl:
    """What all lists of a broadcast say, the same in each (RFC 8216bis §4.4.3.8)."""
    target_us = target_duration_seconds * 1_000_000
    return ServerControl(
        can_block_reload=True,
        can_skip_until_us=SKIP_TARGETS * target_us,
        hold_back_us=HOLD_BACK_TARGETS * target_us,
        part_hold_back_us=PART_HOLD_BACK_TARGETS * part_target_us,
    )


def media_playlist(window: MediaWindow, folder: str, reports: Sequence[RenditionReport] = ()) -> MediaPlaylist:
    """A rendition's live list; `folder` is the address of its files, without a slash at the end."""
    entries = entries_of(window.segments, folder, window.target_duration_seconds)
    is_open = bool(window.segments) and window.segments[-1].is_open
    has_hint = bool(window.generation and window.part_target_us) and not window.is_ended
    return MediaPlaylist(
        target_duration_seconds=window.target_duration_seconds,
        media_sequence=window.media_sequence,
        discontinuity_sequence=window.discontinuity_sequence,
        entries=entries[:-1] if is_open else entries,
        open_entry=entries[-1] if is_open else None,
        control=server_control(window.target_duration_seconds, window.part_target_us),
        part_target_us=window.part_target_us,
        hint_uri=hint_of(window.generation, window.next_part, folder) if has_hint else None,
        reports=() if window.is_ended else tuple(reports),
        is_ended=window.is_ended,
    )


def iframe_playlist(window: MediaWindow, folder: str) -> MediaPlaylist:
    """The key frames of a rendition's live list; a segment that has none of its own is a gap."""
    return MediaPlaylist(
        target_duration_seconds=window.target_duration_seconds,
        media_sequence=window.media_sequence,
        discontinuity_sequence=window.discontinuity_sequence,
        entries=tuple(iframe_of(segment, folder) for segment in window.segments if not segment.is_open),
        control=server_control(window.target_duration_seconds, window.part_target_us),
        part_target_us=window.part_target_us,
        is_iframes_only=True,
        is_ended=window.is_ended,
    )


def vod_playlist(
    records: Sequence[Record], name: str, folder: str, target_duration_seconds: int, *, is_iframes_only: bool = False
) -> MediaPlaylist:
    """The final list of a rendition from all records of its broadcast, slate left out."""
    entries: list[MediaEntry] = []
    last: Record | None = None
    for record in records:
        if record.is_slate:
            continue
        segment = segment_of(record, name)
        entry = iframe_of(segment, folder) if is_iframes_only else entry_of(segment, folder)
        # what was left out is a break in time, even where the same encoding goes on
        is_break = last is not None and (record.has_discontinuity or last.sequence + 1 != record.sequence)
        entries.append(replace_break(entry, has_discontinuity=is_break))
        last = record
    return MediaPlaylist(
        target_duration_seconds=target_duration_seconds,
        entries=tuple(entries),
        playlist_type="VOD",
        is_iframes_only=is_iframes_only,
        is_ended=True,
    )


def replace_break(entry: MediaEntry, *, has_discontinuity: bool) -> MediaEntry:
    """The same entry after a break, or without one."""
    return MediaEntry(
        entry.uri,
        entry.duration_us,
        entry.map_uri,
        entry.program_date_time_ms,
        has_discontinuity,
        entry.is_gap,
        entry.byte_range,
        entry.parts,
    )


def entries_of(segments: Sequence[Segment], folder: str, target_duration_seconds: int) -> tuple[MediaEntry, ...]:
    """Segments as a list shows them: parts only of those that end within three target durations of the list's end.

    A segment shows all of its parts or none: their places are their numbers.
    """
    behind = Fraction()
    entries: list[MediaEntry] = []
    for segment in reversed(segments):
        has_parts = segment.is_open or behind < PARTS_LISTED_TARGETS * target_duration_seconds
        entries.append(entry_of(segment, folder, has_parts=has_parts))
        behind += segment.duration
    return tuple(reversed(entries))


def entry_of(segment: Segment, folder: str, *, has_parts: bool = False) -> MediaEntry:
    """One segment, open or whole."""
    return MediaEntry(
        uri="" if segment.is_open else f"{folder}/{segment.name}",
        duration_us=0 if segment.is_open else microseconds(segment.duration_ticks, segment.timescale),
        map_uri=f"{folder}/{segment.init}",
        program_date_time_ms=segment.program_date_time_ms,
        has_discontinuity=segment.has_discontinuity,
        is_gap=segment.is_gap,
        parts=tuple(
            MediaPart(
                f"{folder}/{part_name(segment.generation, part.number)}",
                microseconds(part.duration_ticks, segment.timescale),
                part.is_independent,
                segment.is_gap,
            )
            for part in segment.parts
        )
        if has_parts
        else (),
    )


def iframe_of(segment: Segment, folder: str) -> MediaEntry:
    """The key frame with which a segment begins, for as long as the segment lasts."""
    return MediaEntry(
        uri=f"{folder}/{segment.name}",
        duration_us=microseconds(segment.duration_ticks, segment.timescale),
        map_uri=f"{folder}/{segment.init}",
        program_date_time_ms=segment.program_date_time_ms,
        has_discontinuity=segment.has_discontinuity,
        is_gap=segment.is_gap or not segment.key_bytes,
        byte_range=(segment.key_bytes, 0) if segment.key_bytes else None,
    )


def hint_of(generation: int, next_part: int, folder: str) -> str:
    """The address of the part to come."""
    return f"{folder}/{part_name(generation, next_part)}"


def microseconds(ticks: int, timescale: int) -> int:
    """Ticks as a list says them."""
    return (2_000_000 * ticks + timescale) // (2 * timescale)


# --- to text ---------------------------------------------------------------------------------------------------------


def render_media(playlist: MediaPlaylist) -> str:
    """The text of a media playlist."""
    lines = head_lines(playlist)
    map_uri: str | None = None
    for entry in playlist.entries:
        lines += entry_lines(entry, map_uri)
        map_uri = entry.map_uri or map_uri
    return "\n".join([*lines, *end_lines(playlist, map_uri), ""])


def head_lines(playlist: MediaPlaylist, version: int = 0) -> list[str]:
    """Everything before the first segment; `version` where the entries are not all in the value."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{version or playlist.version}"]
    if playlist.is_independent:
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    lines.append(f"#EXT-X-TARGETDURATION:{playlist.target_duration_seconds}")
    if (control := playlist.control) is not None:
        lines.append(f"#EXT-X-SERVER-CONTROL:{_control(control)}")
    if playlist.part_target_us:
        lines.append(f"#EXT-X-PART-INF:PART-TARGET={_seconds(playlist.part_target_us)}")
    lines += [
        f"#EXT-X-MEDIA-SEQUENCE:{playlist.media_sequence}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{playlist.discontinuity_sequence}",
    ]
    if playlist.playlist_type:
        lines.append(f"#EXT-X-PLAYLIST-TYPE:{playlist.playlist_type}")
    if playlist.is_iframes_only:
        lines.append("#EXT-X-I-FRAMES-ONLY")
    if playlist.skipped_segments:
        lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={playlist.skipped_segments}")
    return lines


def entry_lines(entry: MediaEntry, map_uri: str | None) -> list[str]:
    """The lines of one segment, open or whole, behind the one whose initialization section was `map_uri`."""
    lines = ["#EXT-X-DISCONTINUITY"] if entry.has_discontinuity else []
    if entry.map_uri and entry.map_uri != map_uri:
        lines.append(f'#EXT-X-MAP:URI="{entry.map_uri}"')
    if entry.program_date_time_ms is not None:
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date_time(entry.program_date_time_ms)}")
    lines += [_part_line(part) for part in entry.parts]
    if not entry.uri:
        return lines
    if entry.is_gap:
        lines.append("#EXT-X-GAP")
    lines.append(f"#EXTINF:{_seconds(entry.duration_us)},")
    if entry.byte_range is not None:
        lines.append(f"#EXT-X-BYTERANGE:{entry.byte_range[0]}@{entry.byte_range[1]}")
    lines.append(entry.uri)
    return lines


def end_lines(playlist: MediaPlaylist, map_uri: str | None) -> list[str]:
    """Everything behind the last whole segment, whose initialization section was `map_uri`."""
    lines = entry_lines(playlist.open_entry, map_uri) if playlist.open_entry else []
    if playlist.hint_uri is not None:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{playlist.hint_uri}"')
    lines += [_report_line(report) for report in playlist.reports]
    if playlist.is_ended:
        lines.append("#EXT-X-ENDLIST")
    return lines


def _control(control: ServerControl) -> str:
    attributes: Iterable[tuple[str, int]] = (
        ("CAN-SKIP-UNTIL", control.can_skip_until_us),
        ("HOLD-BACK", control.hold_back_us),
        ("PART-HOLD-BACK", control.part_hold_back_us),
    )
    said = ["CAN-BLOCK-RELOAD=YES"] if control.can_block_reload else []
    return ",".join([*said, *(f"{name}={_seconds(value)}" for name, value in attributes if value)])


def _part_line(part: MediaPart) -> str:
    independent = ",INDEPENDENT=YES" if part.is_independent else ""
    gap = ",GAP=YES" if part.is_gap else ""
    return f'#EXT-X-PART:DURATION={_seconds(part.duration_us)},URI="{part.uri}"{independent}{gap}'


def _report_line(report: RenditionReport) -> str:
    part = "" if report.last_part is None else f",LAST-PART={report.last_part}"
    return f'#EXT-X-RENDITION-REPORT:URI="{report.uri}",LAST-MSN={report.last_msn}{part}'


def _seconds(microseconds: int) -> str:
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"


def _date_time(unix_ms: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=unix_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{unix_ms % 1000:03d}Z"
