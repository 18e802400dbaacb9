"""Learn from an encoder's tags what it sends, and notice when that changes.  Pure: times come in.

Start rule: at the first key frame, once the picture's size is known and sound is known to come or not to come; sound
alone starts after `SOUND_ONLY_MS`.  A change of configuration or a break in time ends what was built on the old one:
the next start is at the next key frame.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import msgspec

from media.avc import AudioConfig, ConfigError, VideoConfig, parse_audio_config, parse_video_config
from media.flv import FlvError, Kind, Tag, Value, parse_audio, parse_metadata, parse_video
from media.frames import FrameMeter

SOUND_WAIT_MS = 700
"""How much video may pass before its source counts as one without sound."""
SOUND_ONLY_MS = 2_000
JUMP_FORWARD_MS = 3_000
JUMP_BACK_MS = 1_000
RATE_SPAN_MS = 4_000
KEYS_KEPT = 6
GOP_TOLERANCE_MS = 60

Change = Literal["resolution_changed", "codec_changed", "timestamp_jump", "sound_appeared", "picture_appeared"]


@dataclass(frozen=True, slots=True)
class Source:
    """What the ladder is planned from."""

    video_codec: str | None
    width: int
    height: int
    fps: float
    """Of the tags' times, else of the headers; 0 without video."""
    is_copyable: bool
    """H.264, 8 bit 4:2:0, progressive, at most High: what every player takes as it is."""
    audio_codec: str | None
    rate_hz: int
    channels: int
    video_kbps: float
    """As the encoder's metadata claims; 0 where it says nothing."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One tag, put on a time line without wraps."""

    tag: Tag
    time_ms: int
    is_key: bool
    is_config: bool
    change: Change | None


@dataclass(frozen=True, slots=True)
class Health:
    """What the dashboard shows every two seconds; rates over the last `RATE_SPAN_MS` of media."""

    fps: float
    video_kbps: float
    audio_kbps: float
    keyframe_seconds: float
    """The longest recent distance, the one that is still open included; 0 before the first key frame."""
    last_keyframe_seconds: float = 0.0
    """The last whole distance; 0 before the second key frame."""
    are_keys_regular: bool | None = None
    """None before the third key frame."""
    nominal_fps: float = 0.0
    """What the encoder claims to send."""
    missing_frames: int = 0
    """Holes of the last minute, against the nominal rate."""
    missing_percent: float = 0.0
    b_frames: int = 0
    timestamp_jumps: int = 0
    """In ten minutes."""
    sound_away_seconds: float = 0.0
    """For how long the sound that there was has stayed away while the picture went on."""
    steady_seconds: float = 0.0
    """Media since the stream began or changed: rates over much less say little."""


_OF_THE_PICTURE = {"width", "height", "framerate", "videoframerate", "videodatarate"}


@dataclass(slots=True)
class _Stream:
    config: bytes = b""
    codec: str | None = None
    last_ms: int | None = None
    recent: deque[tuple[int, int]] = field(default_factory=deque)
    """(time, bytes) of the last seconds' frames."""

    def note(self, time_ms: int, size: int) -> None:
        self.last_ms = time_ms
        self.recent.append((time_ms, size))
        while self.recent[0][0] < time_ms - RATE_SPAN_MS or len(self.recent) > 2_000:
            self.recent.popleft()

    def clear(self) -> None:
        self.last_ms = None
        self.recent.clear()

    def span_seconds(self) -> float:
        return (self.recent[-1][0] - self.recent[0][0]) / 1000 if len(self.recent) > 1 else 0.0

    def kbps(self) -> float:
        span = self.span_seconds()
        return sum(size for _, size in self.recent) * 8 / 1000 / span if span > 0 else 0.0

    def rate(self) -> float:
        span = self.span_seconds()
        return (len(self.recent) - 1) / span if span > 0 else 0.0


