"""The text of playlists, ours or anybody's, back to values: `parse(render(x)) == x`.  Pure.

A tag that we don't know is skipped, as RFC 8216bis §4.1 demands of clients.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import cast

from media.multivariant import KeyFrames, MultivariantPlaylist, Sound, Variant
from media.playlist import MediaEntry, MediaPart, MediaPlaylist, PlaylistType, RenditionReport, ServerControl

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]*)(?:,|$)')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_ENTRY = frozenset({"EXTINF", "EXT-X-DISCONTINUITY", "EXT-X-GAP", "EXT-X-PROGRAM-DATE-TIME", "EXT-X-BYTERANGE"})


class PlaylistError(ValueError):
    """The text is not the playlist it should be; names the first fault."""


@dataclass(slots=True)
class _Reading:
    """What was read so far of a media playlist."""

    tags: dict[str, str] = field(default_factory=dict)
    entries: list[MediaEntry] = field(default_factory=list)
    reports: list[RenditionReport] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)
    """Tags of the next segment."""
    parts: list[MediaPart] = field(default_factory=list)
    map_uri: str | None = None
    is_map_fresh: bool = False
    """No segment has had it yet."""
    hint_uri: str | None = None


def parse_media(text: str) -> MediaPlaylist:
    """Read a media playlist, or a delta of one.

    Raises:
        PlaylistError: not a media playlist, or a value that is none.
    """
    reading = _Reading()
    for name, value in _lines(text):
        _take(reading, name, value)
    tags = reading.tags
    if "EXT-X-TARGETDURATION" not in tags:
        raise PlaylistError("no EXT-X-TARGETDURATION")
    playlist_type = tags.get("EXT-X-PLAYLIST-TYPE", "")
    if playlist_type not in {"", "EVENT", "VOD"}:
        raise PlaylistError(f"{playlist_type[:80]!r} is no playlist type")
    control = tags.get("EXT-X-SERVER-CONTROL")
    return MediaPlaylist(
        target_duration_seconds=_whole(tags["EXT-X-TARGETDURATION"]),
        media_sequence=_whole(tags.get("EXT-X-MEDIA-SEQUENCE", "0")),
        discontinuity_sequence=_whole(tags.get("EXT-X-DISCONTINUITY-SEQUENCE", "0")),
        entries=tuple(reading.entries),
        open_entry=_open_entry(reading),
        control=None if control is None else _control(_attributes(control)),
        part_target_us=_microseconds(_attributes(tags.get("EXT-X-PART-INF", "")).get("PART-TARGET", "0")),
        skipped_segments=_whole(_attributes(tags.get("EXT-X-SKIP", "")).get("SKIPPED-SEGMENTS", "0")),
        hint_uri=reading.hint_uri,
        reports=tuple(reading.reports),
        playlist_type=cast("PlaylistType", playlist_type),
        is_iframes_only="EXT-X-I-FRAMES-ONLY" in tags,
        is_independent="EXT-X-INDEPENDENT-SEGMENTS" in tags,
        is_ended="EXT-X-ENDLIST" in tags,
    )


def reassemble(before: MediaPlaylist, delta: MediaPlaylist) -> MediaPlaylist:
    """The whole list that a delta stands for, with what an earlier whole list had of the skipped segments.

    Raises:
        PlaylistError: the earlier list lacks some of them.
    """
    if not delta.skipped_segments:
        return delta
    first = delta.media_sequence - before.media_sequence
    kept = before.entries[first : first + delta.skipped_segments] if first >= 0 else ()
    if len(kept) < delta.skipped_segments:
        raise PlaylistError(f"{delta.skipped_segments - len(kept)} of the skipped segments were never listed")
    bare = tuple(replace(entry, parts=()) for entry in kept)  # too far from the end to show parts
    return replace(delta, entries=(*bare, *delta.entries), skipped_segments=0)


def parse_multivariant(text: str) -> MultivariantPlaylist:
    """Read a multivariant playlist.

    Raises:
        PlaylistError: not a playlist, or a value that is none.
    """
    variants: list[Variant] = []
    sounds: list[Sound] = []
    key_frames: list[KeyFrames] = []
    is_independent = False
    pending: dict[str, str] | None = None
    for name, value in _lines(text):
        match name:
            case "":
                if pending is None:
                    raise PlaylistError(f"{value[:80]!r} has no EXT-X-STREAM-INF")
                variants.append(_variant(value, pending))
                pending = None
            case "EXT-X-STREAM-INF":
                pending = _attributes(value)
            case "EXT-X-MEDIA":
                attributes = _attributes(value)
                if attributes.get("TYPE") == "AUDIO" and "URI" in attributes:
                    sounds.append(_sound(attributes))
            case "EXT-X-I-FRAME-STREAM-INF":
                key_frames.append(_key_frames(_attributes(value)))
            case "EXT-X-INDEPENDENT-SEGMENTS":
                is_independent = True
            case _:
                pass
    return MultivariantPlaylist(tuple(variants), tuple(sounds), tuple(key_frames), is_independent)


def _take(reading: _Reading, name: str, value: str) -> None:
    match name:
        case "":
            reading.entries.append(_entry(reading, value))
            reading.pending, reading.parts, reading.is_map_fresh = {}, [], False
        case "EXT-X-MAP":
            reading.map_uri, reading.is_map_fresh = _attributes(value).get("URI", ""), True
        case "EXT-X-PART":
            reading.parts.append(_part(_attributes(value)))
        case "EXT-X-RENDITION-REPORT":
            reading.reports.append(_report(_attributes(value)))
        case "EXT-X-PRELOAD-HINT":
            hint = _attributes(value)
            reading.hint_uri = hint.get("URI", "") if hint.get("TYPE") == "PART" else reading.hint_uri
        case _ if name in _OF_ENTRY:
            reading.pending[name] = value
        case _:
            reading.tags[name] = value


def _lines(text: str) -> list[tuple[str, str]]:
    """Tags as (name, value) and addresses as ("", address), without comments."""
    lines = [line.strip() for line in re.split(r"\r?\n", text)]
    if lines[0] != "#EXTM3U":
        raise PlaylistError("no #EXTM3U")
    pairs: list[tuple[str, str]] = []
    for line in lines[1:]:
        if line.startswith("#EXT"):
            name, _, value = line[1:].partition(":")
            pairs.append((name, value))
        elif line and not line.startswith("#"):
            pairs.append(("", line))
    return pairs


def _entry(reading: _Reading, uri: str) -> MediaEntry:
    pending = reading.pending
    if "EXTINF" not in pending:
        raise PlaylistError(f"{uri[:80]!r} has no EXTINF")
    moment = pending.get("EXT-X-PROGRAM-DATE-TIME")
    return MediaEntry(
        uri=uri,
        duration_us=_microseconds(pending["EXTINF"].split(",")[0]),
        map_uri=reading.map_uri,
        program_date_time_ms=None if moment is None else _date_time(moment),
        has_discontinuity="EXT-X-DISCONTINUITY" in pending,
        is_gap="EXT-X-GAP" in pending,
        byte_range=_byte_range(pending.get("EXT-X-BYTERANGE")),
        parts=tuple(reading.parts),
    )


def _open_entry(reading: _Reading) -> MediaEntry | None:
    """What stands behind the last whole segment: parts, or their tags alone."""
    if not reading.parts and not reading.pending and not reading.is_map_fresh:
        return None
    moment = reading.pending.get("EXT-X-PROGRAM-DATE-TIME")
    return MediaEntry(
        uri="",
        duration_us=0,
        map_uri=reading.map_uri,
        program_date_time_ms=None if moment is None else _date_time(moment),
        has_discontinuity="EXT-X-DISCONTINUITY" in reading.pending,
        parts=tuple(reading.parts),
    )


def _part(attributes: Mapping[str, str]) -> MediaPart:
    return MediaPart(
        uri=attributes.get("URI", ""),
        duration_us=_microseconds(attributes.get("DURATION", "")),
        is_independent=attributes.get("INDEPENDENT") == "YES",
        is_gap=attributes.get("GAP") == "YES",
    )


def _report(attributes: Mapping[str, str]) -> RenditionReport:
    part = attributes.get("LAST-PART")
    return RenditionReport(
        uri=attributes.get("URI", ""),
        last_msn=_whole(attributes.get("LAST-MSN", "")),
        last_part=None if part is None else _whole(part),
    )


def _control(attributes: Mapping[str, str]) -> ServerControl:
    return ServerControl(
        can_block_reload=attributes.get("CAN-BLOCK-RELOAD") == "YES",
        can_skip_until_us=_microseconds(attributes.get("CAN-SKIP-UNTIL", "0")),
        hold_back_us=_microseconds(attributes.get("HOLD-BACK", "0")),
        part_hold_back_us=_microseconds(attributes.get("PART-HOLD-BACK", "0")),
    )


def _byte_range(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    length, _, offset = text.partition("@")
    return _whole(length), _whole(offset or "0")


def _variant(uri: str, attributes: Mapping[str, str]) -> Variant:
    rate = attributes.get("FRAME-RATE")
    return Variant(
        uri=uri,
        bandwidth_bps=_whole(attributes.get("BANDWIDTH", "")),
        average_bps=_whole(attributes.get("AVERAGE-BANDWIDTH", "0")),
        codecs=_codecs(attributes),
        resolution=_resolution(attributes),
        frames_per_1000_seconds=None if rate is None else _scaled(rate, 1000),
        audio_group=attributes.get("AUDIO"),
    )


def _key_frames(attributes: Mapping[str, str]) -> KeyFrames:
    return KeyFrames(
        uri=attributes.get("URI", ""),
        bandwidth_bps=_whole(attributes.get("BANDWIDTH", "")),
        codecs=_codecs(attributes),
        resolution=_resolution(attributes),
    )


def _codecs(attributes: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(codec.strip() for codec in attributes.get("CODECS", "").split(",") if codec.strip())


def _resolution(attributes: Mapping[str, str]) -> tuple[int, int] | None:
    width, times, height = attributes.get("RESOLUTION", "").partition("x")
    return (_whole(width), _whole(height)) if times else None


def _sound(attributes: Mapping[str, str]) -> Sound:
    return Sound(
        group=attributes.get("GROUP-ID", ""),
        name=attributes.get("NAME", ""),
        language=attributes.get("LANGUAGE", ""),
        uri=attributes["URI"],
        channels=_whole(attributes.get("CHANNELS", "0").split("/")[0]),
        is_default=attributes.get("DEFAULT") == "YES",
    )


def _attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise PlaylistError(f"{text[:80]!r} is not a whole number")
    return int(text)


def _microseconds(text: str) -> int:
    return _scaled(text, 1_000_000)


def _scaled(text: str, scale: int) -> int:
    try:
        number = Decimal(text) if len(text) <= 40 else Decimal("NaN")
        if not 0 <= number < 10**9:
            raise PlaylistError(f"{text[:80]!r} is not a number of seconds or frames")
    except InvalidOperation as error:  # also what a comparison with NaN signals
        raise PlaylistError(f"{text[:80]!r} is not a number") from error
    return round(Fraction(number) * scale)


def _date_time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise PlaylistError(f"{text[:80]!r} is not a date and time") from error
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
