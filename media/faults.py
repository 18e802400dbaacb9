"""What can be wrong with an encoder's stream, and what to change in OBS.  Pure: one table.

Sources of thresholds: Twitch's broadcasting guidelines (720p30 3,000 kbps, 720p60 4,500, 1080p60 6,000; CBR, key
frames every 2 s, AAC up to 320 kbps); YouTube's live encoder settings (support 2853702: 720p60 6 Mbit/s, 1080p30 10,
1080p60 12; key frames every 2 s, never beyond 4; 2 B-frames; AAC 128 kbps); EBU R 128 (-23 LUFS).  Those without a
source here say what they were chosen for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from media.jobs import Measured, Source

Verdict = Literal["good", "warn", "bad"]
Metric = Literal[
    "video_kbps",
    "fps",
    "dropped_percent",
    "keyframe_seconds",
    "b_frames",
    "height",
    "timestamp_jumps",
    "audio_kbps",
    "audio_db",
    "silent_seconds",
    "speed",
]
KEYS_FAR_SECONDS: Final = 4.0
"""YouTube: never beyond; OvenMediaEngine warns from here on, too."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One report as the rows see it."""

    source: Source
    measured: Measured
    speed: float

    @property
    def has_picture(self) -> bool:
        """A picture is sent."""
        return bool(self.source.video_codec)

    @property
    def has_sound(self) -> bool:
        """Sound is sent."""
        return bool(self.source.audio_codec)

    @property
    def lines(self) -> int:
        """The shorter side: a picture that stands upright counts as the one that lies."""
        return min(self.source.width, self.source.height)

    @property
    def bits_a_pixel(self) -> float:
        """Of each frame; 0 where the size is not known."""
        pixels = self.source.width * self.source.height * (self.measured.nominal_fps or self.source.fps)
        return self.source.video_kbps * 1000 / pixels if pixels else 0.0

    @property
    def most_kbps(self) -> int:
        """YouTube's advice for this size and rate: more can't be seen."""
        rate = 1 if (self.measured.nominal_fps or self.source.fps) > 40 else 0
        return next((most[rate] for lines, *most in _MOST_KBPS if self.lines <= lines), _MOST_KBPS[-1][1 + rate])

    @property
    def level_db(self) -> float:
        """Of the sound; far below everything where it is not known."""
        return -999.0 if self.measured.audio_db is None else self.measured.audio_db

    @property
    def silent_seconds(self) -> float:
        """0 where it is not known."""
        return self.measured.silent_seconds or 0.0

    @property
    def keyframe_seconds(self) -> float:
        """The longest of late; 0 without a picture."""
        return self.source.keyframe_seconds or 0.0


_MOST_KBPS: Final = ((720, 4_000, 6_000), (1080, 10_000, 12_000), (1440, 15_000, 24_000), (2160, 30_000, 35_000))
"""(lines, at up to 40 frames a second, at more), YouTube's."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault of one metric."""

    metric: Metric
    verdict: Verdict
    code: str
    holds: Callable[[Reading], bool]
    advice: str
    """Format string over `PLACES` and the reading's `source`, `measured`, `most_kbps` and `keyframe_seconds`."""

    def tell(self, reading: Reading) -> str:
        """The sentence for this reading."""
        return self.advice.format(
            source=reading.source,
            measured=reading.measured,
            most_kbps=reading.most_kbps,
            keyframe_seconds=reading.keyframe_seconds,
            **PLACES,
        )


PLACES: Final = {
    "interval": "In OBS: Settings → Output → Output Mode: Advanced → Streaming → Keyframe Interval: 2 s.",
    "bitrate": "Settings → Output → Streaming → Video Bitrate",
    "mixer": "In OBS look at the Audio Mixer",
}
"""What several sentences name."""