class SourceWatch:
    """Feed every tag in order; ask for the source, its health, and its faults."""

    def __init__(self) -> None:
        self.metadata: dict[str, Value] = {}
        self._is_metadata_new = False
        """It came after the picture's last configuration."""
        self._video = _Stream()
        self._audio = _Stream()
        self._video_config: VideoConfig | None = None
        self._audio_config: AudioConfig | None = None
        self._clock_ms: int | None = None
        self._raw_ms = 0
        self._start_ms: int | None = None
        self._picture_start_ms: int | None = None
        self._keys: deque[int] = deque(maxlen=KEYS_KEPT)
        self._meter = FrameMeter()
        self._has_frames = False
        self._had_sound = True
        self._had_picture = True

    def take(self, tag: Tag) -> Seen:
        """Note one tag.

        Raises:
            FlvError: the tag itself is malformed.
        """
        if tag.kind is Kind.SCRIPT:
            found = parse_metadata(tag.data)
            self.metadata = found or self.metadata
            self._is_metadata_new = self._is_metadata_new or bool(found)
            return Seen(tag, self._clock_ms or 0, is_key=False, is_config=True, change=None)
        time_ms = self._unwrap(tag.time_ms)
        return self._take_video(tag, time_ms) if tag.kind is Kind.VIDEO else self._take_audio(tag, time_ms)

    def _unwrap(self, raw_ms: int) -> int:
        """RTMP's clock has 32 bits: take the shortest way from the last value."""
        if self._clock_ms is None:
            self._clock_ms = raw_ms
        else:
            self._clock_ms += (raw_ms - self._raw_ms + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
        self._raw_ms = raw_ms
        return self._clock_ms

    def _take_video(self, tag: Tag, time_ms: int) -> Seen:
        head = parse_video(tag.data)
        stream = self._video
        if head.packet == "other":
            return Seen(tag, time_ms, is_key=False, is_config=True, change=None)
        change: Change | None = None
        if stream.codec is not None and head.codec != stream.codec:
            change = "codec_changed"
        stream.codec = head.codec
        if head.packet == "config":
            config = tag.data[head.payload_at :]
            if head.codec == "h264" and config != stream.config:
                change = change or self._note_video_config(config)
            if change:
                self._reset(change)
            return Seen(tag, time_ms, is_key=False, is_config=True, change=change)
        change = change or self._jump(stream, time_ms)
        if change is None and not self._had_picture and head.is_key and self._video_config is not None:
            change = "picture_appeared"
        if change:
            self._reset(change)
        self._has_frames = True
        stream.note(time_ms, len(tag.data))
        self._meter.pass_time(time_ms, JUMP_FORWARD_MS)
        self._meter.take(time_ms, _shown_later_ms(tag.data), 1000 / self._fps(), is_key=head.is_key)
        if head.is_key:
            self._keys.append(time_ms)
            if self._picture_start_ms is None:
                self._picture_start_ms = time_ms
        return Seen(tag, time_ms, is_key=head.is_key, is_config=False, change=change)

    def _note_video_config(self, config: bytes) -> Change | None:
        try:
            parsed = parse_video_config(config)
        except ConfigError as error:
            raise FlvError(str(error)) from error
        old, self._video_config = self._video_config, parsed
        self._video.config = config
        is_described, self._is_metadata_new = self._is_metadata_new, False
        if old is None:
            return None
        if not is_described:  # encoders that change their minds don't tell again: what was told is of another picture
            self.metadata = {name: value for name, value in self.metadata.items() if name not in _OF_THE_PICTURE}
        return "codec_changed" if (old.width, old.height) == (parsed.width, parsed.height) else "resolution_changed"

    def _take_audio(self, tag: Tag, time_ms: int) -> Seen:
        head = parse_audio(tag.data)
        stream = self._audio
        change: Change | None = None
        if stream.codec is not None and head.codec != stream.codec:
            change = "codec_changed"
        stream.codec = head.codec
        if head.packet == "config":
            config = tag.data[head.payload_at :]
            if config != stream.config:
                change = "codec_changed" if stream.config else change
                try:
                    self._audio_config = parse_audio_config(config)
                except ConfigError as error:
                    raise FlvError(str(error)) from error
                stream.config = config
            if change:
                self._reset(change)
            return Seen(tag, time_ms, is_key=False, is_config=True, change=change)
        change = change or self._jump(stream, time_ms)
        if change is None and not self._had_sound:
            change = "sound_appeared"
        if change:
            self._reset(change)
        stream.note(time_ms, len(tag.data))
        self._meter.pass_time(time_ms, JUMP_FORWARD_MS)
        if self._start_ms is None:
            self._start_ms = time_ms
        return Seen(tag, time_ms, is_key=False, is_config=False, change=change)

    def _jump(self, stream: _Stream, time_ms: int) -> Change | None:
        if stream.last_ms is None or -JUMP_BACK_MS <= time_ms - stream.last_ms <= JUMP_FORWARD_MS:
            return None
        return "timestamp_jump"

    def _reset(self, change: Change) -> None:
        """Begin anew: nothing measured before a change says anything about what follows."""
        self._meter.begin(is_jump=change == "timestamp_jump")
        self._keys.clear()
        self._video.clear()
        self._audio.clear()
        self._start_ms = self._picture_start_ms = None
        self._had_sound = self._had_picture = True

    def source(self) -> Source | None:
        """The source, once there is enough to start on; settles whether it has sound and picture."""
        if self.lacks_header:
            return None  # a picture of unknown size: nothing can be planned, and no decoder could read it
        now_ms = self._clock_ms or 0
        has_sound = self._audio.codec is not None and (self._audio.codec != "aac" or self._audio_config is not None)
        if self._picture_start_ms is None:
            if self._start_ms is None or now_ms - self._start_ms < SOUND_ONLY_MS or not has_sound:
                return None
        elif not has_sound and self._expects_sound() and now_ms - self._picture_start_ms < SOUND_WAIT_MS:
            return None
        has_picture = self._picture_start_ms is not None
        self._had_sound, self._had_picture = has_sound, has_picture
        video = self._video_config if has_picture else None
        return Source(
            video_codec=self._video.codec if has_picture else None,
            width=video.width if video else 0,
            height=video.height if video else 0,
            fps=self._fps() if has_picture else 0.0,
            is_copyable=bool(
                video and video.is_8bit_420 and video.is_progressive and video.profile in {66, 77, 88, 100}
            ),
            audio_codec=self._audio.codec if has_sound else None,
            rate_hz=self._audio_config.rate_hz if has_sound and self._audio_config else 0,
            channels=self._audio_config.channels if has_sound and self._audio_config else 0,
            video_kbps=self._number("videodatarate"),
        )

    @property
    def lacks_header(self) -> bool:
        """Frames of a picture have come, but never the sequence header that they need."""
        return self._has_frames and self._video_config is None

    def unsupported(self) -> str | None:
        """The codec that keeps this source from being transcoded, from tags or from the metadata alone."""
        if self._video.codec is not None:
            return None if self._video.codec == "h264" else self._video.codec
        claimed = self.metadata.get("videocodecid")
        if isinstance(claimed, str):
            return None if claimed.lower() in {"avc1", "h264", "avc", ""} else claimed.lower()[:16]
        if isinstance(claimed, float) and claimed not in {0.0, 7.0} and 0 < claimed < 2**32:
            code = int(claimed)
            return code.to_bytes(4, "big").decode("latin-1") if code >= 2**24 else f"video-{code}"
        return None

    def fixed_gop_seconds(self) -> float | None:
        """The proven distance of key frames: five equal ones in a row."""
        gaps = self._gaps()
        if len(gaps) < KEYS_KEPT - 1 or max(gaps) - min(gaps) > GOP_TOLERANCE_MS:
            return None
        return sum(gaps) / len(gaps) / 1000

    def health(self) -> Health:
        """The state of the last seconds."""
        gaps = self._gaps()
        is_open = [self._video.last_ms - self._keys[-1]] if self._keys and self._video.last_ms is not None else []
        sound_ms, picture_ms = self._audio.last_ms, self._video.last_ms
        away_ms = 0 if sound_ms is None or picture_ms is None else max(0, picture_ms - sound_ms)
        return Health(
            fps=self._video.rate(),
            video_kbps=self._video.kbps(),
            audio_kbps=self._audio.kbps() if away_ms < RATE_SPAN_MS else 0.0,
            keyframe_seconds=max([*gaps, *is_open], default=0) / 1000,
            last_keyframe_seconds=gaps[-1] / 1000 if gaps else 0.0,
            are_keys_regular=max(gaps) - min(gaps) <= GOP_TOLERANCE_MS if len(gaps) > 1 else None,
            nominal_fps=self._fps() if self._video.last_ms is not None else 0.0,
            missing_frames=self._meter.missing,
            missing_percent=self._meter.missing_percent,
            b_frames=self._meter.b_frames,
            timestamp_jumps=self._meter.jumps,
            sound_away_seconds=away_ms / 1000,
            steady_seconds=self._meter.steady_seconds,
        )

    def config_tags(self) -> list[Tag]:
        """The sequence headers to put before the first frame of a new reader."""
        tags = []
        if self._video.config:
            tags.append(Tag(Kind.VIDEO, 0, b"\x17\x00\x00\x00\x00" + self._video.config))
        if self._audio.config:
            tags.append(Tag(Kind.AUDIO, 0, b"\xaf\x00" + self._audio.config))
        return tags

    def _gaps(self) -> list[int]:
        return [later - earlier for earlier, later in pairwise(self._keys)]

    def _expects_sound(self) -> bool:
        """Encoders that send metadata name their sound there; without metadata we wait."""
        return not self.metadata or "audiocodecid" in self.metadata or "audiodatarate" in self.metadata

    def _fps(self) -> float:
        declared = self._video_config.fps if self._video_config else None
        claimed = self._number("framerate") or self._number("videoframerate")
        for rate in (claimed, declared, self._video.rate()):
            if rate and 1 <= rate <= 240:
                return rate
        return 30.0

    def _number(self, name: str) -> float:
        value = self.metadata.get(name)
        return value if isinstance(value, float) and 0 < value < 1e9 else 0.0


def _shown_later_ms(data: bytes) -> int:
    """The composition time of an AVC frame (FLV 10.1, E.4.3.1: signed, 24 bits); 0 for anything else."""
    return int.from_bytes(data[2:5], "big", signed=True) if data[0] & 0x8F == 7 else 0
