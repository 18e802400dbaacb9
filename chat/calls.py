"""What is asked of Redis and how it answers: packed commands, waiting futures, scripts, errors by their class."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import hiredis
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

Word = str | bytes | int
"""One argument of a command."""

_ERRORS: dict[str, Callable[[str], RedisError]] = {
    "ASK": AskError,
    "CLUSTERDOWN": ClusterDownError,
    "LOADING": BusyLoadingError,
    "MASTERDOWN": MasterDownError,
    "MOVED": MovedError,
    "NOAUTH": AuthenticationError,
    "NOPERM": NoPermissionError,
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
    "TRYAGAIN": TryAgainError,
    "WRONGPASS": AuthenticationError,
}


class OverloadedError(RedisError):
    """More is on its way to this Redis than a connection holds; nothing was sent."""


def reply_error(text: str) -> RedisError:
    """The exception of an error reply, `PREFIX what happened`."""
    prefix, _, rest = text.partition(" ")
    kind = _ERRORS.get(prefix)
    return ResponseError(text) if kind is None else kind(rest)


def pack(*words: Word) -> bytes:
    """A command as Redis reads it."""
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # any length, though its stub says one
    return packed


def read_entries(reply: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """The entries of a stream, as `XRANGE` answers: ids and fields."""
    return [(place, dict(zip(fields[::2], fields[1::2], strict=True))) for place, fields in reply]


class Script:
    """A Lua script: called by its digest, and by its text where Redis has forgotten it."""

    __slots__ = ("_by_digest", "_by_text", "digest")

    def __init__(self, text: str) -> None:
        raw = text.encode()
        self.digest = hashlib.sha1(raw, usedforsecurity=False).hexdigest().encode()  # Redis' own name for it
        self._by_digest = b"$7\r\nEVALSHA\r\n$40\r\n%s\r\n" % self.digest
        self._by_text = b"$4\r\nEVAL\r\n$%d\r\n%s\r\n" % (len(raw), raw)

    @classmethod
    def of(cls, *names: str) -> Self:
        """The scripts of `lua/` with these names, one after the other as one text."""
        folder = Path(__file__).parent / "lua"
        return cls("".join((folder / f"{name}.lua").read_text() for name in names))

    def with_text(self, packed: bytes) -> bytes:
        """The same call, which brings the text and so makes Redis remember it."""
        return packed.replace(self._by_digest, self._by_text, 1)


class Call:
    """One command on its way, and who waits for its reply."""

    __slots__ = ("_decode", "ends_at", "future", "key", "packed", "script", "sent_at")

    def __init__(
        self,
        future: "asyncio.Future[Any]",
        packed: bytes,
        key: str,
        decode: Callable[[Any], Any] | None = None,
        script: Script | None = None,
    ) -> None:
        self.future = future
        self.packed = packed
        self.key = key
        """By which a Cluster finds the node."""
        self.script = script
        self.sent_at = 0.0
        """Monotonic seconds at which its link took it."""
        self.ends_at = 0.0
        """Monotonic seconds after which it is not tried again; 0 while it was tried once."""
        self._decode = decode

    def resolve(self, reply: Any) -> None:
        """Hand the reply to who waits, if anybody still does."""
        if self.future.done():
            return
        if self._decode is None:
            self.future.set_result(reply)
            return
        try:
            self.future.set_result(self._decode(reply))
        except Exception as error:  # noqa: BLE001  # the waiter's own decoder: its failure is the waiter's
            self.future.set_exception(error)

    def fail(self, error: Exception) -> None:
        """Tell who waits that there is no reply."""
        if not self.future.done():
            self.future.set_exception(error)
