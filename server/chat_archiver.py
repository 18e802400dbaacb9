"""The jobs part that keeps the chat's archive streams empty, by `chat.archive`."""

import time

import structlog
from prometheus_client import Counter, Gauge

from chat.archive import archive_partition, waiting_since_ms
from server.background import JobState, repeat

EVERY_SECONDS = 0.5

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_lag_seconds = Gauge("leams_chat_archive_lag_seconds", "Age of the oldest chat event that Postgres has not got yet.")
_archived_total = Counter("leams_chat_archived_total", "Chat events copied to Postgres.")
_refused_total = Counter(
    "leams_chat_archive_refused_total", "Chat events that could not be archived, and were dropped."
)


async def archive_chat(state: JobState) -> None:
    """Copy whatever waits, partition by partition, the oldest first; two of these share the work."""
    archiver = Archiver(state)
    _lag_seconds.set_function(archiver.lag_seconds)
    await repeat("chat_archive", archiver.once, every_seconds=EVERY_SECONDS)


class Archiver:
    """One process's passes, and since when the oldest event has waited: that clock runs on while a server is away."""

    def __init__(self, state: JobState) -> None:
        self._state = state
        self._waiting_since_ms: int | None = None

    def lag_seconds(self) -> float:
        """How long the oldest known event has been waiting; 0 when none is."""
        return 0.0 if self._waiting_since_ms is None else max(0.0, time.time() - self._waiting_since_ms / 1000)

    async def once(self) -> bool:
        """Copy one batch of every partition that has something; True when some have more."""
        waiting = await waiting_since_ms(self._state.redis)
        self._waiting_since_ms = min(waiting.values(), default=None)
        more = False
        for partition in sorted(waiting, key=waiting.__getitem__):
            done = await archive_partition(self._state.redis, self._state.db, partition)
            _archived_total.inc(done.archived)
            if done.refused:
                _refused_total.inc(done.refused)
                _log.error("chat_archive_refused", partition=partition, entries=done.refused)
            more = more or not done.is_emptied
        if not more:
            self._waiting_since_ms = None
        return more
