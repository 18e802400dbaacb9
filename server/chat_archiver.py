"""The jobs part that keeps the chat's archive streams empty, by `chat.archive`."""

import time

import structlog
from prometheus_client import Counter, Gauge

from chat.archive import archive, batches, waiting
from server.background import JobState, repeat

EVERY_SECONDS = 0.5

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_lag_seconds = Gauge("leams_chat_archive_lag_seconds", "Age of the oldest chat event that Postgres has not got yet.")
_archived_total = Counter("leams_chat_archived_total", "Chat events copied to Postgres.")
_refused_total = Counter(
    "leams_chat_archive_refused_total", "Chat events that could not be archived, and were dropped."
)


async def archive_chat(state: JobState) -> None:
    """Copy whatever waits, the oldest first; two of these share the work."""
    archiver = Archiver(state)
    _lag_seconds.set_function(archiver.lag_seconds)
    await repeat(state, "chat_archive", archiver.once, every_seconds=EVERY_SECONDS)


class Archiver:
    """One process's passes, and since when the oldest event has waited: that clock runs on while a server is away."""

    def __init__(self, state: JobState) -> None:
        self._state = state
        self._waiting_since_ms: int | None = None

    def lag_seconds(self) -> float:
        """How long the oldest known event has been waiting; 0 when none is."""
        return 0.0 if self._waiting_since_ms is None else max(0.0, time.time() - self._waiting_since_ms / 1000)

    async def once(self) -> bool:
        """Take from every partition that has something; True when there is more to take at once."""
        waits = await waiting(self._state.shards)
        self._waiting_since_ms = min((wait.since_ms for wait in waits.values()), default=None)
        taken = 0
        for batch in batches(waits):
            copied = await archive(self._state.shards, self._state.db, batch)
            taken += copied.archived + copied.refused
            _archived_total.inc(copied.archived)
            if copied.refused:
                _refused_total.inc(copied.refused)
                _log.error("chat_archive_refused", entries=copied.refused)
        is_rest = taken < sum(wait.entries for wait in waits.values())
        if not is_rest:
            self._waiting_since_ms = None
        return is_rest and taken > 0  # what another process is at is not waited for in a hurry
