"""The stream between the doors and the recorder: sums of a broadcast's minute, as they were told."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from prometheus_client import Counter

from server.analytics.rules import Tally

if TYPE_CHECKING:
    from redis.asyncio import Redis

STREAM: Final = "leams:analytics:beacons"
FIELD: Final = b"e"
ENTRIES_MAX: Final = 100_000
"""About 30 MB, and eight minutes of two processes and a hundred broadcasts without a recorder."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_bad_total = Counter("leams_beacons_bad_total", "Entries of the stream that are none of this version.")


class Entry(msgspec.Struct, frozen=True):
    """What was told of a broadcast in a part of a minute; `minute` counts from 1970."""

    broadcast: str
    minute: int
    tally: Tally


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


async def push(redis: "Redis", tallies: Mapping[tuple[str, int], Tally]) -> None:
    """Append one entry each, by broadcast and minute.

    Raises:
        RedisError, OSError: Redis is away; some may have been appended.
    """
    async with redis.pipeline(transaction=True) as pipe:
        for (broadcast, minute), tally in tallies.items():
            pipe.xadd(STREAM, {FIELD: _encoder.encode(Entry(broadcast, minute, tally))}, maxlen=ENTRIES_MAX)
        await pipe.execute()


async def read_after(redis: "Redis", place: str, most: int) -> tuple[list[Entry], str, bool]:
    """The entries after a place in the stream, the place of the last one, and whether more wait.

    Raises:
        RedisError, OSError: Redis is away.
    """
    newest: Any = await redis.xrevrange(STREAM, count=1)
    if newest and _order(newest[0][0].decode()) < _order(place):
        place = "0-0"  # another stream: Redis lost the old one, and its clock is behind
    found: Any = await redis.xrange(STREAM, min=f"({place}", count=most)
    entries: list[Entry] = []
    for entry_id, fields in found:
        place = entry_id.decode()
        try:
            entries.append(_decoder.decode(fields[FIELD]))
        except (KeyError, msgspec.DecodeError) as error:
            _bad_total.inc()
            _log.error("beacons_bad", error=str(error))
    return entries, place, len(found) == most


async def forget_until(redis: "Redis", place: str) -> None:
    """Drop what was recorded; the last entry stays, so that a stream that was lost is known as one.

    Raises:
        RedisError, OSError: Redis is away.
    """
    await redis.xtrim(STREAM, minid=place, approximate=False)


def _order(place: str) -> tuple[int, int]:
    milliseconds, _, number = place.partition("-")
    return int(milliseconds), int(number)
