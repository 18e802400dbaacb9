"""Access tokens: JWTs signed with EdDSA, checked against a ring of keys by `kid`.  Pure: keys and `now` come in.

Sources: RFC 7519, RFC 8037.  Verifying is done here rather than by pyjwt (180 µs), and by libsodium rather than OpenSSL
(56 µs a signature, not 111): reconnect storms are made of it.  pyjwt signs, and is the tests' witness.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode
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
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

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


class _Header(msgspec.Struct, frozen=True):
    alg: str = ""
    kid: str = ""
    typ: str = "JWT"
    crit: object = None
    """What must be understood to be believed (RFC 7515, 4.1.11): we understand nothing of the kind."""


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    name: str
    sid: UUID
    role: SiteRole
    exp: int
    aud: object = None
    """A token for somebody in particular is not for us."""


_header_in: msgspec.json.Decoder[_Header] = msgspec.json.Decoder(_Header)
_claims_in: msgspec.json.Decoder[_Claims] = msgspec.json.Decoder(_Claims)


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

    def secret_for(self, purpose: str) -> bytes:
        """32 bytes that only holders of this key can derive, for a symmetric use that rotates with it."""
        return hmac.digest(self.private.private_bytes_raw(), purpose.encode(), "sha256")


class Keyring:
    """The keys in force; the first signs, all of them verify."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys = {key.kid: key for key in keys}
        self._public = {kid: VerifyKey(key.private.public_key().public_bytes_raw()) for kid, key in self._keys.items()}
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
        signed, _, signature = token.rpartition(".")
        head, _, body = signed.partition(".")
        try:
            header = _header_in.decode(_unpack(head))
            payload, raw_signature = _unpack(body), _unpack(signature)
        except (msgspec.DecodeError, UnicodeError, binascii.Error) as error:
            raise TokenError(TokenFault.MALFORMED) from error
        key = self._public.get(header.kid)
        if key is None:
            raise TokenError(TokenFault.UNKNOWN_KEY)
        if header.alg != "EdDSA" or header.typ != "JWT" or header.crit is not None:
            raise TokenError(TokenFault.FORGED)
        claims = _believed(key, raw_signature, signed.encode(), payload)
        if now >= claims.exp:
            raise TokenError(TokenFault.EXPIRED)
        return Identity(int(claims.sub), claims.name, claims.role, str(claims.sid), claims.exp)

    def secrets_for(self, purpose: str) -> dict[str, bytes]:
        """The secret of each key for this purpose, the signer's first."""
        return {kid: key.secret_for(purpose) for kid, key in self._keys.items()}

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


def _unpack(text: str) -> bytes:
    return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))


def _believed(key: VerifyKey, signature: bytes, signed: bytes, payload: bytes) -> _Claims:
    try:
        key.verify(signed, signature)
    except (BadSignatureError, ValueError) as error:  # ValueError: not 64 bytes
        raise TokenError(TokenFault.FORGED) from error
    try:
        claims = _claims_in.decode(payload)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise TokenError(TokenFault.MALFORMED) from error
    if claims.iss != ISSUER or claims.aud is not None:
        raise TokenError(TokenFault.FORGED)
    if not claims.sub.isascii() or not claims.sub.isdigit():
        raise TokenError(TokenFault.MALFORMED)
    return claims
