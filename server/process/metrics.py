"""Prometheus metrics of every process of ours, and the internal port that serves them.

Names end in `_total`, `_seconds` or `_bytes`; labels come from closed sets, never a room, a user or a key.
"""

from contextlib import contextmanager
from typing import TYPE_CHECKING

import prometheus_client

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def metrics_server(host: str, port: int) -> "Iterator[int]":
    """Serve `/metrics` on its own port for as long as the block runs; yields the port (0 asks for a free one)."""
    server, thread = prometheus_client.start_http_server(port, addr=host)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
