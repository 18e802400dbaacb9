"""`/livez` and `/readyz` of a process that serves nobody, on its metrics port."""

import json
import threading
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    Probe: TypeAlias = Callable[[], dict[str, str]]
    """What is missing and why; it is called on another thread than the event loop's."""

TURN_SECONDS = 1.0


def loop_probe(loop: "asyncio.AbstractEventLoop") -> "Probe":
    """Does the loop take a turn within a second?"""

    def probe() -> dict[str, str]:
        turned = threading.Event()
        loop.call_soon_threadsafe(turned.set)
        return {} if turned.wait(TURN_SECONDS) else {"loop": f"no turn for {TURN_SECONDS:.0f} s"}

    return probe


def beside(app: "WSGIApplication", probes: "Mapping[str, Probe]") -> "WSGIApplication":
    """The app, and a probe at each of these paths: 200, or 503 and what is missing."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        probe = probes.get(environ["PATH_INFO"])
        if probe is None:
            return app(environ, start_response)
        missing = probe()
        status = "503 Service Unavailable" if missing else "200 OK"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps({"status": "missing" if missing else "ok", "missing": missing}).encode()]

    return answer
