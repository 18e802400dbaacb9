"""nginx-rtmp's on_publish and on_publish_done: who may publish, and under which public name.

A refusal looks the same whatever its reason, and a key that does not exist takes the same statements as one that may
not be used, so that nothing is learned from the answer or its time.  The secret key is never logged.
"""

import asyncio
import hmac
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import structlog
from prometheus_client import Histogram
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from media.broadcast import Drop, Refusal, StartJob, State, Step, publish, publisher_gone
from media.stream_key import key_hash
from server.broadcasts import store
from server.broadcasts.control import (
    Control,
    call_worker,
    change,
    end_within,
    holder_of,
    keep_blocked,
    perform,
    remember_refused,
)
from server.broadcasts.hook_call import BODY_MAX_BYTES, HookCall, parse_hook_call
from server.broadcasts.ingest import IngestError
from server.broadcasts.rules import REFUSAL_WORDS
from server.broadcasts.statistics import APPLICATION
from server.broadcasts.store import BroadcastRow, KeyFacts, new_capability
from server.ratelimit import LOOPBACK_FACTOR, PUBLISHES_BY_KEY, REFUSED_ENCODER_BY_ADDRESS, is_loopback
from server.refusal import AppError

if TYPE_CHECKING:
    from starlette.requests import Request

    from server.db.pool import Connection
    from server.lifespan import AppState
    from server.ratelimit import RateLimiter

DECISION_SECONDS = 0.18
"""nginx gives each web process 200 ms and refuses the encoder when none has answered."""
WORKER_SECONDS = 0.12
"""For a worker to take the job and join the stream; measured: 70 to 90 ms on an idle machine."""
ANSWER_SECONDS = 0.19
"""By then the answer is on its way, whatever the worker does."""
DONE_SECONDS = 2.0
PUBLIC_ID_BYTES = 9
"""18 hex digits, behind a `p` for private ones; that they are unique is for certain by the table."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_hook_seconds = Histogram(
    "leams_hook_seconds",
    "Time a hook took to answer.",
    ["hook", "answer"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
)


class _NotAdmittedError(Exception):
    """Roll back and refuse; `code` is None where no channel may learn of it."""

    def __init__(self, channel_id: int | None = None, code: Refusal | None = None) -> None:
        super().__init__(code)
        self.channel_id = channel_id
        self.code = code


async def on_publish(request: "Request[AppState]") -> Response:
    """302 with the broadcast's public id as a bare name, or 403."""
    started = time.perf_counter()
    if not _is_ours(request):
        return _answer("publish", "stranger", started, 403)
    control = request.state["control"]
    call = parse_hook_call(await _bounded_body(request))
    limits = request.state["limits"]
    if call is not None and limits.is_spent(REFUSED_ENCODER_BY_ADDRESS, call.session.address):
        return _answer("publish", "limited", started, 403)
    try:
        async with asyncio.timeout(DECISION_SECONDS):
            admitted, step = await _admit(control, call, limits)
    except _NotAdmittedError as refused:
        response = _answer("publish", "refused", started, 403)
        if refused.channel_id is not None and refused.code is not None:
            response.background = BackgroundTask(_remember, control, refused.channel_id, refused.code)
        elif call is not None:
            response.background = BackgroundTask(_count_refused, limits, call.session.address)
        return response
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _log.warning("hook_undecided", error=type(error).__name__)
        return _answer("publish", "undecided", started, 503)
    patience_seconds = min(WORKER_SECONDS, ANSWER_SECONDS - (time.perf_counter() - started))
    if StartJob() in step.effects and patience_seconds > 0 and await call_worker(control, admitted, patience_seconds):
        step = replace(step, effects=tuple(effect for effect in step.effects if effect != StartJob()))
    response = _answer("publish", "accepted", started, 302, {"Location": admitted.broadcast.public_id})
    # once the answer has left: Redis has no part in letting an encoder in, and what fails the reconciler mends
    response.background = BackgroundTask(_follow_up, control, limits, admitted, step)
    return response


async def _remember(control: Control, channel_id: int, code: Refusal) -> None:
    await remember_refused(control, channel_id, code, REFUSAL_WORDS[code])
    if code is Refusal.BLOCKED:
        await keep_blocked(control, channel_id)


async def _follow_up(control: Control, limits: "RateLimiter", row: BroadcastRow, step: Step) -> None:
    session = row.broadcast.session
    factor = LOOPBACK_FACTOR if session is not None and is_loopback(session.address) else 1
    with suppress(AppError):  # the next one is refused
        await limits.spend(PUBLISHES_BY_KEY, str(row.stream_key_id), factor=factor)
    await perform(control, row, step)


async def on_publish_done(request: "Request[AppState]") -> Response:
    """An encoder's session has ended; only the owner's counts.  nginx does not read the answer."""
    started = time.perf_counter()
    if not _is_ours(request):
        return _answer("publish_done", "stranger", started, 403)
    control = request.state["control"]
    call = parse_hook_call(await _bounded_body(request))
    if call is None:
        return _answer("publish_done", "refused", started, 403)
    session = call.session
    try:
        async with asyncio.timeout(DONE_SECONDS):
            async with control.db.acquire() as connection:
                public_id = await store.broadcast_of_session(connection, key_hash(call.name), session)
            if public_id is not None:
                await change(control, public_id, lambda broadcast, now: publisher_gone(broadcast, session, now))
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _log.warning("hook_undecided", error=type(error).__name__)  # the reconciler will see it
        return _answer("publish_done", "undecided", started, 503)
    return _answer("publish_done", "accepted" if public_id else "ignored", started, 204)


