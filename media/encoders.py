"""FFmpeg's video encoders that a rung can be made with: what each needs and how it is told.  Pure.

All of them force key frames where they are told, close every GOP, and make no B-frames and no key frames of their own:
the rungs' boundaries are equal whatever makes them.  Source: `ffmpeg -h encoder=<name>` of FFmpeg 9.
"""

from dataclasses import dataclass
from typing import Final, Literal

from media.policy import Codec

Device = Literal["cpu", "nvenc", "qsv", "vaapi"]
LOOKAHEAD_SECONDS: Final = 0.2
"""What an encoder may hold back: it is part of the latency."""
VAAPI_DEVICE: Final = "/dev/dri/renderD128"
FALLBACK: Final = "libx264"
"""What every FFmpeg of ours has."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One encoder by FFmpeg's name."""

    name: str
    codec: Codec
    device: Device


ENCODERS: Final[dict[str, Encoder]] = {
    encoder.name: encoder
    for encoder in (
        Encoder("h264_nvenc", "h264", "nvenc"),
        Encoder("h264_qsv", "h264", "qsv"),
        Encoder("h264_vaapi", "h264", "vaapi"),
        Encoder("libx264", "h264", "cpu"),
        Encoder("hevc_nvenc", "hevc", "nvenc"),
        Encoder("hevc_qsv", "hevc", "qsv"),
        Encoder("hevc_vaapi", "hevc", "vaapi"),
        Encoder("libx265", "hevc", "cpu"),
        Encoder("av1_nvenc", "av1", "nvenc"),
        Encoder("av1_qsv", "av1", "qsv"),
        Encoder("av1_vaapi", "av1", "vaapi"),
        Encoder("libsvtav1", "av1", "cpu"),
    )
}
"""A codec's encoders in the order of preference: what costs no processor first."""


def share_sessions(one: str, other: str) -> bool:
    """Does a session of one encoder leave the other with one less?  Drivers count by device, whatever the codec."""
    device = ENCODERS[one].device
    return one == other or (device != "cpu" and device == ENCODERS[other].device)


BITS_SHARE: Final[dict[Codec, float]] = {"h264": 1.0, "hevc": 0.7, "av1": 0.6}
"""Bits for the same picture, with the fast presets of live encoding: they gain less than the codecs could."""

FAST_PRESETS: Final = {"ultrafast", "superfast", "veryfast"}
ONE_THREAD_MEGAPIXELS: Final = 28.0
"""A second, 720p30: x264 makes four times as much on one core of a small server.  A second thread would cost 1.4 % of a
720p ladder's work, and hold each frame back for another."""
ONE_THREAD_ELSE_MEGAPIXELS: Final = 9.0
"""Of slower presets, and of encoders that do more."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What an encoder is to make."""

    fps: float
    megapixels: float
    """In a second."""
    kbps: int
    crf: int | None
    preset: str
    """x264's word."""
    longest_gop_frames: int


def uploads(name: str) -> str:
    """The end of the filter chain: the pixel format that the encoder takes, and the way into its memory."""
    return {"cpu": "format=yuv420p", "nvenc": "format=yuv420p", "qsv": "format=nv12"}.get(
        ENCODERS[name].device, "format=nv12,hwupload"
    )


def devices(names: list[str]) -> list[str]:
    """Global options that these encoders need, before the input."""
    return ["-vaapi_device", VAAPI_DEVICE] if any(ENCODERS[name].device == "vaapi" for name in names) else []


def arguments(name: str, rates: Rates) -> list[str]:
    """The encoder and everything it is told, but for where key frames are."""
    encoder = ENCODERS[name]
    head = ["-c:v", name]
    tail = ["-bf", "0", "-g", str(rates.longest_gop_frames)]
    if encoder.codec == "hevc":
        tail += ["-tag:v", "hvc1"]  # parameter sets in the init section: what Apple's players want
    match encoder.device:
        case "nvenc":
            return [*head, *_nvenc(rates, encoder.codec), *tail]
        case "qsv":
            return [*head, *_qsv(rates), *tail]
        case "vaapi":
            return [*head, *_vaapi(rates), *tail]
        case _:
            return [*head, *_software(name, rates), *tail]


def _software(name: str, rates: Rates) -> list[str]:
    threads = _threads(name, rates)
    frames = round(rates.fps * LOOKAHEAD_SECONDS)
    if name == "libx264":
        return [
            *("-preset", rates.preset, "-profile:v", "high", "-threads", str(threads), *_rate(rates)),
            *("-x264-params", f"scenecut=0:open-gop=0:rc-lookahead={frames}:sync-lookahead=0:force-cfr=1"),
            *("-forced-idr", "1"),
        ]
    if name == "libx265":
        told = (
            f"scenecut=0:open-gop=0:rc-lookahead={frames}:bframes=0:lookahead-slices=0"
            f":frame-threads=1:pools={threads}:log-level=error"
        )
        return [
            *("-preset", "ultrafast" if rates.preset == "ultrafast" else "superfast"),
            *(*_rate(rates), "-x265-params", told, "-forced-idr", "1"),
        ]
    # SVT-AV1 obeys asked-for key frames in its low-delay mode, which knows a constant rate alone: a quality has no cap
    return [
        *("-preset", "11", "-b:v", f"{rates.kbps}k", "-maxrate", f"{rates.kbps}k"),
        *("-bufsize", f"{round(rates.kbps * 1.5)}k", "-svtav1-params", f"scd=0:pred-struct=1:rtc=1:lp={threads}"),
    ]


def _threads(name: str, rates: Rates) -> int:
    most = ONE_THREAD_MEGAPIXELS if name == FALLBACK and rates.preset in FAST_PRESETS else ONE_THREAD_ELSE_MEGAPIXELS
    return 1 if rates.megapixels <= most else 2


def _rate(rates: Rates, quality: str = "-crf") -> list[str]:
    """A constant rate, or a constant quality below the same cap."""
    aim = ["-b:v", f"{rates.kbps}k"] if rates.crf is None else [quality, str(rates.crf)]
    return [*aim, "-maxrate", f"{round(rates.kbps * 1.1)}k", "-bufsize", f"{round(rates.kbps * 1.5)}k"]


def _nvenc(rates: Rates, codec: Codec) -> list[str]:
    quality = ["-b:v", "0"] if rates.crf is not None else []
    profile = ["-profile:v", "high"] if codec == "h264" else []
    return [
        *("-preset", "p4", "-tune", "ll", "-rc", "vbr", *quality, *_rate(rates, "-cq"), *profile),
        *("-rc-lookahead", "0", "-no-scenecut", "1", "-strict_gop", "1", "-forced-idr", "1"),
    ]


def _qsv(rates: Rates) -> list[str]:
    return [
        *("-preset", "veryfast", *_rate(rates, "-global_quality")),
        *("-adaptive_i", "0", "-forced_idr", "1"),
    ]


def _vaapi(rates: Rates) -> list[str]:
    mode = "VBR" if rates.crf is None else "QVBR"
    aim = ["-b:v", f"{rates.kbps}k"] if rates.crf is not None else []  # QVBR takes a rate, too
    return ["-rc_mode", mode, *aim, *_rate(rates, "-global_quality")]
