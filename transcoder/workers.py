"""The living workers and what they can carry, in one hash in Redis whose entries end by Redis' own clock."""

from pathlib import Path
from typing import Final

import msgspec
from redis.asyncio import Redis

from transcoder.placement import Capacity

WORKERS_KEY: Final = "leams:transcode:workers"
LIFE_MS: Final = 3_000
_text = (Path(__file__).parent / "lua" / "advertise.lua").read_text()
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Capacity)


class Workers:
    """One worker's view of all of them."""

    def __init__(self, redis: Redis) -> None:
        self._advertise = redis.register_script(_text)

    async def advertise(self, capacity: Capacity) -> list[Capacity]:
        """Say what this worker can carry for the next three seconds; returns what all living ones say.

        What can't be read is left out: a worker of another version, or one that lies.

        Raises:
            RedisError: Redis is away.
        """
        said = await self._advertise(keys=[WORKERS_KEY], args=[capacity.worker, _encoder.encode(capacity), LIFE_MS])
        return [found for found in map(_read, said) if found is not None]

    async def leave(self, worker: str) -> None:
        """Be counted no longer.

        Raises:
            RedisError: Redis is away; the entry ends by itself.
        """
        await self._advertise(keys=[WORKERS_KEY], args=[worker, b"", 0])


def _read(said: bytes) -> Capacity | None:
    try:
        return _decoder.decode(said)
    except (msgspec.DecodeError, UnicodeError):
        return None
