import os
from pathlib import Path

import pytest

from media.policy import Policy
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


def test_a_ladder_is_a_text_or_a_file(tmp_path: Path) -> None:
    """Both say the same; without either it is the default."""
    redis = {"LEAMS_REDIS_URL": "redis://x", "FFMPEG": "/opt/ffmpeg"}
    file = tmp_path / "ladder.json"
    file.write_text('{"max_rungs": 2}')
    assert Settings.from_env(redis).ladder == Policy()
    assert Settings.from_env({**redis, "LEAMS_LADDER": ' {"max_rungs": 2}'}).ladder == Policy(max_rungs=2)
    assert Settings.from_env({**redis, "LEAMS_LADDER": str(file)}).ladder == Policy(max_rungs=2)


@pytest.mark.parametrize("value", ['{"max_rungs": 0}', "/nowhere/ladder.json", '{"rungs": 3}'])
def test_a_faulty_ladder_stops_the_start(value: str) -> None:
    """With what was expected, as every other setting."""
    with pytest.raises(SettingsError, match="LEAMS_LADDER"):
        Settings.from_env({"LEAMS_REDIS_URL": "redis://x", "FFMPEG": "/opt/ffmpeg", "LEAMS_LADDER": value})


def test_calibration_may_be_off_or_elsewhere() -> None:
    """By default it remembers beside the other state."""
    redis = {"LEAMS_REDIS_URL": "redis://x", "FFMPEG": "/opt/ffmpeg"}
    assert Settings.from_env(redis).calibration == Path("var/calibration").absolute()
    assert Settings.from_env({**redis, "LEAMS_CALIBRATION": "/var/lib/c"}).calibration == Path("/var/lib/c")
    assert Settings.from_env({**redis, "LEAMS_CALIBRATION": "off"}).calibration is None
