"""Multivariant playlists as values, and their text.  Pure; `media/playlist_reader.py` reads them back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from media.window import Live, Record, Rendition, live_start

START_BPS = 2_000_000
"""The variant listed first, with which players begin, is the one nearest to this (Apple's rule 1.32)."""
KEY_SHARE = 4
"""Until key frames were seen, one is taken for a quarter of its segment: more than x264 gives one in 2 s."""


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
class KeyFrames:
    """One EXT-X-I-FRAME-STREAM-INF."""

    uri: str
    bandwidth_bps: int
    codecs: tuple[str, ...]
    resolution: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class MultivariantPlaylist:
    """What a player can choose from, in the order in which it should begin."""

    variants: tuple[Variant, ...]
    sounds: tuple[Sound, ...] = ()
    key_frames: tuple[KeyFrames, ...] = ()
    is_independent: bool = True


@dataclass(frozen=True, slots=True)
class Measured:
    """What a rendition really sent; 0: not known."""

    peak_bps: int = 0
    average_bps: int = 0
    key_peak_bps: int = 0


NOTHING = Measured()


# --- from what is live, and from what is over ------------------------------------------------------------------------


def live_multivariant(live: Live, *, file: str = "index", iframes: str = "iframes") -> MultivariantPlaylist | None:
    """What a player can choose from; None while nothing plays yet.

    Players read this list once, so it waits for every rendition's first part or segment; but no longer than until one
    has two segments.  `file` and `iframes` name the lists in each rendition's folder, without `.m3u8`.
    """
    ready = [(item, tail) for item in live.renditions if (tail := live.tail(item.name)) and tail.segments]
    longest = max((len(tail.segments) for _, tail in ready), default=0)
    if not ready or (len(ready) < len(live.renditions) and longest < 2):
        return None
    recent = live.records[live_start(live) - live.first_sequence :]
    found = {
        item.name: Measured(tail.measured_peak_bps, tail.measured_average_bps, measure(recent, item.name).key_peak_bps)
        for item, tail in ready
    }
    return multivariant([item for item, _ in ready], found, file=file, iframes=iframes)


def vod_multivariant(renditions: Sequence[Rendition], records: Sequence[Record]) -> MultivariantPlaylist:
    """The same of a broadcast that is over, from all of its records, slate left out; empty without any."""
    played = [record for record in records if not record.is_slate]
    present = [item for item in renditions if any(item.name in record.pieces for record in played)]
    return multivariant(present, {item.name: measure(played, item.name) for item in present})


def measure(records: Iterable[Record], name: str) -> Measured:
    """The figures of a rendition's records: peaks of segments no shorter than half the longest (RFC 8216bis §4.1)."""
    pieces = [piece for record in records if (piece := record.pieces.get(name)) and piece.duration_ticks]
    if not pieces:
        return NOTHING
    longest = max(piece.duration_ticks / piece.timescale for piece in pieces)
    long = [piece for piece in pieces if 2 * piece.duration_ticks / piece.timescale >= longest]
    total_us = sum(piece.duration_ticks * 1_000_000 // piece.timescale for piece in pieces)
    return Measured(
        peak_bps=max(-(-piece.size_bytes * 8 * piece.timescale // piece.duration_ticks) for piece in long),
        average_bps=-(-sum(piece.size_bytes for piece in pieces) * 8_000_000 // max(1, total_us)),
        key_peak_bps=max(-(-piece.key_bytes * 8 * piece.timescale // piece.duration_ticks) for piece in long),
    )


def multivariant(
    items: Sequence[Rendition], measured: Mapping[str, Measured], *, file: str = "index", iframes: str = "iframes"
) -> MultivariantPlaylist:
    """These renditions as a player's choice: the variant to begin with first, the others from the best down."""
    sounds = [item for item in items if item.kind == "audio"]
    videos = [item for item in items if item.kind == "video"]
    groups = {item.group for item in sounds if item.group}
    variants = [_variant(item, sounds, measured, file) for item in videos]
    variants.sort(key=lambda variant: -variant.bandwidth_bps)
    if variants:
        first = min(variants, key=lambda variant: abs(variant.bandwidth_bps - START_BPS))
        variants.remove(first)
        variants.insert(0, first)
    return MultivariantPlaylist(
        variants=(*variants, *(_variant(item, sounds, measured, file) for item in sounds)),
        sounds=tuple(_sound(item, sounds, file) for item in sounds if item.group in groups),
        key_frames=tuple(_key_frames(item, measured.get(item.name, NOTHING), iframes) for item in videos),
    )


def _variant(item: Rendition, sounds: list[Rendition], measured: Mapping[str, Measured], file: str) -> Variant:
    heard = [sound for sound in sounds if item.kind == "video" and item.group and sound.group == item.group]
    playing = [item, *heard]
    peaks = [_peak(one, measured.get(one.name, NOTHING)) for one in playing]
    averages = [_average(one, measured.get(one.name, NOTHING)) for one in playing]
    return Variant(
        uri=f"{item.name}/{file}.m3u8",
        bandwidth_bps=peaks[0] + max(peaks[1:], default=0),
        average_bps=averages[0] + max(averages[1:], default=0),
        codecs=tuple(dict.fromkeys(one.codecs for one in playing)),
        resolution=(item.width, item.height) if item.kind == "video" else None,
        frames_per_1000_seconds=round(item.fps * 1000) if item.kind == "video" else None,
        audio_group=item.group if heard or (item.kind == "audio" and item.group) else None,
    )


def _sound(item: Rendition, sounds: list[Rendition], file: str) -> Sound:
    return Sound(
        group=item.group,
        name=item.label or item.name,
        language=item.language,
        uri=f"{item.name}/{file}.m3u8",
        channels=item.channels,
        is_default=item is next(sound for sound in sounds if sound.group == item.group),
    )


def _key_frames(item: Rendition, found: Measured, iframes: str) -> KeyFrames:
    return KeyFrames(
        uri=f"{item.name}/{iframes}.m3u8",
        bandwidth_bps=max(found.key_peak_bps, item.peak_bps // KEY_SHARE),
        codecs=(item.codecs,),
        resolution=(item.width, item.height),
    )


def _peak(item: Rendition, found: Measured) -> int:
    """What the encoder may reach, or what it did reach: a quiet beginning must not promise a small stream."""
    return max(item.peak_bps, found.peak_bps, _average(item, found))


def _average(item: Rendition, found: Measured) -> int:
    return found.average_bps or item.average_bps


# --- to text ---------------------------------------------------------------------------------------------------------


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
            *_resolution(variant.resolution),
        ]
        if (frames := variant.frames_per_1000_seconds) is not None:
            attributes.append(f"FRAME-RATE={frames // 1000}.{frames % 1000:03d}")
        if variant.audio_group is not None:
            attributes.append(f'AUDIO="{variant.audio_group}"')
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", variant.uri]
    for frames_of in playlist.key_frames:
        attributes = [
            f"BANDWIDTH={frames_of.bandwidth_bps}",
            f'CODECS="{",".join(frames_of.codecs)}"',
            *_resolution(frames_of.resolution),
            f'URI="{frames_of.uri}"',
        ]
        lines.append(f"#EXT-X-I-FRAME-STREAM-INF:{','.join(attributes)}")
    return "\n".join([*lines, ""])


def _resolution(size: tuple[int, int] | None) -> list[str]:
    return [] if size is None else [f"RESOLUTION={size[0]}x{size[1]}"]
