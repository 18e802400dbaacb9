"""Access tokens: what is signed is what is read, and nothing else stands."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from server.auth.permissions import PERMISSIONS
from server.auth.tokens import Identity, Keyring, SigningKey, TokenError, TokenFault

OLD = SigningKey("old", Ed25519PrivateKey.from_private_bytes(b"o" * 32))
NEW = SigningKey("new", Ed25519PrivateKey.from_private_bytes(b"n" * 32))
RING = Keyring([NEW, OLD])
ANN = Identity(7, "Ann", "user", "7e6b5e2e-1111-4111-8111-111111111111", 1600)


def fault_of(token: str, ring: Keyring = RING) -> TokenFault:
    with pytest.raises(TokenError) as caught:
        ring.verify(token, 1000)
    return caught.value.fault


@given(
    st.builds(
        Identity,
        st.integers(1, 2**63 - 1),
        st.from_regex(r"[A-Za-z0-9_]{3,25}", fullmatch=True),
        st.sampled_from(list(PERMISSIONS)),
        st.uuids().map(str),
        st.integers(1001, 2**40),
    )
)
def test_what_is_signed_is_what_is_read(identity: Identity) -> None:
    """Any identity comes back as it was."""
    assert RING.verify(RING.sign(identity, 1000), 1000) == identity


def test_the_first_key_signs_and_all_verify() -> None:
    """A token of the old key stands beside the new one's."""
    assert RING.kid == "new"
    assert jwt.get_unverified_header(RING.sign(ANN, 1000)) == {"alg": "EdDSA", "kid": "new", "typ": "JWT"}
    assert RING.verify(Keyring([OLD]).sign(ANN, 1000), 1000) == ANN


@given(
    st.builds(
        Identity,
        st.integers(1, 2**63 - 1),
        st.from_regex(r"[A-Za-z0-9_]{3,25}", fullmatch=True),
        st.sampled_from(list(PERMISSIONS)),
        st.uuids().map(str),
        st.integers(1001, 2**40),
    ),
    st.integers(0, 500),
    st.characters(codec="ascii"),
)
def test_pyjwt_believes_no_less(identity: Identity, place: int, letter: str) -> None:
    """A token with one letter changed stands here only if it stands for an independent reader too."""
    token = RING.sign(identity, 1000)
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    try:
        read = RING.verify(changed, 1000)
    except TokenError:
        return
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(changed, NEW.private.public_key(), algorithms=["EdDSA"], issuer="leams", options=options)
    assert (int(claims["sub"]), claims["name"], claims["sid"]) == (read.account_id, read.name, read.session_id)


def test_a_token_ends_at_its_second() -> None:
    """One moment before `exp` it stands, at `exp` no more."""
    token = RING.sign(ANN, 1000)
    assert RING.verify(token, 1599.9) == ANN
    with pytest.raises(TokenError) as caught:
        RING.verify(token, 1600)
    assert caught.value.fault is TokenFault.EXPIRED


def test_forgeries() -> None:
    """Another key under our kid, no signature, an HMAC with the public key's words, another issuer."""
    forger = Keyring([SigningKey("new", Ed25519PrivateKey.from_private_bytes(b"f" * 32))])
    assert fault_of(forger.sign(ANN, 1000)) is TokenFault.FORGED
    claims = {"iss": "leams", "sub": "7", "name": "Ann", "sid": ANN.session_id, "role": "admin", "exp": 1600}
    assert fault_of(jwt.encode(claims, "", algorithm="none", headers={"kid": "new"})) is TokenFault.FORGED
    assert fault_of(jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": "new"})) is TokenFault.FORGED
    for change in ({"iss": "other"}, {"aud": "media"}):
        other = jwt.encode({**claims, **change}, NEW.private, algorithm="EdDSA", headers={"kid": "new"})
        assert fault_of(other) is TokenFault.FORGED
    for headers in ({"typ": "secevent+jwt"}, {"crit": ["b64"], "b64": True}):
        other = jwt.encode(claims, NEW.private, algorithm="EdDSA", headers={"kid": "new", **headers})
        assert fault_of(other) is TokenFault.FORGED


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "." * 5000])
def test_what_is_no_token(token: str) -> None:
    """Garbage has a name of its own."""
    assert fault_of(token) is TokenFault.MALFORMED


@pytest.mark.parametrize("change", [{"sub": "Ann"}, {"sub": "\u0667"}, {"sid": "x"}, {"role": "god"}, {"name": 5}])
def test_claims_that_we_would_never_sign(change: dict[str, object]) -> None:
    """Even with a good signature a token must say what ours say."""
    claims = {"iss": "leams", "sub": "7", "name": "Ann", "sid": ANN.session_id, "role": "user", "exp": 1600, **change}
    token = jwt.encode(claims, NEW.private, algorithm="EdDSA", headers={"kid": "new"})
    assert fault_of(token) is TokenFault.MALFORMED


def test_unknown_keys_are_told_apart() -> None:
    """The shell reads the keys anew for this fault alone."""
    assert fault_of(RING.sign(ANN, 1000), Keyring([OLD])) is TokenFault.UNKNOWN_KEY
    assert fault_of(jwt.encode({}, NEW.private, algorithm="EdDSA")) is TokenFault.UNKNOWN_KEY


@pytest.mark.parametrize("payload", [b"[]", b"{", b"\xff", b'{"sub":"7"}'])
def test_a_signed_payload_that_is_no_claims(payload: bytes) -> None:
    """Whatever was signed with our key, only our claims are read."""
    token = jwt.api_jws.encode(payload, NEW.private, algorithm="EdDSA", headers={"kid": "new"})
    assert fault_of(token) is TokenFault.MALFORMED


def test_a_purpose_has_a_secret_of_its_own() -> None:
    """The same for every process with the key, another for each key and purpose, the signer's first."""
    tickets = RING.secrets_for("tickets")
    assert list(tickets) == ["new", "old"]
    assert tickets == Keyring([NEW, OLD]).secrets_for("tickets")
    assert len({*tickets.values(), *RING.secrets_for("other").values(), b"n" * 32, b"o" * 32}) == 6
    assert {len(secret) for secret in tickets.values()} == {32}


def test_keys_survive_their_text() -> None:
    """PEM and back signs the same; another kind of key is refused."""
    assert SigningKey.from_pem("new", NEW.pem).pem == NEW.pem
    foreign = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ValueError, match="not Ed25519"):
        SigningKey.from_pem("new", foreign)


def test_the_published_keys_hold_no_secret() -> None:
    """JWKS has the public halves alone."""
    keys = RING.jwks()["keys"]
    assert [(key["kid"], key["kty"], key["crv"], key["alg"], key["use"]) for key in keys] == [
        ("new", "OKP", "Ed25519", "EdDSA", "sig"),
        ("old", "OKP", "Ed25519", "EdDSA", "sig"),
    ]
    assert all("d" not in key for key in keys)
