"""Logs tell where it broke, and nobody's secrets."""

import json
import subprocess
import sys

import pytest

_CRASH = """
import logging
import structlog
from server.process.logs import configure_logs

def crash(password):
    raise ValueError("no")

configure_logs("test")
try:
    crash("hunter2")
except ValueError:
    {log}.exception("crashed")
"""


@pytest.mark.parametrize("log", ["structlog.get_logger()", "logging.getLogger()"])
def test_a_traceback_shows_no_values(log: str) -> None:
    """Neither our loggers nor the libraries' print what the functions held when one of them failed."""
    process = subprocess.run([sys.executable, "-c", _CRASH.format(log=log)], capture_output=True, text=True, check=True)
    line = json.loads(process.stderr)
    assert line["event"] == "crashed"
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert [frame["name"] for frame in line["exception"][0]["frames"]] == ["<module>", "crash"]
    assert "hunter2" not in process.stderr
