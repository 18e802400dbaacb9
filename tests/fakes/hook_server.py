"""A hook server that answers as a test says and remembers what nginx-rtmp sent."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.services.processes import wait_until


@dataclass(frozen=True, slots=True)
class Call:
    """One hook call as it came."""

    path: str
    body: str

    def first(self, name: str) -> str:
        """The first value of a field, as our parser reads it."""
        return next((pair.partition("=")[2] for pair in self.body.split("&") if pair.partition("=")[0] == name), "")


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer; `linger_seconds` keeps the socket open after the reply."""

    status: int
    location: str | None = None
    linger_seconds: float = 0.0


@dataclass(slots=True)
class HookServer:
    """Where it listens and what it heard."""

    port: int
    calls: list[Call] = field(default_factory=list)

    def heard(self, path: str) -> list[Call]:
        """The calls of one hook, oldest first."""
        return [call for call in self.calls if call.path == path]

    def wait_for(self, path: str, count: int = 1, seconds: float = 10.0) -> Call:
        """The count-th call of a hook."""
        wait_until(lambda: len(self.heard(path)) >= count, f"{path} to be called", seconds)
        return self.heard(path)[count - 1]


@contextmanager
def hook_server(answer: Callable[[Call], Reply]) -> Iterator[HookServer]:
    """Listen on a free port of loopback for as long as the block lasts."""

    class Exchange(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:  # the base class' name
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("latin-1")
            call = Call(self.path, body)
            hooks.calls.append(call)
            reply = answer(call)
            self.send_response(reply.status)
            if reply.location is not None:
                self.send_header("Location", reply.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.wfile.flush()
            if reply.linger_seconds:
                time.sleep(reply.linger_seconds)  # a server that keeps the connection open, on purpose

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Exchange) as server:
        server.daemon_threads = True
        hooks = HookServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield hooks
        finally:
            server.shutdown()
            thread.join()
