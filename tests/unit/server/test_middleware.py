"""What an exchange gets when its door crashes."""

import httpx
import structlog
from starlette.types import Receive, Scope, Send

from server.middleware import ExchangeMiddleware


async def test_a_crash_has_its_request_id_in_the_reply_and_in_every_line() -> None:
    """A 500 has the security headers; its traceback and its exchange are found by the request's id."""

    async def door(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    transport = httpx.ASGITransport(app=ExchangeMiddleware(door))
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            reply = await client.get("/", headers={"X-Request-Id": "0123456789"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal")
    assert reply.headers["X-Request-Id"] == "0123456789"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert [line["event"] for line in lines] == ["request_crashed", "http_exchange"]
    assert all(line["request_id"] == "0123456789" for line in lines)
    assert lines[1]["status"] == 500


async def test_beacons_that_were_taken_leave_no_line() -> None:
    """Ten thousand players would write two thousand lines a second; a refusal is told like any other."""

    async def door(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": statuses.pop(0), "headers": []})
        await send({"type": "http.response.body", "body": b""})

    statuses = [204, 400]
    transport = httpx.ASGITransport(app=ExchangeMiddleware(door))
    with structlog.testing.capture_logs() as lines:
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            for _ in range(2):
                await client.post("/api/v1/beacons")
    assert [line["status"] for line in lines] == [400]
