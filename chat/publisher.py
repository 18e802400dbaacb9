"""Put an event into a room's log: the Python side of `lua/publish.lua`.

The event is encoded once, as JSON: so it travels, stands in the log and in the archive stream (fields `room`, `epoch`,
`offset`, `event`).  Whoever publishes needs the chat's Redis and nothing else: web processes and the relay alike.
"""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.exceptions import RedisError

from chat.calls import Script
from chat.codes import Code
from chat.keys import archive_key, partition, room_key
from chat.ratelimit import Allowance
from chat.room import Position, Refusal
from chat.shards import Shards
from chat.steps.rate import too_fast
from chat.steps.slow_mode import too_soon
from chat.wire import Event

LOG_EVENTS = 3000
"""A room's log in Redis, and every process's ring of it; what lies before is in the archive."""
ARCHIVE_EVENTS = 100_000
"""A partition's events that the archiver has not committed yet; full: senders get a temporary error."""
NONCE_SECONDS = 600
"""How long a repeated `send` is recognised; pages retry for less than a minute."""
OUTBOX_NONCE_SECONDS = 86_400

CHANCE = secrets.token_hex(4)
"""This process's part of the names of epochs that begin with it; the rest is Redis' time."""

_encoder = msgspec.json.Encoder()
_script = Script.of("epoch", "publish")


@dataclass(frozen=True, slots=True)
class Published:
    """Where the event stands; a repeat got the first one's place and was not said again."""

    position: Position
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Stale:
    """The rules have changed since the message was judged; judge again by at least this version."""

    version: int


def event_json(event: Event) -> bytes:
    """The event as it travels, stands in the log and is archived."""
    return _encoder.encode(event)


class Publisher:
    """The publish script on the chat's Redis."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    def say(
        self,
        room_id: int,
        event: bytes,
        *,
        account_id: int,
        nonce: str,
        judged_by: int,
        slow_seconds: int,
        allowance: Allowance,
        known: Position | None = None,
    ) -> "asyncio.Future[Published | Stale | Refusal]":
        """Publish a member's message, as `event_json` gives it, under every limit.

        Fails with a RedisError when Redis is away or did not answer within 0.9 s; the same nonce may be sent again.
        """
        return self._publish(
            room_id,
            event,
            member=str(account_id),
            nonce=nonce,
            nonce_seconds=NONCE_SECONDS,
            judged_by=judged_by,
            slow_ms=slow_seconds * 1000,
            allowance=allowance,
            known=known,
        )

    async def announce(self, room_id: int, event: Event, *, nonce: str, version: int | None = None) -> Position:
        """Publish an event that is already true (committed); `nonce` is the outbox row's, `version` the rules' new one.

        Raises:
            RedisError: Redis is away, or the archive is full; announce it again with the same nonce.
        """
        result = await self._publish(
            room_id, event_json(event), member="outbox", nonce=nonce, nonce_seconds=OUTBOX_NONCE_SECONDS, makes=version
        )
        if not isinstance(result, Published):
            raise RedisError(f"an announced event was not taken: {result}")
        return result.position

    def _publish(
        self,
        room_id: int,
        event: bytes,
        *,
        member: str,
        nonce: str,
        nonce_seconds: int,
        judged_by: int | None = None,
        makes: int | None = None,
        slow_ms: int = 0,
        allowance: Allowance | None = None,
        known: Position | None = None,
    ) -> "asyncio.Future[Published | Stale | Refusal]":
        own = room_key(room_id, "")
        keys = [
            f"{own}head",
            f"{own}log",
            archive_key(partition(room_id)),
            f"{own}nonce:{member}:{nonce}",
            f"{own}said:{member}",
        ]
        arguments: list[str | bytes | int] = [
            event,
            CHANCE,
            nonce_seconds * 1000,
            LOG_EVENTS,
            ARCHIVE_EVENTS,
            slow_ms,
            allowance.burst if allowance else 0,
            allowance.refill_ms if allowance else 0,
            "" if judged_by is None else judged_by,
            "" if makes is None else makes,
            known.epoch if known else "",
            known.offset if known else 0,
            room_id,
        ]
        return self._shards.script(_script, keys, arguments, _read_reply)


def _read_reply(reply: Any) -> Published | Stale | Refusal:
    match reply:
        case [b"ok", bytes(epoch), int(offset), int(is_repeat)]:
            return Published(Position(epoch.decode(), offset), bool(is_repeat))
        case [b"stale", int(version)]:
            return Stale(version)
        case [b"slow", int(wait_ms)]:
            return too_soon(wait_ms)
        case [b"limited", int(wait_ms)]:
            return too_fast(wait_ms)
        case [b"full"]:
            return unavailable()
        case _:
            raise RedisError(f"the publish script answered {reply!r}")


def unavailable() -> Refusal:
    """The answer while Redis or Postgres is away."""
    return Refusal(
        Code.UNAVAILABLE, "The chat can't take this right now; try again.", is_temporary=True, retry_after_ms=1000
    )
