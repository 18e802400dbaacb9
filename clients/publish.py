"""Publish a stream over RTMP with FFmpeg: a test picture, or a file in a loop.

The stream key is taken from LEAMS_STREAM_KEY, so that it stands in no shell history.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf")


@dataclass(frozen=True, slots=True)
class Picture:
    """The test picture's shape."""

    width: int = 1280
    height: int = 720
    fps: int = 30
    video_kbps: int = 2500
    audio_kbps: int = 128
    keyframe_seconds: float = 2.0
    preset: str = "veryfast"


def ffmpeg_path() -> str:
    """`FFMPEG`, else the one that ships with imageio-ffmpeg."""
    return os.environ.get("FFMPEG") or imageio_ffmpeg.get_ffmpeg_exe()


def test_picture_command(picture: Picture, address: str) -> list[str]:
    """A moving test picture with a burnt-in wall clock (UTC, milliseconds) and a tone that beeps each second."""
    size = f"{picture.width}x{picture.height}"
    clock = f"drawtext=fontfile={FONT}:text='%{{gmtime\\:%H\\\\\\:%M\\\\\\:%S.%3N}}'"
    place = f"fontsize={picture.height // 9}:fontcolor=white:box=1:boxcolor=black@0.7:boxborderw=12:x=(w-tw)/2:y=h-2*th"
    keyframe_frames = round(picture.keyframe_seconds * picture.fps)
    return [
        ffmpeg_path(),
        *("-hide_banner", "-loglevel", "warning", "-nostdin"),
        *("-re", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={picture.fps}"),
        *("-re", "-f", "lavfi", "-i", "sine=frequency=330:beep_factor=3:sample_rate=48000"),
        *("-vf", f"{clock}:{place},format=yuv420p"),
        *("-c:v", "libx264", "-preset", picture.preset, "-tune", "zerolatency", "-profile:v", "high"),
        *("-b:v", f"{picture.video_kbps}k", "-maxrate", f"{picture.video_kbps}k", "-bufsize", f"{picture.video_kbps}k"),
        *("-g", str(keyframe_frames), "-keyint_min", str(keyframe_frames), "-sc_threshold", "0"),
        *("-c:a", "aac", "-b:a", f"{picture.audio_kbps}k", "-ac", "2", "-af", "volume=0.2"),
        *("-f", "flv", address),
    ]


def file_command(file: Path, address: str) -> list[str]:
    """A media file, in a loop and at its own speed, its streams as they are."""
    source = ["-re", "-stream_loop", "-1", "-i", str(file)]
    return [
        ffmpeg_path(),
        "-hide_banner",
        "-loglevel",
        "warning",
        "-nostdin",
        *source,
        "-c",
        "copy",
        "-f",
        "flv",
        address,
    ]


def publish(server: str, key: str, *, file: Path | None, picture: Picture) -> int:
    """Publish until interrupted; returns FFmpeg's exit status.  FFmpeg's own words never show the key."""
    address = f"{server.rstrip('/')}/{key}"
    command = file_command(file, address) if file else test_picture_command(picture, address)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stderr is not None  # noqa: S101  # asked for above
        try:
            for line in process.stderr:
                sys.stderr.write(line.replace(key, "<stream key>"))
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            return 0
