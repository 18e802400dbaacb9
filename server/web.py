"""`python -m server web`: one uvicorn process with the app, its metrics port, its logs, and a drain at the end."""

import asyncio
import gc
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, cast

import structlog
import uvicorn
import uvloop
from prometheus_client import Gauge
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from chat.rehearsal import RehearsalError, rehearse
from chat.transport import Sockets
from chat.wire import FRAME_MAX_BYTES
from server.app import create_app
from server.broadcasts.health_feed import HealthFeed
from server.chat_ws import Chat
from server.db.schema import require_current_at
from server.playback.broadcasts import Broadcasts
from server.playback.door import PlaybackDoor
from server.process.logs import configure_logs
from server.process.metrics import metrics_server
from server.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from uvicorn._types import ASGI3Application

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

OWN_TRANSPORT = Gauge("leams_chat_own_transport", "1: our protocol carries the sockets; 0: plain ASGI does.")

DRAIN_SPREAD_MS = 2_000
"""Sockets come back spread over this time, so that the next process is not overrun."""
UNSENT_BYTES = 128 * 1024
"""What the kernel takes of one connection beyond what is under way.  What a slow reader leaves waits with us then,
bounded and counted, not in megabytes of the kernel's.  The hottest room's flush is a fifth of it.  Source: tcp(7)."""
GC_THRESHOLDS = (10_000, 20, 50)
"""Sockets and messages hold no cycles, so the collector would find nothing: asked so rarely it ran 5 times for 4,000
joins, by default 15 times for 1,000.  A full pass took 88 ms then on a busy machine; the start alone 138."""
DRAIN_SECONDS = 3.0
"""Then whoever stayed is closed with RESTART."""
SHUTDOWN_SECONDS = 10
"""For requests that are still being answered after the drain."""


class DrainingServer(uvicorn.Server):
    """Before it shuts down, it stops listening and lets its sockets go in peace."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Set what is left of the start aside for good, and bound what the kernel holds for each connection to come."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        for server in self.servers:
            for listening in server.sockets:
                with socket.socket(fileno=listening.dup().detach()) as same:
                    same.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send away who waits for a list, drain the chat, then do what uvicorn does."""
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        broadcasts: Broadcasts | None = self.lifespan.state.get("broadcasts")
        if broadcasts is not None:
            broadcasts.close()
        health: HealthFeed | None = self.lifespan.state.get("health")
        if health is not None:
            health.drain()
        chat: Chat | None = self.lifespan.state.get("chat")
        if chat is not None:
            await chat.hub.drain(DRAIN_SPREAD_MS, DRAIN_SECONDS)
            await asyncio.sleep(0)  # the close frames leave with this turn
        await super().shutdown(sockets)


def http_for(
    settings: Settings, make_sockets: Callable[[], Sockets]
) -> "type[asyncio.Protocol] | Literal['httptools']":
    """Uvicorn's HTTP protocol with our transport of sockets, where that works with this uvicorn; else without it."""
    OWN_TRANSPORT.set(0)
    if settings.chat_transport == "asgi":
        return "httptools"
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(rehearse(make_sockets()))
    except RehearsalError as error:
        _log.warning("chat_transport_unfit", error=str(error), uvicorn=uvicorn.__version__)
        return "httptools"
    OWN_TRANSPORT.set(1)
    return cast("type[asyncio.Protocol]", make_sockets().door)  # uvicorn calls it, and asks no more of it


def playback_before(settings: Settings) -> PlaybackDoor:
    """The whole application: playback first, which asks nobody's address; the rest learns it from the edge."""
    app = cast("ASGI3Application", create_app(settings))  # uvicorn's types for ASGI are its own
    return PlaybackDoor(cast("ASGIApp", ProxyHeadersMiddleware(app, trusted_hosts=settings.trusted)))


def run_web(settings: Settings) -> None:
    """Serve until SIGTERM.

    Raises:
        SchemaBehindError: the lifespan would refuse too, but uvicorn would bury the sentence.
    """
    configure_logs("web", settings.log_level)
    asyncio.run(require_current_at(settings.database_url))
    config = uvicorn.Config(
        playback_before(settings),
        host=settings.web_host,
        port=settings.web_port,
        loop="uvloop",
        http=http_for(settings, lambda: Sockets(may_deflate=settings.chat_may_deflate)),
        ws="websockets-sansio",
        ws_max_size=FRAME_MAX_BYTES,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        proxy_headers=False,  # see playback_before
    )
    with metrics_server(settings.metrics_host, settings.metrics_port):
        DrainingServer(config).run()
