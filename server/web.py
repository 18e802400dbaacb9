"""`python -m server web`: one uvicorn process with the app, its metrics port and its logs."""

import uvicorn

from server.app import create_app
from server.process.logs import configure_logs
from server.process.metrics import metrics_server
from server.settings import Settings


def run_web(settings: Settings) -> None:
    """Serve until SIGTERM."""
    configure_logs("web", settings.log_level)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.web_host,
        port=settings.web_port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
    )
    with metrics_server(settings.metrics_host, settings.metrics_port):
        uvicorn.Server(config).run()