ROWS: Final[tuple[Row, ...]] = (  # of each metric the worst first: the first that holds is told
    Row(
        "video_kbps",
        "bad",
        "no_video",
        lambda it: not it.has_picture,
        "The encoder sends sound but no picture. In OBS: see that the scene has a source that is shown, and that "
        "Settings → Output → Streaming → Video Encoder is an H.264 one.",
    ),
    Row(
        "video_kbps",
        "bad",
        "upload_too_slow",
        lambda it: it.source.video_kbps < 0.7 * it.measured.claimed_kbps and it.measured.missing_percent > 1,
        "Only {source.video_kbps} of {measured.claimed_kbps} kbps arrive and frames are missing: the upload can't "
        "keep up. In OBS: lower {bitrate}, and switch on Settings → Advanced → Dynamically change bitrate to manage "
        "congestion.",
    ),
    Row(
        "video_kbps",
        "warn",
        "bitrate_too_high",
        lambda it: it.source.video_kbps > 1.25 * it.most_kbps,
        "{source.video_kbps} kbps are more than this picture needs, and many viewers' lines won't carry it. In OBS: "
        "set {bitrate} to {most_kbps} kbps or less.",
    ),
    Row(
        "video_kbps",
        "warn",
        "bitrate_too_low",
        # half of what Twitch advises at 1080p60, the leanest of its rows: 6,000 kbps are 0.048 bits a pixel
        lambda it: 0 < it.bits_a_pixel < 0.024,
        "{source.video_kbps} kbps are few for {source.width}x{source.height}: movement will look blocky. In OBS: "
        "raise {bitrate}, or lower Settings → Video → Output (Scaled) Resolution.",
    ),
    Row(
        "fps",
        "bad",
        "fps_far_below",
        lambda it: it.source.fps < 0.8 * it.measured.nominal_fps,
        "Only {source.fps:g} of {measured.nominal_fps:g} frames a second arrive: the picture stutters. In OBS open "
        "Docks → Stats: rendering lag wants a lighter scene, encoding lag a faster preset or a hardware encoder "
        "(Settings → Output), dropped frames a lower bitrate.",
    ),
    Row(
        "fps",
        "warn",
        "fps_below",
        lambda it: it.source.fps < 0.95 * it.measured.nominal_fps,
        "{source.fps:g} of {measured.nominal_fps:g} frames a second arrive. In OBS open Docks → Stats: rendering lag "
        "wants a lighter scene, encoding lag a faster preset, dropped frames a lower bitrate.",
    ),
    Row(
        "fps",
        "warn",
        "fps_low",
        # films have 23.976
        lambda it: 0 < it.measured.nominal_fps < 23,
        "{measured.nominal_fps:g} frames a second look jerky. In OBS: Settings → Video → Common FPS Values: 30 or 60.",
    ),
    Row(
        "fps",
        "warn",
        "fps_high",
        lambda it: it.measured.nominal_fps > 61,
        "{measured.nominal_fps:g} frames a second are more than most screens show. In OBS: Settings → Video → Common "
        "FPS Values: 60.",
    ),
    Row(
        "dropped_percent",
        "bad",
        "frames_dropped_often",
        lambda it: it.measured.missing_percent > 5,
        "{measured.missing_frames} frames of the last minute are missing: viewers see jumps. In OBS open Docks → "
        "Stats: for dropped frames (network) lower {bitrate} or use a cable, for encoding lag choose a faster preset.",
    ),
    Row(
        "dropped_percent",
        "warn",
        "frames_dropped",
        # one in a hundred is a hitch every other second; below that hardly anybody sees it
        lambda it: it.measured.missing_percent > 1,
        "{measured.missing_frames} frames of the last minute are missing. In OBS open Docks → Stats: for dropped "
        "frames (network) lower {bitrate}, for encoding lag choose a faster preset.",
    ),
    Row(
        "keyframe_seconds",
        "bad",
        "keyframes_far_apart",
        lambda it: it.keyframe_seconds > KEYS_FAR_SECONDS,
        "Key frames are {keyframe_seconds:g} s apart: viewers wait long for the picture. {interval}",
    ),
    Row(
        "keyframe_seconds",
        "warn",
        "keyframes_irregular",
        lambda it: it.measured.are_keys_regular is False,
        "Key frames come at irregular times, so the source itself can't be passed on as it is. {interval} With x264 "
        "add scenecut=0 to the x264 Options.",
    ),
    Row(
        "keyframe_seconds",
        "warn",
        "keyframes_sparse",
        lambda it: it.keyframe_seconds > 2.6,
        "Key frames are {keyframe_seconds:g} s apart: a little far for a quick start. {interval}",
    ),
    Row(
        "keyframe_seconds",
        "warn",
        "keyframes_dense",
        # Amazon IVS advises 1 to 2 s
        lambda it: 0 < it.keyframe_seconds < 0.9,
        "Key frames every {keyframe_seconds:g} s cost bitrate that the picture lacks. {interval}",
    ),
    Row(
        "b_frames",
        "warn",
        "b_frames_many",
        lambda it: it.measured.b_frames > 2,
        "{measured.b_frames} B-frames in a row add delay. In OBS: Settings → Output → Streaming → B-frames: 2 or "
        "fewer (x264: x264 Options bframes=2).",
    ),
    Row(
        "height",
        "bad",
        "size_odd",
        lambda it: bool(it.source.width % 2 or it.source.height % 2),
        "{source.width}x{source.height} has an odd side, which many players can't show. In OBS: Settings → Video → "
        "Output (Scaled) Resolution: 1920x1080 or 1280x720.",
    ),
    Row(
        "height",
        "warn",
        "size_large",
        lambda it: it.lines > 1080,
        "{source.width}x{source.height} is heavy for viewers and server alike. In OBS: Settings → Video → Output "
        "(Scaled) Resolution: 1920x1080.",
    ),
    Row(
        "height",
        "warn",
        "size_small",
        lambda it: 0 < it.lines < 360,
        "{source.width}x{source.height} looks coarse on a full screen. In OBS: Settings → Video → Output (Scaled) "
        "Resolution: 1280x720 or more.",
    ),
    Row(
        "timestamp_jumps",
        "bad",
        "clock_unsteady",
        lambda it: it.measured.timestamp_jumps > 2,
        "The encoder's clock jumped {measured.timestamp_jumps} times in ten minutes; each jump restarts the picture. "
        "In OBS: switch off Use Device Timestamps of audio sources, and restart OBS.",
    ),
    Row(
        "timestamp_jumps",
        "warn",
        "clock_jumped",
        lambda it: it.measured.timestamp_jumps > 0,
        "The encoder's clock jumped. If it happens again, in OBS: switch off Use Device Timestamps of audio sources, "
        "and restart OBS.",
    ),
    Row(
        "audio_kbps",
        "warn",
        "no_audio",
        lambda it: not it.has_sound,
        "The encoder sends no sound: viewers hear silence. In OBS: Settings → Audio → Global Audio Devices, and "
        "Settings → Output → Streaming → Audio Track: 1.",
    ),
    Row(
        "audio_kbps",
        "warn",
        "audio_bitrate_high",
        lambda it: it.source.audio_kbps > 330,
        "{source.audio_kbps} kbps of sound take from the picture. In OBS: Settings → Output → Audio → Audio Bitrate: "
        "160.",
    ),
    Row(
        "audio_kbps",
        "warn",
        "audio_bitrate_low",
        # AAC-LC in stereo is audibly poor below 64; silence takes next to nothing, and is told as silence
        lambda it: it.source.audio_kbps < 60 and it.silent_seconds < 1,
        "{source.audio_kbps} kbps make the sound dull. In OBS: Settings → Output → Audio → Audio Bitrate: 160.",
    ),
    Row(
        "audio_db",
        "warn",
        "audio_too_loud",
        # a full-scale sine has -3; mastered music, which streaming services bring down to -14 LUFS, reaches -9
        lambda it: it.level_db > -7,
        "At {measured.audio_db:g} dBFS the sound is distorted. {mixer}: bring the peaks down to -6 dB, into the "
        "yellow.",
    ),
    Row(
        "audio_db",
        "warn",
        "audio_too_quiet",
        # 17 dB below EBU R 128's programme loudness; silence is told as silence
        lambda it: it.level_db < -40 and it.silent_seconds < 1,
        "At {measured.audio_db:g} dBFS the sound is hardly to be heard. {mixer}: speech should reach -15 to -10 dB.",
    ),
    Row(
        "silent_seconds",
        "bad",
        "audio_silent_long",
        # a break between two songs is shorter by far
        lambda it: it.silent_seconds >= 60,
        "It has been silent for {measured.silent_seconds:.0f} s: is the microphone muted? {mixer}: no speaker may be "
        "red, and Settings → Audio must name the device that you use.",
    ),
    Row(
        "silent_seconds",
        "warn",
        "audio_silent",
        lambda it: it.silent_seconds >= 10,
        "It has been silent for {measured.silent_seconds:.0f} s. {mixer}: no speaker may be red, and the bars must "
        "move.",
    ),
    Row(
        "speed",
        "bad",
        "transcoder_slow",
        lambda it: it.speed < 0.95,
        "The server is too busy to transcode at full speed; nothing in OBS mends that. Tell whoever runs this server, "
        "or lower Settings → Video → Common FPS Values to 30.",
    ),
    Row(
        "speed",
        "warn",
        "transcoder_behind",
        lambda it: it.speed < 0.98,
        "The server is close to its limit; nothing in OBS needs to change. If it stays so, it makes fewer qualities.",
    ),
)
