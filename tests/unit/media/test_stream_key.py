"""media.stream_key: long, bounded, one-way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.stream_key import KEY_CHARS, PREFIX, RANDOM_BYTES, is_well_formed, key_hash, mint

random_bytes = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(random_bytes)
def test_a_minted_key_is_well_formed(chance: bytes) -> None:
    """Whatever chance gives, the key has its prefix and one length, which fits nginx-rtmp's 256 bytes."""
    key = mint(chance)
    assert is_well_formed(key)
    assert len(key) == KEY_CHARS <= 64
    assert key.startswith(PREFIX)


@given(random_bytes, random_bytes)
def test_no_two_chances_share_a_key(first: bytes, second: bytes) -> None:
    """Minting loses no randomness."""
    assert (mint(first) == mint(second)) == (first == second)


@pytest.mark.parametrize("chance", [b"", b"x" * 31, b"x" * 33])
def test_too_little_chance_is_refused(chance: bytes) -> None:
    """A caller who brings another number of bytes has a mistake."""
    with pytest.raises(ValueError, match="32 random bytes"):
        mint(chance)


NONSENSE = ["", "lk_", "lk_" + "a" * 42, "lk_" + "a" * 44, "xx_" + "a" * 43, "lk_" + "a" * 42 + "\n", "lk_" + "ä" * 43]


@pytest.mark.parametrize("text", [*NONSENSE, "a" * 10_000])
def test_nonsense_is_not_well_formed(text: str) -> None:
    """Only the exact shape passes; a newline at the end does not."""
    assert not is_well_formed(text)


@given(st.text(st.characters(), max_size=300))
def test_any_text_has_a_hash(text: str) -> None:
    """Looking up nonsense costs what looking up a wrong key costs: 32 bytes come out, never an exception."""
    assert len(key_hash(text)) == 32


def test_the_hash_is_sha256() -> None:
    """The stored form never changes: keys in databases depend on it."""
    assert key_hash("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
