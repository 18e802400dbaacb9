"""Limits at the doors: so many tries in a fixed window, per address and per name.

One INCR of one key with its expiry, in one round trip: no script, and one slot of a Redis Cluster.  Two windows that
touch can let twice the limit pass, which is no harm where the limit is there to make guessing slow.  With Redis away
the doors stay open behind a limit of this process's own: locking everybody out would be worse than n processes that
count apart.
"""

import asyncio
import hashlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from redis.exceptions import RedisError

from server.refusal import AppError

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

REDIS_PATIENCE_SECONDS: Final = 0.5
LOCAL_KEYS_MAX: Final = 10_000
"""Counters kept while Redis is away; past it they are all forgotten, which errs to the side of letting in."""
LOOPBACK_FACTOR: Final = 200
"""Whoever sits on the machine itself is its operator, a test or a bench."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` tries of `what` by one subject in each window."""

    what: str
    most: int
    window_seconds: int


LOGIN_BY_NAME: Final = Limit("login-name", 10, 60)
LOGIN_BY_ADDRESS: Final = Limit("login-address", 30, 60)
REGISTER_BY_ADDRESS: Final = Limit("register-address", 10, 3600)
REFRESH_BY_ADDRESS: Final = Limit("refresh-address", 120, 60)
PASSWORD_BY_ACCOUNT: Final = Limit("password-account", 10, 60)
BEACONS_BY_ADDRESS: Final = Limit("beacon-address", 800, 15)
"""Two hundred players behind one address, a beat each 5 s, and their comings and goings."""
REFUSED_ENCODER_BY_ADDRESS: Final = Limit("encoder-address", 20, 60)
"""Encoders with keys that open nothing; OBS tries again after two seconds, so a wrong key alone reaches it in 40 s."""
PUBLISHES_BY_KEY: Final = Limit("encoder-key", 20, 60)
"""Encoders that are let in with one key: each costs the workers a session.  One that leaves at once and comes back as
OBS does, after two seconds, reaches it within the minute."""
SPENT_MAX: Final = 10_000
"""Subjects remembered as over their limit; beyond, the one that was first is forgotten."""


class RateLimiter:
    """Counts tries in Redis, or in this process while Redis is away."""

    def __init__(self, redis: "Redis", clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._clock = clock
        self._local: dict[str, int] = {}
        self._spent: dict[tuple[str, str], float] = {}

    async def spend(self, limit: Limit, subject: str, *, factor: int = 1) -> None:
        """Count one try.

        Raises:
            AppError: 429 `too_many_tries` with the seconds until the window ends.
        """
        now = self._clock()
        window = int(now // limit.window_seconds)
        # the subject may be anything somebody typed: hashed, it is short and no key shows a name
        digest = hashlib.sha256(subject.encode()).hexdigest()[:32]
        tries = await self._count(f"leams:limit:{limit.what}:{digest}:{window}", limit.window_seconds)
        if tries > limit.most * factor:
            remaining = (window + 1) * limit.window_seconds - now
            self._remember_spent((limit.what, subject), now + remaining)
            raise AppError("too_many_tries", 429, "Too many tries: wait a little.", retry_after_seconds=remaining)

    async def spend_address(self, limit: Limit, address: str) -> None:
        """Count one try from a network address; loopback gets far more.

        Raises:
            AppError: 429 `too_many_tries`.
        """
        await self.spend(limit, network_of(address), factor=LOOPBACK_FACTOR if is_loopback(address) else 1)

    def spend_here(self, limit: Limit, address: str) -> None:
        """Count one try from a network address in this process alone: where asking Redis would cost more than the try.

        Raises:
            AppError: 429 `too_many_tries`.
        """
        now = self._clock()
        subject = network_of(address)
        window = int(now // limit.window_seconds)
        tries = self._count_here(f"{limit.what}:{subject}:{window}")
        if tries > limit.most * (LOOPBACK_FACTOR if is_loopback(address) else 1):
            remaining = (window + 1) * limit.window_seconds - now
            raise AppError("too_many_tries", 429, "Too many tries: wait a little.", retry_after_seconds=remaining)

    def is_spent(self, limit: Limit, address: str) -> bool:
        """Is this process sure, without asking anybody, that the address is over the limit?"""
        return self._spent.get((limit.what, network_of(address)), 0.0) > self._clock()

    def _remember_spent(self, subject: tuple[str, str], until: float) -> None:
        if len(self._spent) >= SPENT_MAX and subject not in self._spent:
            self._spent.pop(next(iter(self._spent)))
        self._spent[subject] = until

    async def _count(self, key: str, seconds: int) -> int:
        try:
            async with asyncio.timeout(REDIS_PATIENCE_SECONDS), self._redis.pipeline(transaction=False) as pipe:
                pipe.incr(key)
                pipe.expire(key, seconds)
                tries: int = (await pipe.execute())[0]
                return tries
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("limits_are_local", reason=type(error).__name__)
            return self._count_here(key)

    def _count_here(self, key: str) -> int:
        if len(self._local) >= LOCAL_KEYS_MAX and key not in self._local:
            self._local.clear()
        self._local[key] = self._local.get(key, 0) + 1
        return self._local[key]


def network_of(address: str) -> str:
    """What one household holds: an IPv4 address, or the /64 of an IPv6 one; anything else as it is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return (
            parsed.ipv4_mapped.compressed
            if parsed.ipv4_mapped
            else f"{ipaddress.ip_network((parsed, 64), strict=False)}"
        )
    return address


def is_loopback(address: str) -> bool:
    """Did the request come from this very machine?"""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
