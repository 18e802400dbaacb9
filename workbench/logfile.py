"""A log file that never grows without bound."""

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

LOG_MAX_BYTES = 20_000_000
"""With one old file kept beside it: at most 40 MB a process."""


class LogFile:
    """Appends to `path`; once that is full, it becomes `path.1` and a new one begins.

    A full disk drops lines, never the writer.
    """

    def __init__(self, path: Path, max_bytes: int = LOG_MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._file = path.open("ab", buffering=0)
        self._size = self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, chunk: bytes) -> None:
        """Append the bytes."""
        try:
            if self._size + len(chunk) > self._max_bytes:
                self._turn()
            self._size += self._file.write(chunk) or 0
        except OSError:
            return  # a full disk: the process must go on; its log continues when there is room

    def _turn(self) -> None:
        with suppress(FileNotFoundError):  # turned over before, and no room for the next one then
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        following = self._path.open("ab", buffering=0)
        self._file.close()  # only now: without room for the next one, this one goes on
        self._file, self._size = following, 0
