"""FLV files as one stream: what an encoder sends that changes its settings without a new connection."""

import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from media.flv import HEADER, Tag, write_tag
from tests.services.encoder import ffmpeg_path

_HEADER_BYTES = 13
"""The file's header, and the size of the tag before the first."""
_TAG_BYTES = 11
_SCRIPT = 18


def splice(files: Sequence[Path], target: Path) -> None:
    """Tags of one file after those of the other, each file's times behind the last one's.  Source: FLV, annex E.4.1."""
    joined = bytearray(files[0].read_bytes()[:_HEADER_BYTES])
    start_ms = 0
    for file in files:
        last_ms = start_ms
        for kind, time_ms, data in _tags(file.read_bytes()):
            if kind == _SCRIPT and start_ms:
                continue
            last_ms = start_ms + time_ms
            size = len(data).to_bytes(3, "big")
            clock = (last_ms & 0xFFFFFF).to_bytes(3, "big") + bytes([last_ms >> 24])
            joined += bytes([kind]) + size + clock + bytes(3) + data + struct.pack(">I", _TAG_BYTES + len(data))
        start_ms = last_ms + 20
    target.write_bytes(joined)


def _tags(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = _HEADER_BYTES
    while at + _TAG_BYTES <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        time_ms = int.from_bytes(data[at + 4 : at + 7], "big") | data[at + 7] << 24
        yield data[at], time_ms, data[at + _TAG_BYTES : at + _TAG_BYTES + size]
        at += _TAG_BYTES + size + 4


def record(command: Sequence[str]) -> None:
    """Let an encoder write to a file, as fast as it goes."""
    subprocess.run([word for word in command if word != "-re"], check=True, stdin=subprocess.DEVNULL)


def replay_command(file: Path, address: str) -> list[str]:
    """The file once, at its own pace, its streams as they are."""
    words = ["-hide_banner", "-loglevel", "error", "-re", "-i", str(file), "-c", "copy", "-f", "flv", address]
    return [ffmpeg_path(), *words]


@contextmanager
def publishing_tags(tags: Sequence[Tag], address: str) -> Iterator[None]:
    """These very tags at their own pace, for as long as the block lasts: FFmpeg only carries the bytes."""
    words = ["-hide_banner", "-loglevel", "error", "-fflags", "nobuffer", "-f", "data", "-i", "pipe:0"]
    words += ["-map", "0", "-c", "copy", "-f", "data", "-flush_packets", "1", address]
    over = threading.Event()
    with subprocess.Popen([ffmpeg_path(), *words], stdin=subprocess.PIPE, bufsize=0) as process:
        stdin = process.stdin
        assert stdin is not None

        def send() -> None:
            start = time.monotonic()
            with suppress(BrokenPipeError):
                stdin.write(HEADER)
                for tag in tags:
                    if over.wait(max(0.0, start + tag.time_ms / 1000 - time.monotonic())):
                        return
                    stdin.write(write_tag(tag))

        sender = threading.Thread(target=send, name="encoder")
        sender.start()
        try:
            yield
        finally:
            over.set()
            process.kill()
            sender.join()
