"""Tell every process that a session or an account has ended, after the commit: chat closes its sockets."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import structlog
from redis.exceptions import RedisError

from chat.keys import ACCOUNTS_CHANNEL

if TYPE_CHECKING:
    from chat.shards import Shards

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

PATIENCE_SECONDS = 1.0


async def announce_account_ended(shards: "Shards", account_id: int) -> None:
    """Every session of the account has ended."""
    await _announce(shards, account_id, [None])


async def announce_sessions_ended(shards: "Shards", account_id: int, session_ids: Iterable[UUID]) -> None:
    """These sessions have ended; the account's others go on."""
    await _announce(shards, account_id, [str(session_id) for session_id in session_ids])


async def _announce(shards: "Shards", account_id: int, session_ids: Iterable[str | None]) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for session_id in session_ids:
                notice = {"account_id": account_id, "session_id": session_id}
                await shards.call(ACCOUNTS_CHANNEL, "PUBLISH", ACCOUNTS_CHANNEL, msgspec.json.encode(notice))
    except (RedisError, OSError) as error:
        # HTTP doors read the session's row and need no notice; chat without Redis can say nothing anyway
        _log.warning("ending_not_announced", account_id=account_id, reason=type(error).__name__)
