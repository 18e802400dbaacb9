"""The jobs part that reads what the transcoders report, and moves broadcasts and dashboards accordingly.

A report is acknowledged after its effect is committed; one that a process took and did not finish is taken over by
another.  Every effect may happen twice without harm.
"""

import time
from typing import TYPE_CHECKING, Any, assert_never

import asyncpg
import msgspec
import structlog
from prometheus_client import Counter, Histogram
from redis.exceptions import ResponseError

from media.broadcast import State, end, first_segment
from media.jobs import (
    FIELD,
    REPORTS_GROUP,
    REPORTS_STREAM,
    Failed,
    FirstSegment,
    Gone,
    Health,
    LiveReport,
    Probed,
    Source,
    decode_report,
    live_key,
)
from server.background import JobState, repeat
from server.broadcasts import history, store
from server.broadcasts.control import BLOCK_SECONDS, Control, change, if_current, open_control, remember_refused

if TYPE_CHECKING:
    from redis.asyncio import Redis

CONSUMER = "jobs"
"""One name for every process: which one took a report doesn't matter, and no dead names pile up."""
BATCH = 50
BLOCK_MS = 500
"""Below the client's own time limit of a second."""
STALE_MS = 5_000

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_reports_total = Counter("leams_transcode_reports_total", "Reports of the transcoders.", ["kind"])
_bad_reports_total = Counter("leams_transcode_reports_bad_total", "Entries that are no report of this version.")
_first_segment_seconds = Histogram(
    "leams_first_segment_seconds",
    "From an encoder's admission to its first segment.",
    buckets=(1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60),
)


async def read_reports(state: JobState) -> None:
    """Apply reports until cancelled."""
    async with open_control(state.settings, state.db, state.redis, state.shards) as control:

        async def once() -> bool:
            return await apply_waiting(control)

        await repeat(state, "transcode_reports", once, every_seconds=0.1)


async def apply_waiting(control: Control, block_ms: int = BLOCK_MS) -> bool:
    """Apply one batch, left-behind ones first; True when there was any.

    Raises:
        RedisError, asyncpg.PostgresError, OSError: what is not acknowledged comes again.
    """
    entries = await _left_behind(control.redis) or await _new(control.redis, block_ms)
    for entry_id, fields in entries:
        await _apply_entry(control, fields)
        await control.redis.xack(REPORTS_STREAM, REPORTS_GROUP, entry_id)
    return bool(entries)


async def apply(control: Control, report: LiveReport) -> None:
    """Do what one report asks for; those of an earlier encoder session say nothing of this one."""
    _reports_total.labels(type(report).__name__).inc()
    match report:
        case Probed():
            await _remember_source(control, report.public_id, report.publish_count, report.source)
        case FirstSegment():
            _first_segment_seconds.observe(report.seconds)
            await change(control, report.public_id, if_current(report.publish_count, first_segment))
        case Health():
            row = await _remember_source(control, report.public_id, report.publish_count, report.source)
            if row is not None:
                if row.broadcast.state is State.STARTING and report.renditions:
                    # something plays, and the report that says so first was lost: no other one would follow
                    await change(control, report.public_id, if_current(report.publish_count, first_segment))
                told = msgspec.json.encode(report)
                await control.redis.set(health_key(report.public_id), told, ex=history.REPORT_SECONDS)
                await history.remember(control.redis, control.db, row, report)
        case Gone():
            pass  # the ingest knows better whether the encoder is gone; the reconciler sends the job again if not
        case Failed():
            await _fail(control, report)
        case _:
            assert_never(report)


def health_key(public_id: str) -> str:
    """The last `Health` report as it came."""
    return live_key(public_id, "health")


async def _apply_entry(control: Control, fields: dict[bytes, bytes]) -> None:
    try:
        report = decode_report(fields[FIELD.encode()])
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError) as error:
        _bad_reports_total.inc()
        _log.error("transcode_report_bad", error=str(error))
        return
    try:
        await apply(control, report)
    except asyncpg.DataError as error:
        # what Postgres will never take (a NUL in a text) must not come again for ever, nor hold up the others
        _bad_reports_total.inc()
        _log.error("transcode_report_refused", error=str(error))


async def _fail(control: Control, report: Failed) -> None:
    """The encoder sends what can't be played: end it, keep it out for a moment, and say why on the dashboard."""
    failed = if_current(report.publish_count, lambda known, now: end(known, "failed", now))
    row = await change(control, report.public_id, failed)
    if row is None or row.broadcast.is_open:
        return
    _log.warning("broadcast_failed", broadcast=report.public_id, code=report.code)
    async with control.db.acquire() as connection:
        await store.block_publishing(connection, row.channel_id, time.time() + BLOCK_SECONDS)
    await remember_refused(control, row.channel_id, report.code, report.message)


async def _remember_source(
    control: Control, public_id: str, publish_count: int, source: Source
) -> store.BroadcastRow | None:
    """Returns the open broadcast, if this is of its present encoder session."""
    told = msgspec.to_builtins(source)
    async with control.db.acquire() as connection:
        row = await store.open_broadcast(connection, public_id)
        if row is None or row.broadcast.publish_count != publish_count:
            return None
        if row.source is None or _lasting(row.source) != _lasting(told):
            await store.save_source(connection, row.id, told)
    return row


def _lasting(source: dict[str, object]) -> dict[str, object]:
    """What is worth a write; the bitrates change all the time and are in the health report."""
    return {name: value for name, value in source.items() if name not in {"video_kbps", "audio_kbps"}}


Entries = list[tuple[bytes, dict[bytes, bytes]]]


async def _new(redis: "Redis", block_ms: int) -> Entries:
    try:
        reply: Any = await redis.xreadgroup(REPORTS_GROUP, CONSUMER, {REPORTS_STREAM: ">"}, count=BATCH, block=block_ms)
    except ResponseError as error:
        if not str(error).startswith("NOGROUP"):
            raise
        await _make_group(redis)
        return []
    # RESP3 answers a map from stream to a list of lists of entries
    return [entry for batches in (reply or {}).values() for batch in batches for entry in batch]


async def _left_behind(redis: "Redis") -> Entries:
    try:
        _, entries, *_ = await redis.xautoclaim(
            REPORTS_STREAM, REPORTS_GROUP, CONSUMER, min_idle_time=STALE_MS, count=BATCH
        )
    except ResponseError as error:
        if not str(error).startswith("NOGROUP"):
            raise
        await _make_group(redis)
        return []
    return [(entry_id, fields) for entry_id, fields in entries if fields]


async def _make_group(redis: "Redis") -> None:
    try:
        await redis.xgroup_create(REPORTS_STREAM, REPORTS_GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise
