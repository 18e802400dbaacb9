"""Change broadcasts: commit a transition of `media.broadcast`, then perform what it asks for.

An effect that fails is logged and left to the reconciler, which compares the rows with the ingest and with Redis.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

import asyncpg
import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat.shards import Shards
from media.broadcast import Announce, Broadcast, Drop, EndReason, EndWindow, Holder, Publisher, StartJob, Step, end
from media.jobs import FIELD, JOBS_STREAM, STREAM_ENTRIES_MAX, WORKERS_KEY, LiveJob, encode, live_key, tap_key
from media.live import LiveWindows
from media.policy import Wish
from server.broadcasts import store
from server.broadcasts.announce import announce
from server.broadcasts.history import channel_health_key
from server.broadcasts.ingest import Ingest, IngestError, open_ingest
from server.broadcasts.rules import Seen, silence
from server.broadcasts.store import BroadcastRow
from server.db.pool import Connection, Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from server.settings import Settings

BLOCK_SECONDS = 30.0
"""After a stop the channel's encoders are refused for so long: OBS would be back after 2 s."""
BLOCK_MOST_SECONDS = 1_000.0
"""An encoder that tries on after the staff's stop puts its return off by so long at most.  OBS waits half as long again
before each try, at most 15 minutes: how long it has tried so far is always longer than until its next try."""
REFUSED_SECONDS = 600
"""How long the dashboard remembers a refused encoder."""
_SEEN_SECONDS = 60
_SEEN_TIMEOUT_SECONDS = 0.05
"""A hook is waiting; without the answer only the address decides."""
_BLOCKING: frozenset[EndReason] = frozenset({"stopped", "stopped_by_staff", "failed"})

Transition = Callable[[Broadcast, float], Step]

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Refused(msgspec.Struct, frozen=True):
    """An encoder with a good key that was not let in, or not kept."""

    at_ms: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Control:
    """What changing a broadcast needs."""

    db: Pool
    redis: Redis
    shards: Shards
    ingest: Ingest
    windows: LiveWindows
    grace_seconds: float
    has_slate: bool = True
    """An interrupted broadcast shows its last picture; without, it holds."""


@asynccontextmanager
async def open_control(settings: "Settings", db: Pool, redis: Redis, shards: Shards) -> "AsyncIterator[Control]":
    """Everything at hand for as long as the block runs."""
    async with open_ingest(settings.ingest_http_url) as ingest:
        control = Control(db, redis, shards, ingest, LiveWindows(redis), settings.grace_seconds, settings.has_slate)
        await _warm(control)
        yield control


async def _warm(control: Control) -> None:
    """Ask once what a hook asks: the first encoder after a start has no time for connecting and preparing."""
    async with control.db.acquire() as connection, connection.transaction():
        await store.key_facts(connection, await store.lock_channel_of_key(connection, b""))
        await store.open_broadcast_of_channel(connection, None, lock=True)
    await holder_of(control, "")


async def change(control: Control, public_id: str, transition: Transition) -> BroadcastRow | None:
    """Apply a transition to an open broadcast; None when there is none.

    Raises:
        asyncpg.PostgresError, OSError: nothing has changed.
    """
    now = time.time()
    async with control.db.acquire() as connection, connection.transaction():
        row = await store.open_broadcast(connection, public_id, lock=True)
        if row is None:
            return None
        step = transition(row.broadcast, now)
        if step.broadcast != row.broadcast:
            await store.save(connection, row.id, step.broadcast)
    after = replace(row, broadcast=step.broadcast)
    await perform(control, after, step)
    return after


def if_current(publish_count: int, transition: Transition) -> Transition:
    """The transition for as long as the broadcast is in this encoder session: of a later one nothing was said."""

    def transition_if_current(broadcast: Broadcast, now: float) -> Step:
        if broadcast.publish_count != publish_count:
            return Step(broadcast)
        return transition(broadcast, now)

    return transition_if_current


async def stop_broadcast(control: Control, public_id: str, reason: EndReason) -> bool:
    """End an open broadcast and keep its encoder from starting the next at once; False when there is none.

    Raises:
        asyncpg.PostgresError, OSError: nothing has changed.
    """
    async with control.db.acquire() as connection:
        row = await store.open_broadcast(connection, public_id)
    return row is not None and await stop_channel_broadcast(control, row.channel_id, reason)


async def stop_channel_broadcast(control: Control, channel_id: int, reason: EndReason) -> bool:
    """The same for whatever broadcast the channel has open.

    Raises:
        asyncpg.PostgresError, OSError: nothing has changed.
    """
    async with control.db.acquire() as connection, connection.transaction():
        await store.lock_channel(connection, channel_id)
        ended = await end_within(connection, channel_id, reason)
    if ended is None:
        return False
    await perform(control, *ended)
    return True


async def end_within(connection: Connection, channel_id: int, reason: EndReason) -> tuple[BroadcastRow, Step] | None:
    """End the channel's open broadcast in the caller's transaction, which holds the channel's row.

    The caller calls `perform` with what this returns, after its commit.
    """
    now = time.time()
    row = await store.open_broadcast_of_channel(connection, channel_id, lock=True)
    if row is None:
        return None
    step = end(row.broadcast, reason, now)
    if reason in _BLOCKING:
        await store.block_publishing(connection, channel_id, now + BLOCK_SECONDS)
    await store.save(connection, row.id, step.broadcast)
    return replace(row, broadcast=step.broadcast), step


