"""HLS playlists as values, rendered to text and parsed back: `parse(render(x)) == x`.  Pure.

A tag that we don't know is skipped, as RFC 8216bis §4.1 demands of clients.  Low-latency tags are not written yet: the
parts wait in the window.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from media.window import Live, MediaWindow, Rendition

START_BPS = 2_000_000
"""The variant listed first, with which players begin, is the one nearest to this (Apple's rule 1.32)."""
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]*)(?:,|$)')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PlaylistError(ValueError):
    """The text is not the playlist it should be; names the first fault."""


@dataclass(frozen=True, slots=True)
class MediaEntry:
    """One segment as a media playlist lists it."""

    uri: str
    duration_us: int
    map_uri: str | None = None
    """The initialization section in force."""
    program_date_time_ms: int | None = None
    has_discontinuity: bool = False
    is_gap: bool = False


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """One rendition's list."""

    target_duration_seconds: int
    media_sequence: int
    discontinuity_sequence: int
    entries: tuple[MediaEntry, ...] = ()
    is_independent: bool = True
    is_ended: bool = False

    @property
    def version(self) -> int:
        """The lowest that allows what is in it: EXT-X-MAP needs 6, fractions of seconds 3 (RFC 8216bis §8)."""
        return 6 if any(entry.map_uri for entry in self.entries) else 3


@dataclass(frozen=True, slots=True)
class Sound:
    """One EXT-X-MEDIA of TYPE=AUDIO."""

    group: str
    name: str
    language: str
    uri: str
    channels: int = 0
    """0: not said."""
    is_default: bool = True


@dataclass(frozen=True, slots=True)
class Variant:
    """One EXT-X-STREAM-INF; bits per second."""

    uri: str
    bandwidth_bps: int
    average_bps: int
    codecs: tuple[str, ...]
    resolution: tuple[int, int] | None = None
    frames_per_1000_seconds: int | None = None
    """FRAME-RATE has three decimals."""
    audio_group: str | None = None


@dataclass(frozen=True, slots=True)
class MultivariantPlaylist:
    """What a player can choose from, in the order in which it should begin."""

    variants: tuple[Variant, ...]
    sounds: tuple[Sound, ...] = ()
    is_independent: bool = True


# --- from what is live -----------------------------------------------------------------------------------------------


def media_playlist(window: MediaWindow, folder: str) -> MediaPlaylist:
    """A rendition's list; `folder` is the address of its segments, without a slash at the end."""
    return MediaPlaylist(
        target_duration_seconds=window.target_duration_seconds,
        media_sequence=window.media_sequence,
        discontinuity_sequence=window.discontinuity_sequence,
        entries=tuple(
            MediaEntry(
                uri=f"{folder}/{segment.name}",
                duration_us=round(segment.duration * 1_000_000),
                map_uri=f"{folder}/{segment.init}",
                program_date_time_ms=segment.program_date_time_ms,
                has_discontinuity=segment.has_discontinuity,
                is_gap=segment.is_gap,
            )
            for segment in window.segments
        ),
        is_ended=window.is_ended,
    )


def multivariant_playlist(live: Live) -> MultivariantPlaylist | None:
    """What a player can choose from; None while nothing plays yet.

    Players read this list once, so it waits for every rendition's first segment; but no longer than until one has two.
    """
    ready = [item for item in live.renditions if item.name in live.windows and live.windows[item.name].segments]
    longest = max((len(live.windows[item.name].segments) for item in ready), default=0)
    if not ready or (len(ready) < len(live.renditions) and longest < 2):
        return None
    sounds = [item for item in ready if item.kind == "audio"]
    groups = {item.group for item in sounds if item.group}
    variants = [_variant(item, sounds, live) for item in ready if item.kind == "video"]
    variants.sort(key=lambda variant: -variant.bandwidth_bps)
    if variants:
        first = min(variants, key=lambda variant: abs(variant.bandwidth_bps - START_BPS))
        variants.remove(first)
        variants.insert(0, first)
    return MultivariantPlaylist(
        variants=(*variants, *(_variant(item, sounds, live) for item in sounds)),
        sounds=tuple(_sound(item, sounds) for item in sounds if item.group in groups),
    )


