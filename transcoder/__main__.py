"""`python -m transcoder`: one worker that turns broadcasts into segments until SIGTERM."""

import asyncio
import gc
import os
import socket
import sys
from contextlib import AsyncExitStack

import structlog
import uvloop
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from media.live import LiveWindows
from media.origin import free_share_of, open_origin
from server.process.environment import SettingsError
from server.process.logs import configure_logs
from server.process.metrics import metrics_server
from server.process.probes import loop_probe
from server.process.shutdown import stop_event
from transcoder.calibration import calibrated
from transcoder.encoders import probe_encoders
from transcoder.intake import Intake
from transcoder.pool import Pool
from transcoder.session import Bench
from transcoder.settings import Settings
from transcoder.uploads import LiveOrigin, Uploads

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def know_machine(settings: Settings, pool: Pool) -> None:
    """Find out what this machine has and what it costs, while the first jobs are served on what is usual."""
    if settings.calibration is None:
        return
    try:
        sessions = await probe_encoders(settings.ffmpeg)
        costs = await calibrated(settings.ffmpeg, settings.ladder, list(sessions), settings.calibration)
        pool.equip(costs, sessions)
    except Exception:  # noqa: BLE001  # the top of a task: a worker that knows nothing works, too
        _log.exception("machine_unknown")


async def work(settings: Settings) -> None:
    """Open what a worker needs, and run it."""
    configure_logs("transcoder", settings.log_level)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_event())
        probes = {"/livez": loop_probe(asyncio.get_running_loop())}
        stack.enter_context(metrics_server(settings.metrics_host, settings.metrics_port, probes))
        redis = Redis.from_url(
            settings.redis_url,
            socket_timeout=3.0,
            socket_connect_timeout=1.0,
            protocol=3,
            retry=Retry(NoBackoff(), 1),  # at once, for a connection that died; whoever needs more tries itself
        )
        stack.push_async_callback(redis.aclose)
        pool = Pool(settings.cores)
        origin = open_origin(settings.media_store, settings.media_access, settings.live_folder)
        uploads = Uploads(origin)
        free_share = free_share_of(origin.folder) if origin.folder else lambda: 1.0
        media = LiveOrigin(origin, uploads, free_share, settings.min_free_share)
        bench = Bench(settings, redis, media, LiveWindows(redis), pool)
        worker = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
        _log.info("transcoder_started", worker=worker, cores=settings.cores)
        beside = [asyncio.create_task(know_machine(settings, pool), name="calibration")]
        if not origin.is_one:
            beside.append(asyncio.create_task(uploads.run(), name="uploads"))
        gc.collect()
        gc.freeze()  # what is there now stays: nothing to look through again and again
        try:
            await Intake(bench, worker).run(stop)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
    _log.info("transcoder_stopped")


def main() -> int:
    """Run until SIGTERM; the exit status is 2 for wrong settings."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        for fault in error.faults:
            sys.stderr.write(fault + "\n")
        return 2
    uvloop.run(work(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
