"""The probes of processes that serve nobody."""

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from server.background import JobState, Passes, repeat
from server.process import probes
from server.process.probes import beside, loop_probe

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


def test_parts_that_are_late_are_named() -> None:
    """Each with how much it is overdue; the others are not."""
    passes = Passes({"relay": 20.0, "archive": 10.0})
    assert passes.late(10.0) == {}
    assert passes.late(15.4) == {"archive": "5 s late"}
    assert list(passes.late(52.0)) == ["archive", "relay"]


async def test_a_pass_that_fails_moves_nothing() -> None:
    """A part is expected from its start on, and a completed pass alone is one more."""
    passes = Passes()
    state = JobState(*cast("tuple[Any, Any, Any, Any]", (None,) * 4), passes)
    outcomes: list[bool | OSError] = [True, OSError("away")]
    failed = asyncio.Event()
    expected: list[float] = []

    async def once() -> bool:
        expected.append(passes.due["part"])
        outcome = outcomes.pop(0)
        if isinstance(outcome, OSError):
            failed.set()
            raise outcome
        return outcome

    task = asyncio.create_task(repeat(state, "part", once, every_seconds=60))
    await failed.wait()
    await asyncio.sleep(0)
    assert expected[1] > expected[0] + 59
    assert passes.due["part"] == expected[1]
    task.cancel()


async def test_a_loop_that_turns_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs is not, though its process is there."""
    assert await asyncio.to_thread(loop_probe(asyncio.get_running_loop())) == {}
    monkeypatch.setattr(probes, "TURN_SECONDS", 0.01)
    assert list(loop_probe(asyncio.get_running_loop())()) == ["loop"]  # on the loop's own thread: it waits for itself


def test_probes_stand_beside_the_app() -> None:
    """200 or 503 with what is missing; every other path is the app's."""

    def app(environ: "WSGIEnvironment", _start_response: "StartResponse") -> "Iterable[bytes]":
        return [environ["PATH_INFO"].encode()]

    told: list[str] = []

    def start_response(status: str, *_: object) -> object:
        told.append(status)
        return None

    both = beside(app, {"/fine": dict, "/late": lambda: {"archive": "5 s late"}})
    bodies = [b"".join(both({"PATH_INFO": path}, start_response)) for path in ("/fine", "/late", "/metrics")]  # type: ignore[arg-type]
    assert told == ["200 OK", "503 Service Unavailable"]
    assert json.loads(bodies[0]) == {"status": "ok", "missing": {}}
    assert json.loads(bodies[1]) == {"status": "missing", "missing": {"archive": "5 s late"}}
    assert bodies[2] == b"/metrics"
