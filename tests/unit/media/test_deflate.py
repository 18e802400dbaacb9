import gzip

from hypothesis import given
from hypothesis import strategies as st

from media.deflate import deflate, gzip_of


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_pieces_are_one_file(pieces: list[bytes]) -> None:
    """Whatever the pieces, a reader of gzip sees them one behind the other."""
    assert gzip.decompress(gzip_of([deflate(piece) for piece in pieces])) == b"".join(pieces)


def test_pieces_can_be_used_again() -> None:
    """A piece means the same wherever it stands."""
    one, two = deflate(b"one " * 500), deflate(b"two")
    assert gzip.decompress(gzip_of([one, two, one])) == one.plain + b"two" + one.plain
    assert len(one.packed) < len(one.plain) / 20
