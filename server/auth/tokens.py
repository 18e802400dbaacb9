"""Access tokens: JWTs signed with EdDSA, checked against a ring of keys by `kid`.  Pure: keys and `now` come in."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from jwt.algorithms import OKPAlgorithm

from server.auth.permissions import SiteRole

ACCESS_SECONDS: Final = 600
"""Short, because a token is not asked back: what must act at once is checked in the session's row."""
ISSUER: Final = "leams"
TOKEN_MAX_CHARS: Final = 2048
"""Ours are about 400 characters; anything longer is not ours."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request comes from, and until when (Unix seconds) its access token holds."""

    account_id: int
    name: str
    site_role: SiteRole
    session_id: str
    expires_at: float


class TokenFault(StrEnum):
    """Why a token was refused; only an expired one is worth a refresh."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    EXPIRED = "expired"


class TokenError(Exception):
    """The token does not stand."""

    def __init__(self, fault: TokenFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    name: str
    sid: UUID
    role: SiteRole
    exp: int


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name that tokens call it by."""

    kid: str
    private: Ed25519PrivateKey

    @classmethod
    def from_pem(cls, kid: str, pem: str) -> "SigningKey":
        """Read what `pem` wrote.

        Raises:
            ValueError: not an Ed25519 key.
        """
        private = load_pem_private_key(pem.encode(), None)
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError(f"signing key {kid} is not Ed25519")  # noqa: TRY004  # the PEM's content, not a type
        return cls(kid, private)

    @property
    def pem(self) -> str:
        """The private key as unencrypted PKCS #8."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Keyring:
    """The keys in force; the first signs, all of them verify."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys = {key.kid: key for key in keys}
        self._signer = next(iter(self._keys.values()))

    @property
    def kid(self) -> str:
        """The key that signs now."""
        return self._signer.kid

    def sign(self, identity: Identity, now: float) -> str:
        """An access token for `identity`; its `expires_at` becomes the token's `exp`."""
        claims = {
            "iss": ISSUER,
            "sub": str(identity.account_id),
            "name": identity.name,
            "sid": identity.session_id,
            "role": identity.site_role,
            "iat": int(now),
            "exp": int(identity.expires_at),
        }
        return jwt.encode(claims, self._signer.private, algorithm="EdDSA", headers={"kid": self._signer.kid})

    def verify(self, token: str, now: float) -> Identity:
        """Whom the token stands for.

        Raises:
            TokenError: with its fault; the signature is checked before anything that the token says is believed.
        """
        if len(token) > TOKEN_MAX_CHARS:
            raise TokenError(TokenFault.MALFORMED)
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as error:
            raise TokenError(TokenFault.MALFORMED) from error
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise TokenError(TokenFault.UNKNOWN_KEY)
        claims = _decode(token, key)
        if now >= claims.exp:
            raise TokenError(TokenFault.EXPIRED)
        return Identity(int(claims.sub), claims.name, claims.role, str(claims.sid), claims.exp)

    def jwks(self) -> dict[str, Any]:
        """The public halves as a JSON Web Key Set.  Source: RFC 7517, RFC 8037."""
        return {
            "keys": [
                {
                    **OKPAlgorithm.to_jwk(key.private.public_key(), as_dict=True),
                    "kid": key.kid,
                    "alg": "EdDSA",
                    "use": "sig",
                }
                for key in self._keys.values()
            ]
        }


def _decode(token: str, key: SigningKey) -> _Claims:
    try:
        decoded = jwt.decode(
            token,
            key.private.public_key(),
            algorithms=["EdDSA"],
            issuer=ISSUER,
            # pyjwt would read the clock by itself; the caller compares `exp` with its own `now`
            options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iss", "sub"]},
        )
    except jwt.InvalidTokenError as error:
        raise TokenError(TokenFault.FORGED) from error
    try:
        claims = msgspec.convert(decoded, _Claims)
    except msgspec.ValidationError as error:
        raise TokenError(TokenFault.MALFORMED) from error
    if not claims.sub.isascii() or not claims.sub.isdigit():
        raise TokenError(TokenFault.MALFORMED)
    return claims
