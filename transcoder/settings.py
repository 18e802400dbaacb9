"""The transcoder's settings: read once from the environment, then frozen."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from media.objects import S3Access, live_folder, parse_endpoint, parse_place
from media.policy import Policy, PolicyError, read_policy
from server.process.environment import Environment

CALIBRATION = Path("var/calibration")
CORES_SHARE = 0.85
"""How much of the machine encoding may plan with; the rest carries bursts and everybody else."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set; `docs/operations.md` lists the same names."""

    redis_url: str
    rtmp_pull_url: str
    """Where the ingest plays `<public id>` from."""
    media_store: str
    media_access: S3Access
    live_folder: Path | None
    """Where we write and the edge reads; None: in the store itself."""
    min_free_share: float
    """Of its disk: thumbnails are given up at half of it."""
    dvr_seconds: float
    """How far one can rewind while it is live."""
    ffmpeg: str
    cores: float
    """What the ladders of all broadcasts on this worker may cost together."""
    ladder: Policy
    """The site's."""
    calibration: Path | None
    """The folder that remembers what ladders cost on this machine; None: nothing is measured."""
    metrics_host: str
    metrics_port: int
    log_level: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read and check every setting.

        Raises:
            SettingsError: with all faults at once.
        """
        read = Environment(env)
        settings = cls(
            redis_url=read.text("LEAMS_REDIS_URL"),
            rtmp_pull_url=read.text("LEAMS_RTMP_PULL_URL", "rtmp://127.0.0.1:1935/live").rstrip("/"),
            media_store=(store := read.address("MEDIA_STORE", Path("var/media").absolute().as_uri(), parse_place)),
            media_access=S3Access.from_env(env),
            live_folder=live_folder(env.get("LEAMS_LIVE_FOLDER", ""), store),
            min_free_share=read.number("LEAMS_MIN_FREE_PERCENT", 5, 0, 50) / 100,
            dvr_seconds=read.number("LEAMS_DVR_HOURS", 4, 0.5, 48) * 3600,
            ffmpeg=env.get("FFMPEG") or bundled_ffmpeg(),
            cores=read.number("LEAMS_TRANSCODER_CORES", CORES_SHARE * (os.cpu_count() or 1), 0.1, 1024),
            ladder=_ladder(read, env.get("LEAMS_LADDER", "")),
            calibration=None if env.get("LEAMS_CALIBRATION") == "off" else read.path("LEAMS_CALIBRATION", CALIBRATION),
            metrics_host=read.text("LEAMS_METRICS_HOST", "127.0.0.1"),
            metrics_port=read.integer("LEAMS_METRICS_PORT", 9101, 0, 65535),
            log_level=read.text("LEAMS_LOG_LEVEL", "info"),
        )
        read.address("AWS_ENDPOINT_URL", "", parse_endpoint)
        read.check()
        return settings


def _ladder(read: Environment, value: str) -> Policy:
    """The policy in a JSON text, or in the file that is named; a faulty one is a fault like any other."""
    found = Policy()

    def parse(text: str) -> None:
        nonlocal found
        try:
            found = read_policy(text if text.lstrip().startswith("{") else Path(text).read_bytes())
        except OSError as error:
            raise PolicyError(f"{text}: {error.strerror}") from error

    read.address("LEAMS_LADDER", value, parse)
    return found


def bundled_ffmpeg() -> str:
    """The FFmpeg that comes with imageio-ffmpeg."""
    import imageio_ffmpeg  # noqa: PLC0415  # looks for the binary when it is imported; `FFMPEG` saves that

    path: str = imageio_ffmpeg.get_ffmpeg_exe()
    return path