def _variant(item: Rendition, sounds: list[Rendition], live: Live) -> Variant:
    heard = [sound for sound in sounds if item.group and sound.group == item.group and sound is not item]
    if item.kind == "audio":
        heard = []
    peaks = [_peak(sound, live) for sound in heard]
    averages = [_average(sound, live) for sound in heard]
    return Variant(
        uri=f"{item.name}/index.m3u8",
        bandwidth_bps=_peak(item, live) + max(peaks, default=0),
        average_bps=_average(item, live) + max(averages, default=0),
        codecs=tuple(dict.fromkeys([item.codecs, *(sound.codecs for sound in heard)])),
        resolution=(item.width, item.height) if item.kind == "video" else None,
        frames_per_1000_seconds=round(item.fps * 1000) if item.kind == "video" else None,
        audio_group=item.group if heard or (item.kind == "audio" and item.group) else None,
    )


def _sound(item: Rendition, sounds: list[Rendition]) -> Sound:
    return Sound(
        group=item.group,
        name=item.label or item.name,
        language=item.language,
        uri=f"{item.name}/index.m3u8",
        channels=item.channels,
        is_default=item is next(sound for sound in sounds if sound.group == item.group),
    )


def _peak(item: Rendition, live: Live) -> int:
    """What the encoder may reach, or what it did reach: a quiet beginning must not promise a small stream."""
    return max(item.peak_bps, live.windows[item.name].measured_peak_bps, _average(item, live))


def _average(item: Rendition, live: Live) -> int:
    return live.windows[item.name].measured_average_bps or item.average_bps


# --- to text ---------------------------------------------------------------------------------------------------------


