"""An encoder for tests: FFmpeg publishing a small moving picture and a tone in real time."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import imageio_ffmpeg

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "96k", "-ar", "48000")


def ffmpeg_path() -> str:
    """The FFmpeg that the project ships with."""
    path: str = imageio_ffmpeg.get_ffmpeg_exe()
    return path


def encoder_command(
    url: str,
    *,
    size: str = "320x180",
    fps: int = 15,
    gop_seconds: float = 2.0,
    seconds: float = 60.0,
    sound: bool = True,
    picture: bool = True,
    video: Sequence[str] = H264,
    extra: Sequence[str] = (),
) -> list[str]:
    """The argv; no picture or no sound leaves that stream out."""
    argv = [ffmpeg_path(), "-hide_banner", "-loglevel", "error"]
    if picture:
        argv += ["-re", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps}"]
    if sound:
        argv += ["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    argv += ["-t", str(seconds)]
    if picture:
        keys = str(round(gop_seconds * fps))
        argv += [*video, "-g", keys, "-keyint_min", keys, "-sc_threshold", "0", "-b:v", "400k"]
    if sound:
        argv += AAC
    return [*argv, *extra, "-f", "flv", url]


@contextmanager
def publishing(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the encoder for as long as the block lasts."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
