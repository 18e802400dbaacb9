"""`python -m server jobs`: the background parts, each a coroutine under one task group."""

import asyncio
import time
from contextlib import AsyncExitStack

import structlog

from chat.ending import end
from chat.shards import open_shards
from server.analytics.recorder import record_analytics
from server.auth.sweep import sweep_sessions
from server.background import JobState, Part, Passes
from server.broadcasts.history import forget_figures
from server.broadcasts.reconciler import reconcile_broadcasts
from server.broadcasts.reports import read_reports
from server.broadcasts.sweeper import sweep_media
from server.chat_archiver import archive_chat
from server.chat_relay import relay_room_events
from server.chat_upkeep import tidy_chat
from server.db.pool import open_pool
from server.db.schema import require_current
from server.lifespan import open_redis
from server.process.logs import configure_logs
from server.process.metrics import metrics_server
from server.process.probes import loop_probe
from server.process.shutdown import stop_event
from server.recordings.recorder import record_broadcasts
from server.settings import Settings

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

PARTS: tuple[Part, ...] = (
    archive_chat,
    relay_room_events,
    tidy_chat,
    reconcile_broadcasts,
    read_reports,
    record_broadcasts,
    sweep_media,
    sweep_sessions,
    record_analytics,
    forget_figures,
)


async def run_jobs(settings: Settings) -> None:
    """Run every part until SIGTERM."""
    configure_logs("jobs", settings.log_level)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_event())
        passes = Passes()
        probes = {"/livez": loop_probe(asyncio.get_running_loop()), "/readyz": lambda: passes.late(time.monotonic())}
        stack.enter_context(metrics_server(settings.metrics_host, settings.metrics_port, probes))
        db = await stack.enter_async_context(open_pool(settings.database_url))
        async with db.acquire() as connection:
            await require_current(connection)
        redis = open_redis(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        shards = await stack.enter_async_context(open_shards(settings.chat_redis_url))
        state = JobState(settings, db, redis, shards, passes)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = [group.create_task(_run(part, state)) for part in PARTS]
        _log.info("jobs_started", parts=len(tasks))
        await stop.wait()
        await end(tasks)


class PartEndedError(RuntimeError):
    """A part ended by itself; the process ends with it, and whoever supervises it starts it again."""


async def _run(part: Part, state: JobState) -> None:
    task = asyncio.current_task()
    try:
        await part(state)
    except asyncio.CancelledError:
        if task is None or task.cancelling():
            raise  # a task group takes a cancellation that nobody asked for as a quiet end
    if task is None or not task.cancelling():
        raise PartEndedError(part.__name__)
