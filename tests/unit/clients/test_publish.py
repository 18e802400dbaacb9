"""The publisher builds commands without a shell and takes no key from argv."""

from pathlib import Path

import pytest

from clients.cli import main, parser, socket_url
from clients.publish import Picture, file_command
from clients.publish import test_picture_command as picture_command


def test_picture_has_the_asked_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """Size, rate and key-frame distance stand in the command; FFMPEG names the program."""
    monkeypatch.setenv("FFMPEG", "/opt/ffmpeg")
    command = picture_command(Picture(width=640, height=360, fps=25, keyframe_seconds=2), "rtmp://h/live/k")
    assert command[0] == "/opt/ffmpeg"
    assert "testsrc2=size=640x360:rate=25" in command
    assert command[command.index("-g") + 1] == "50"
    assert command[-1] == "rtmp://h/live/k"


def test_file_is_copied_in_a_loop() -> None:
    """A file is sent as it is."""
    command = file_command(Path("a.mp4"), "rtmp://h/live/k")
    assert command[command.index("-stream_loop") + 1] == "-1"
    assert command[command.index("-c") + 1] == "copy"


def test_publish_without_key_says_where_one_comes_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No LEAMS_STREAM_KEY: exit 2 and one sentence."""
    monkeypatch.delenv("LEAMS_STREAM_KEY", raising=False)
    assert main(["publish", "--test-picture"]) == 2
    assert "LEAMS_STREAM_KEY" in capsys.readouterr().err


def test_size_is_two_numbers() -> None:
    """`--size 640x360` becomes a pair; nonsense is refused with status 2."""
    assert parser().parse_args(["publish", "--test-picture", "--size", "640x360"]).size == (640, 360)
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(["publish", "--test-picture", "--size", "big"])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("site", "socket"),
    [("http://127.0.0.1:8080", "ws://127.0.0.1:8080/ws"), ("https://live.example/", "wss://live.example/ws")],
)
def test_socket_address_follows_the_site(site: str, socket: str) -> None:
    """An https site goes with wss."""
    assert socket_url(site) == socket
