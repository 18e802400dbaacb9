"""Stream keys: the secret that an encoder publishes with.  Pure: the random bytes come in as an argument.

A key is `lk_` and 43 base-62 digits of 256 random bits.  Only its SHA-256 is stored: with that much chance in it, a
slow or salted hash would add nothing, and the hash can be looked up by an index.
"""

import hashlib
import re

PREFIX = "lk_"
RANDOM_BYTES = 32
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGIT_COUNT = 43
"""62 ** 43 > 2 ** 256."""
KEY_CHARS = len(PREFIX) + _DIGIT_COUNT
_KEY = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_DIGIT_COUNT}}}")


def mint(random_bytes: bytes) -> str:
    """A key from `RANDOM_BYTES` random bytes; always `KEY_CHARS` long."""
    if len(random_bytes) != RANDOM_BYTES:
        raise ValueError(f"a stream key wants {RANDOM_BYTES} random bytes, got {len(random_bytes)}")
    number = int.from_bytes(random_bytes)
    digits = []
    for _ in range(_DIGIT_COUNT):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return PREFIX + "".join(reversed(digits))


def is_well_formed(text: str) -> bool:
    """Can `text` be a key of ours?  Says nothing about whether it is one."""
    return _KEY.fullmatch(text) is not None


def key_hash(text: str) -> bytes:
    """What is stored and looked up.  Defined for any text, so that nonsense takes the same way as a wrong key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
