"""Reconnect tickets: what `welcome` gives an account to come back with, so that a storm costs no signatures.  Pure.

A ticket is `<key id>.<payload and mac>`, base64url: a keyed BLAKE2b (RFC 7693, 2.9) over the identity that an access
token gave, with that token's end.  It tells neither the session's standing nor the site role: both are asked anew.
"""

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

import msgspec

_MAC_BYTES = 32
TICKET_MAX_CHARS = 512
"""Ours are about 170."""


class Claims(msgspec.Struct, frozen=True, array_like=True):
    """Whom a ticket was given to, and until when (Unix seconds) it holds."""

    account_id: int
    name: str
    session_id: str
    expires_at: int


_claims_in: msgspec.msgpack.Decoder[Claims] = msgspec.msgpack.Decoder(Claims)
_claims_out = msgspec.msgpack.Encoder()


class Tickets:
    """Issues with the first of its keys and takes back what any of them issued."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {key_id.encode(): key for key_id, key in keys.items()}
        self._issuer_id, self._issuer = next(iter(self._keys.items()))

    def issue(self, claims: Claims) -> str:
        """A ticket for the holder of a good access token that ends at `claims.expires_at`."""
        payload = _claims_out.encode(claims)
        mac = _mac(self._issuer, payload)
        return (self._issuer_id + b"." + urlsafe_b64encode(payload + mac).rstrip(b"=")).decode()

    def read(self, ticket: str, now: float) -> Claims | None:
        """Whom the ticket stands for; None: it is over, of a key that is gone, or none of ours."""
        if len(ticket) > TICKET_MAX_CHARS or not ticket.isascii():
            return None
        key_id, _, body = ticket.encode().partition(b".")
        key = self._keys.get(key_id)
        if key is None:
            return None
        try:
            raw = urlsafe_b64decode(body + b"=" * (-len(body) % 4))
        except binascii.Error:
            return None
        payload, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, _mac(key, payload)):
            return None
        claims = _claims_in.decode(payload)  # ours: the mac is over it
        return claims if now < claims.expires_at else None


def _mac(key: bytes, payload: bytes) -> bytes:
    """1 µs, where HMAC-SHA256 takes 6: a storm makes and reads one of each a socket."""
    return hashlib.blake2b(payload, key=key, digest_size=_MAC_BYTES).digest()
