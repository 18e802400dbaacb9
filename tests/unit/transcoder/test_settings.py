import os

import pytest

from server.process.environment import SettingsError
from transcoder.settings import CORES_SHARE, Settings


def test_defaults_are_those_of_one_machine() -> None:
    """Only Redis has to be named; FFmpeg is the one that ships with us."""
    settings = Settings.from_env({"LEAMS_REDIS_URL": "redis://127.0.0.1/0"})
    assert settings.rtmp_pull_url == "rtmp://127.0.0.1:1935/live"
    assert settings.cores == CORES_SHARE * (os.cpu_count() or 1)
    assert "ffmpeg" in settings.ffmpeg
    assert settings.media_store.startswith("file://")


def test_ffmpeg_may_be_named() -> None:
    """`FFMPEG` wins, and then nobody looks for another."""
    assert Settings.from_env({"LEAMS_REDIS_URL": "redis://x", "FFMPEG": "/opt/ffmpeg"}).ffmpeg == "/opt/ffmpeg"


def test_all_faults_are_told_at_once() -> None:
    """A missing and a malformed variable."""
    with pytest.raises(SettingsError) as error:
        Settings.from_env({"LEAMS_TRANSCODER_CORES": "many"})
    assert len(error.value.faults) == 2
