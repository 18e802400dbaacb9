"""What Redis was asked, told apart by what for: counts the commands that clients send, not those inside scripts."""

import re
import socket
import threading
from collections import Counter
from urllib.parse import urlsplit

_LINE = re.compile(r"^\+?[0-9.]+ \[(?P<who>[^\]]*)\] (?P<words>.*)$")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')


def subject(line: str) -> str:
    """The command and what of a room it names, for a person to read: `EVALSHA head log`."""
    words = _WORD.findall(line)
    keys = [word.rpartition(":")[2] for word in words if word.startswith("leams:")]
    return " ".join([words[0], *sorted(set(keys))[:6]]) if words else line


def purpose(line: str) -> str | None:
    """What a line of MONITOR was for: `publish`, `beat`, `probe`, `room` or `other`; None: no client's command.

    A `probe` is also the regular look at the positions of all open rooms, which costs the same without a storm.
    Source: redis.io/commands/monitor; what a script does is told as coming from `lua`.
    """
    match = _LINE.match(line)
    if match is None or match["who"].endswith(" lua"):
        return None
    words = _WORD.findall(match["words"])
    if any(word.endswith(":archive") for word in words):
        return "publish"
    if any(word.endswith(":presence") for word in words) and not any(word.endswith(":log") for word in words):
        return "beat"
    keys = [word for word in words if word.startswith("leams:")]
    if any(":probe:" in key for key in keys) or (words[0] == "HMGET" and all(key.endswith(":head") for key in keys)):
        return "probe"
    return "room" if any(word.startswith("leams:{p") and ":room:" in word for word in words) else "other"


class Overheard:
    """Listens from its making to `stop`."""

    def __init__(self, redis_url: str) -> None:
        parts = urlsplit(redis_url)
        self._socket = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379))
        self._socket.sendall(b"MONITOR\r\n")
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with self._socket.makefile("r", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                self._lines.append(line.rstrip())

    def stop(self) -> tuple[Counter[str], Counter[str]]:
        """How many commands there were for each purpose, and for each subject of those about rooms."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        kinds = [(kind, line) for line in self._lines if (kind := purpose(line)) is not None]
        return Counter(kind for kind, _ in kinds), Counter(subject(line) for kind, line in kinds if kind == "room")