async def _admit(control: Control, call: HookCall | None, limits: "RateLimiter") -> tuple[BroadcastRow, Step]:
    """Decide and commit; returns what is to be performed.

    Raises:
        _NotAdmittedError: not this encoder, not now.
    """
    is_sound = call is not None and call.call == "publish" and call.app == APPLICATION
    hashed = key_hash(call.name if call is not None and is_sound else "")
    async with control.db.acquire() as connection, connection.transaction():
        key_id = await store.lock_channel_of_key(connection, hashed)
        facts = await store.key_facts(connection, key_id)
        current = await store.open_broadcast_of_channel(connection, facts.channel_id if facts else None, lock=True)
        if facts is None or not facts.is_valid or call is None:
            raise _NotAdmittedError
        if limits.is_spent(PUBLISHES_BY_KEY, str(key_id)):
            raise _NotAdmittedError(facts.channel_id, Refusal.TOO_MANY_SESSIONS)
        return await _decide(control, connection, call, facts, current)


async def _decide(
    control: Control, connection: "Connection", call: HookCall, facts: KeyFacts, current: BroadcastRow | None
) -> tuple[BroadcastRow, Step]:
    now = time.time()
    if facts.blocked_until is not None and now < facts.blocked_until:
        raise _NotAdmittedError(facts.channel_id, Refusal.BLOCKED)
    is_test = call.is_test or facts.next_is_test
    if current is not None and _is_to_be_hidden(current, is_private=is_test or facts.is_private):
        # what waits for its encoder was seen by all; what comes now is not meant to be. The reconciler tells of its end
        await end_within(connection, facts.channel_id, "grace_over")
        current = None
    if current is not None and call.is_test and not current.is_test:
        raise _NotAdmittedError(facts.channel_id, Refusal.OTHER_KIND)
    holder = "nobody" if current is None else await holder_of(control, current.broadcast.public_id)
    broadcast = current.broadcast if current else None
    is_private = is_test or facts.is_private
    public_id = ("p" if is_private else "") + secrets.token_hex(PUBLIC_ID_BYTES)
    step = publish(broadcast, call.session, holder, public_id, now)
    if isinstance(step, Refusal):
        raise _NotAdmittedError(facts.channel_id, step)
    await _make_room(control, step, facts)
    if current is None:
        secret = new_capability() if is_private else None
        row = await store.insert_broadcast(connection, facts, step.broadcast, capability=secret, is_test=is_test)
    else:
        row = replace(current, broadcast=step.broadcast, stream_key_id=facts.key_id)
        if step.broadcast != broadcast:
            await store.save(connection, row.id, step.broadcast, facts.key_id)
    rest = tuple(effect for effect in step.effects if not isinstance(effect, Drop))
    return row, Step(step.broadcast, rest)


def _is_to_be_hidden(current: BroadcastRow, *, is_private: bool) -> bool:
    return is_private and current.is_public and current.broadcast.state is State.INTERRUPTED


async def _make_room(control: Control, step: Step, facts: KeyFacts) -> None:
    """Drop the session that is taken over: nginx lets the newcomer in only if the name is free by then."""
    for effect in step.effects:
        if isinstance(effect, Drop):
            try:
                is_free = await control.ingest.drop(step.broadcast.public_id, effect.session)
            except IngestError as error:
                raise _NotAdmittedError(facts.channel_id, Refusal.INGEST_UNREACHABLE) from error
            if not is_free:
                raise _NotAdmittedError(facts.channel_id, Refusal.ALREADY_LIVE)


async def _count_refused(limits: "RateLimiter", address: str) -> None:
    """A key that opens nothing; after too many of them the address is refused without a look at the database."""
    with suppress(AppError):
        await limits.spend_address(REFUSED_ENCODER_BY_ADDRESS, address)


def _is_ours(request: "Request[AppState]") -> bool:
    given = request.headers.get("x-leams-hook-secret", "")
    return hmac.compare_digest(given.encode(), request.state["settings"].hook_secret.encode())


async def _bounded_body(request: "Request[AppState]") -> bytes:
    """The body, or so much of it that the parser refuses it."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            break
    return bytes(body)


def _answer(hook: str, answer: str, started: float, status: int, headers: dict[str, str] | None = None) -> Response:
    _hook_seconds.labels(hook, answer).observe(time.perf_counter() - started)
    # nginx-rtmp acts on the answer only when the socket closes
    return Response(status_code=status, headers={"Connection": "close", "Cache-Control": "no-store", **(headers or {})})


routes: list[BaseRoute] = [
    Route("/hooks/publish", on_publish, methods=["POST"]),
    Route("/hooks/publish_done", on_publish_done, methods=["POST"]),
]
