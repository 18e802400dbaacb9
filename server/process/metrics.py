"""Prometheus metrics of every process of ours, and the internal port that serves them and the workers' probes.

Names end in `_total`, `_seconds` or `_bytes`; labels come from closed sets, never a room, a user or a key.
"""

from contextlib import contextmanager
from typing import TYPE_CHECKING

import prometheus_client

from server.process.probes import beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from server.process.probes import Probe


@contextmanager
def metrics_server(host: str, port: int, probes: "Mapping[str, Probe] | None" = None) -> "Iterator[int]":
    """Serve `/metrics`, and probes by their paths, on its own port for as long as the block runs.

    Yields the port; 0 asks for a free one.
    """
    server, thread = prometheus_client.start_http_server(port, addr=host)
    server.set_app(beside(prometheus_client.make_wsgi_app(), probes or {}))
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
