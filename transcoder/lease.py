"""The lease of a broadcast: one worker serves one encoder session, a newer encoder session outbids an older one."""

from pathlib import Path

from redis.asyncio import Redis

from media.jobs import LiveJob, lease_key

LEASE_MS = 3_000
_FOLDER = Path(__file__).parent / "lua"
_lease_text = (_FOLDER / "lease.lua").read_text()
_release_text = (_FOLDER / "release.lua").read_text()


class Leases:
    """The leases that this worker takes, on one Redis client."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_lease_text)
        self._release = redis.register_script(_release_text)

    async def take(self, job: LiveJob, owner: str) -> str:
        """Take or keep it: `held`, `stale`, or `other <owner>` for one of the same encoder session.

        Raises:
            RedisError: Redis is away.
        """
        reply = await self._take(keys=[lease_key(job.public_id)], args=[job.publish_count, owner, LEASE_MS])
        return str(reply.decode())

    async def release(self, job: LiveJob, owner: str) -> None:
        """Let go, unless somebody else has it by now.

        Raises:
            RedisError: Redis is away; it expires by itself.
        """
        await self._release(keys=[lease_key(job.public_id)], args=[job.publish_count, owner])