async def perform(control: Control, row: BroadcastRow, step: Step) -> None:
    """Perform a committed step's effects in their order; never raises for a server that is away."""
    broadcast = step.broadcast
    if step.effects:
        _log.info(
            "broadcast_changed",
            broadcast=broadcast.public_id,
            state=broadcast.state,
            publish_count=broadcast.publish_count,
            reason=broadcast.end_reason,
        )
    for effect in step.effects:
        try:
            match effect:
                case StartJob():
                    await enqueue(control, row)
                case Drop(session):
                    await control.ingest.drop(broadcast.public_id, session)
                case EndWindow():
                    await control.windows.end(broadcast.public_id)
                    await control.redis.delete(channel_health_key(row.channel_id))  # the next one begins without it
                case Announce():
                    await announce(control.shards, row, control.grace_seconds)
                case _:
                    assert_never(effect)
        except (RedisError, IngestError, OSError) as error:
            _log.warning(
                "broadcast_effect_failed",
                broadcast=broadcast.public_id,
                effect=type(effect).__name__,
                error=type(error).__name__,
            )


async def enqueue(control: Control, row: BroadcastRow) -> None:
    """Put the broadcast's job on the stream; more than once is harmless.

    Raises:
        RedisError: it isn't there.
    """
    gop_seconds, ladder, next_sequence = await _known(control, row)
    job = LiveJob(
        public_id=row.broadcast.public_id,
        publish_count=row.broadcast.publish_count,
        enqueued_ms=int(time.time() * 1000),
        known_gop_seconds=gop_seconds,
        ladder=ladder,
        slate_seconds=control.grace_seconds if control.has_slate else 0.0,
        next_sequence=next_sequence,
    )
    await control.redis.xadd(JOBS_STREAM, {FIELD: encode(job)}, maxlen=STREAM_ENTRIES_MAX, approximate=True)


async def call_worker(control: Control, row: BroadcastRow, patience_seconds: float) -> bool:
    """Send the job and wait until a worker plays the stream, or waits for it; False when the job isn't sent.

    nginx-rtmp keeps no GOP: who joins after the encoder's first key frame waits for the next one. With no worker about,
    or one that is slow, the encoder is let in all the same. Never raises.
    """
    broadcast = row.broadcast
    is_sent = False
    try:
        async with asyncio.timeout(patience_seconds):
            await enqueue(control, row)
            is_sent = True
            if await control.redis.exists(WORKERS_KEY):
                await control.redis.blpop([tap_key(broadcast.public_id, broadcast.publish_count)], patience_seconds)
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        _log.info("worker_not_ready", broadcast=broadcast.public_id, error=type(error).__name__)
    return is_sent


async def _known(control: Control, row: BroadcastRow) -> tuple[float | None, Wish | None, int]:
    """Key-frame distance that this broadcast or the key's last one proved, the channel's ladder, what was published.

    Postgres away costs a re-encoded top rung and the channel's own wishes, never a broadcast.
    """
    known = (row.source or {}).get("keyframe_seconds")
    gop_seconds = float(known) if isinstance(known, int | float) and known > 0 else None
    wish, next_sequence = None, 0
    try:
        async with asyncio.timeout(_SEEN_TIMEOUT_SECONDS), control.db.acquire() as connection:
            if gop_seconds is None:
                gop_seconds = await store.earlier_keyframe_seconds(connection, row)
            stored, next_sequence = await store.job_facts(connection, row)
            if stored is not None:
                wish = msgspec.convert(stored, Wish)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, msgspec.ValidationError) as error:
        _log.warning("job_without_wishes", broadcast=row.broadcast.public_id, error=type(error).__name__)
    return gop_seconds, wish, next_sequence


async def holder_of(control: Control, public_id: str) -> Holder:
    """Who publishes under this name, and for how long in silence as far as the reconciler has seen."""
    try:
        stream = (await control.ingest.streams()).get(public_id)
    except IngestError:
        return "unknown"
    if stream is None or stream.publisher is None:
        return "nobody"
    try:
        async with asyncio.timeout(_SEEN_TIMEOUT_SECONDS):
            value = await control.redis.get(_seen_key(public_id))
    except (RedisError, OSError, TimeoutError):
        value = None
    seen = None if value is None else msgspec.json.decode(value, type=Seen)
    return Publisher(stream.publisher, silence(stream, seen, time.time()))


async def remember_seen(control: Control, public_id: str, seen: Seen) -> None:
    """Tell the hooks how far the stream had come, and since when.

    Raises:
        RedisError: Redis is away.
    """
    await control.redis.set(_seen_key(public_id), msgspec.json.encode(seen), ex=_SEEN_SECONDS)


async def remember_refused(control: Control, channel_id: int, code: str, message: str) -> None:
    """Tell the dashboard why an encoder was not let in; never raises."""
    refused = Refused(int(time.time() * 1000), code, message)
    try:
        await control.redis.set(refused_key(channel_id), msgspec.json.encode(refused), ex=REFUSED_SECONDS)
    except (RedisError, OSError) as error:
        _log.warning("refusal_not_remembered", channel=channel_id, error=type(error).__name__)


async def keep_blocked(control: Control, channel_id: int) -> None:
    """An encoder that tries on after the staff's stop is no new broadcast; never raises."""
    try:
        async with control.db.acquire() as connection:
            await store.keep_blocked(connection, channel_id, time.time(), BLOCK_SECONDS, BLOCK_MOST_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        _log.warning("block_not_kept", channel=channel_id, error=type(error).__name__)


async def last_refused(control: Control, channel_id: int) -> Refused | None:
    """What `remember_refused` wrote, for as long as it matters."""
    value = await control.redis.get(refused_key(channel_id))
    return None if value is None else msgspec.json.decode(value, type=Refused)


def refused_key(channel_id: int) -> str:
    """A channel's last refused encoder; the channel has no broadcast to hang it on."""
    return f"leams:ingest:refused:{channel_id}"


def _seen_key(public_id: str) -> str:
    return live_key(public_id, "ingest")
