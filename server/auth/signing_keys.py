"""The signing keys in Postgres, and the process's view of them: `AccessTokens`."""

import secrets
import time
from typing import TYPE_CHECKING, Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.auth.tokens import Identity, Keyring, SigningKey, TokenError, TokenFault

if TYPE_CHECKING:
    from server.db.pool import Connection, Pool

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

_CREATE_LOCK = 0x6C65616D73_01
"""Advisory lock: only one process makes the first key."""
REREAD_SECONDS = 5.0
"""Between two looks for a kid we don't know: a flood of invented kids costs one query in this time."""


async def signing_keys(connection: "Connection") -> list[SigningKey]:
    """The keys in force, the one that signs first; a retired key still verifies for as long as a token may live."""
    rows = await connection.fetch(
        "SELECT kid, private_pem FROM signing_keys"
        " WHERE retired_at IS NULL OR retired_at > now() - interval '1 hour'"
        " ORDER BY retired_at IS NOT NULL, created_at DESC, kid"
    )
    return [SigningKey.from_pem(row["kid"], row["private_pem"]) for row in rows]


async def signing_keys_or_first(connection: "Connection") -> list[SigningKey]:
    """The keys in force, after making one where none signs; safe when many processes start at once."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _CREATE_LOCK)
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM signing_keys WHERE retired_at IS NULL)"):
            key = SigningKey(secrets.token_urlsafe(9), Ed25519PrivateKey.generate())
            await connection.execute("INSERT INTO signing_keys (kid, private_pem) VALUES ($1, $2)", key.kid, key.pem)
            _log.info("signing_key_created", kid=key.kid)
        return await signing_keys(connection)


class AccessTokens:
    """Signs and verifies with the keys of the database; reads them anew when a token names one it doesn't know."""

    def __init__(self, pool: "Pool", ring: Keyring) -> None:
        self._pool = pool
        self._ring = ring
        self._reread_after = 0.0

    @classmethod
    async def load(cls, pool: "Pool") -> "AccessTokens":
        """Read the keys at the process's start, making the first one if need be."""
        async with pool.acquire() as connection:
            return cls(pool, Keyring(await signing_keys_or_first(connection)))

    @property
    def kid(self) -> str:
        """The key that signs now."""
        return self._ring.kid

    def sign(self, identity: Identity, now: float) -> str:
        """An access token that holds until `identity.expires_at`."""
        return self._ring.sign(identity, now)

    async def verify(self, token: str, now: float) -> Identity:
        """Whom the token stands for; its session may have ended since (`guards.identify` asks for that too).

        Raises:
            TokenError: it does not stand.
        """
        try:
            return self._ring.verify(token, now)
        except TokenError as error:
            if error.fault is not TokenFault.UNKNOWN_KEY or not self._may_reread():
                raise
        async with self._pool.acquire() as connection:
            self._ring = Keyring(await signing_keys_or_first(connection))
        return self._ring.verify(token, now)

    def verify_known(self, token: str, now: float) -> Identity:
        """As `verify`, with the keys that this process knows.

        Raises:
            TokenError: it does not stand, or (UNKNOWN_KEY) `verify` may know more.
        """
        return self._ring.verify(token, now)

    def secrets_for(self, purpose: str) -> dict[str, bytes]:
        """A secret of each key in force, the same in every process; the signer's first."""
        return self._ring.secrets_for(purpose)

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set."""
        return self._ring.jwks()

    def _may_reread(self) -> bool:
        tick = time.monotonic()
        if tick < self._reread_after:
            return False
        self._reread_after = tick + REREAD_SECONDS
        return True
