"""The FLV that one FFmpeg run is fed: time from 0, headers first, silence for a source without sound.  Pure."""

from media.flv import HEADER, Kind, Tag, write_tag
from media.source import Seen, Source

_SILENT_CONFIG = b"\xaf\x00\x11\x90"
"""AAC-LC, 48 kHz, stereo."""
_SILENT_FRAME = b"\xaf\x01\x21\x10\x04\x60\x8c\x1c"
"""One AAC-LC frame of stereo silence: 1,024 samples."""
_SILENT_RATE_HZ = 48_000
_FRAME_SAMPLES = 1_024


class Feed:
    """Turns the tags of one run into bytes; the first one's time becomes 0."""

    def __init__(self, source: Source, configs: list[Tag]) -> None:
        self._configs = configs
        self._is_silent = source.audio_codec is None
        self._has_picture = source.video_codec is not None
        self._silent_frames = 0
        self._base_ms: int | None = None
        self.seconds = 0.0
        """Of media that were taken."""

    def start(self) -> bytes:
        """The header and the sequence headers."""
        wanted = [tag for tag in self._configs if self._is_wanted(tag)]
        if self._is_silent:
            wanted.append(Tag(Kind.AUDIO, 0, _SILENT_CONFIG))
        return HEADER + b"".join(map(write_tag, wanted))

    def take(self, seen: Seen) -> bytes:
        """One tag; nothing for a sequence header, a script, or a frame from before the start."""
        if seen.is_config or not self._is_wanted(seen.tag):
            return b""
        if self._base_ms is None:
            self._base_ms = seen.time_ms
        time_ms = seen.time_ms - self._base_ms
        if time_ms < 0:
            return b""
        self.seconds = max(self.seconds, time_ms / 1000)
        return self._silence_until(time_ms) + write_tag(Tag(seen.tag.kind, time_ms, seen.tag.data))

    def _is_wanted(self, tag: Tag) -> bool:
        return (tag.kind is Kind.VIDEO and self._has_picture) or (tag.kind is Kind.AUDIO and not self._is_silent)

    def _silence_until(self, time_ms: int) -> bytes:
        out = b""
        while self._is_silent and self._silent_frames * _FRAME_SAMPLES * 1000 <= time_ms * _SILENT_RATE_HZ:
            at_ms = self._silent_frames * _FRAME_SAMPLES * 1000 // _SILENT_RATE_HZ
            out += write_tag(Tag(Kind.AUDIO, at_ms, _SILENT_FRAME))
            self._silent_frames += 1
        return out