def render_media(playlist: MediaPlaylist) -> str:
    """The text of a media playlist."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{playlist.version}"]
    if playlist.is_independent:
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    lines += [
        f"#EXT-X-TARGETDURATION:{playlist.target_duration_seconds}",
        f"#EXT-X-MEDIA-SEQUENCE:{playlist.media_sequence}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{playlist.discontinuity_sequence}",
    ]
    map_uri = None
    for entry in playlist.entries:
        if entry.has_discontinuity:
            lines.append("#EXT-X-DISCONTINUITY")
        if entry.map_uri and entry.map_uri != map_uri:
            map_uri = entry.map_uri
            lines.append(f'#EXT-X-MAP:URI="{map_uri}"')
        if entry.program_date_time_ms is not None:
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date_time(entry.program_date_time_ms)}")
        if entry.is_gap:
            lines.append("#EXT-X-GAP")
        lines += [f"#EXTINF:{entry.duration_us // 1_000_000}.{entry.duration_us % 1_000_000:06d},", entry.uri]
    if playlist.is_ended:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join([*lines, ""])


def render_multivariant(playlist: MultivariantPlaylist) -> str:
    """The text of a multivariant playlist; nothing in it needs an EXT-X-VERSION above 1."""
    lines = ["#EXTM3U"]
    if playlist.is_independent:
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    for sound in playlist.sounds:
        flag = "YES" if sound.is_default else "NO"
        channels = f',CHANNELS="{sound.channels}"' if sound.channels else ""
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{sound.group}",NAME="{sound.name}",LANGUAGE="{sound.language}",'
            f'DEFAULT={flag},AUTOSELECT=YES{channels},URI="{sound.uri}"'
        )
    for variant in playlist.variants:
        attributes = [
            f"BANDWIDTH={variant.bandwidth_bps}",
            f"AVERAGE-BANDWIDTH={variant.average_bps}",
            f'CODECS="{",".join(variant.codecs)}"',
        ]
        if variant.resolution is not None:
            attributes.append(f"RESOLUTION={variant.resolution[0]}x{variant.resolution[1]}")
        if (frames := variant.frames_per_1000_seconds) is not None:
            attributes.append(f"FRAME-RATE={frames // 1000}.{frames % 1000:03d}")
        if variant.audio_group is not None:
            attributes.append(f'AUDIO="{variant.audio_group}"')
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", variant.uri]
    return "\n".join([*lines, ""])


def _date_time(unix_ms: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=unix_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{unix_ms % 1000:03d}Z"


# --- from text -------------------------------------------------------------------------------------------------------


def parse_media(text: str) -> MediaPlaylist:
    """Read a media playlist.

    Raises:
        PlaylistError: not a media playlist, or a value that is none.
    """
    tags: dict[str, str] = {}
    entries: list[MediaEntry] = []
    pending: dict[str, str] = {}  # tags of the next segment
    map_uri: str | None = None
    for name, value in _lines(text):
        match name:
            case "":
                entries.append(_entry(value, pending, map_uri))
                pending = {}
            case "EXT-X-MAP":
                map_uri = _attributes(value).get("URI", "")
            case "EXTINF" | "EXT-X-DISCONTINUITY" | "EXT-X-GAP" | "EXT-X-PROGRAM-DATE-TIME":
                pending[name] = value
            case _:
                tags[name] = value
    if "EXT-X-TARGETDURATION" not in tags:
        raise PlaylistError("no EXT-X-TARGETDURATION")
    return MediaPlaylist(
        target_duration_seconds=_whole(tags["EXT-X-TARGETDURATION"]),
        media_sequence=_whole(tags.get("EXT-X-MEDIA-SEQUENCE", "0")),
        discontinuity_sequence=_whole(tags.get("EXT-X-DISCONTINUITY-SEQUENCE", "0")),
        entries=tuple(entries),
        is_independent="EXT-X-INDEPENDENT-SEGMENTS" in tags,
        is_ended="EXT-X-ENDLIST" in tags,
    )


def parse_multivariant(text: str) -> MultivariantPlaylist:
    """Read a multivariant playlist.

    Raises:
        PlaylistError: not a playlist, or a value that is none.
    """
    variants: list[Variant] = []
    sounds: list[Sound] = []
    is_independent = False
    pending: dict[str, str] | None = None
    for name, value in _lines(text):
        match name:
            case "":
                if pending is None:
                    raise PlaylistError(f"{value[:80]!r} has no EXT-X-STREAM-INF")
                variants.append(_parsed_variant(value, pending))
                pending = None
            case "EXT-X-STREAM-INF":
                pending = _attributes(value)
            case "EXT-X-MEDIA":
                attributes = _attributes(value)
                if attributes.get("TYPE") == "AUDIO" and "URI" in attributes:
                    sounds.append(_parsed_sound(attributes))
            case "EXT-X-INDEPENDENT-SEGMENTS":
                is_independent = True
            case _:
                pass
    return MultivariantPlaylist(tuple(variants), tuple(sounds), is_independent)


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


def _entry(uri: str, pending: dict[str, str], map_uri: str | None) -> MediaEntry:
    if "EXTINF" not in pending:
        raise PlaylistError(f"{uri[:80]!r} has no EXTINF")
    moment = pending.get("EXT-X-PROGRAM-DATE-TIME")
    return MediaEntry(
        uri=uri,
        duration_us=_scaled(pending["EXTINF"].split(",")[0], 1_000_000),
        map_uri=map_uri,
        program_date_time_ms=None if moment is None else _parsed_date_time(moment),
        has_discontinuity="EXT-X-DISCONTINUITY" in pending,
        is_gap="EXT-X-GAP" in pending,
    )


def _parsed_variant(uri: str, attributes: dict[str, str]) -> Variant:
    width, times, height = attributes.get("RESOLUTION", "").partition("x")
    rate = attributes.get("FRAME-RATE")
    return Variant(
        uri=uri,
        bandwidth_bps=_whole(attributes.get("BANDWIDTH", "")),
        average_bps=_whole(attributes.get("AVERAGE-BANDWIDTH", "0")),
        codecs=tuple(codec.strip() for codec in attributes.get("CODECS", "").split(",") if codec.strip()),
        resolution=(_whole(width), _whole(height)) if times else None,
        frames_per_1000_seconds=None if rate is None else _scaled(rate, 1000),
        audio_group=attributes.get("AUDIO"),
    )


def _parsed_sound(attributes: dict[str, str]) -> Sound:
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


def _scaled(text: str, scale: int) -> int:
    try:
        number = Decimal(text) if len(text) <= 40 else Decimal("NaN")
        if not 0 <= number < 10**9:
            raise PlaylistError(f"{text[:80]!r} is not a number of seconds or frames")
    except InvalidOperation as error:  # also what a comparison with NaN signals
        raise PlaylistError(f"{text[:80]!r} is not a number") from error
    return round(Fraction(number) * scale)


def _parsed_date_time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise PlaylistError(f"{text[:80]!r} is not a date and time") from error
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
