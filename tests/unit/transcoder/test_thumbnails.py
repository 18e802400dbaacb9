from hypothesis import given
from hypothesis import strategies as st

from transcoder.thumbnails import MAX_PICTURE_BYTES, JpegReader

BODY = st.binary(max_size=40).map(lambda data: data.replace(b"\xff", b"\x00"))


@given(st.lists(BODY, max_size=4), st.integers(1, 30))
def test_pictures_come_out_whole(bodies: list[bytes], chunk: int) -> None:
    """However the bytes are cut."""
    pictures = [b"\xff\xd8" + body + b"\xff\xd9" for body in bodies]
    data = b"".join(pictures)
    reader = JpegReader()
    assert [item for at in range(0, len(data), chunk) for item in reader.feed(data[at : at + chunk])] == pictures


def test_what_is_no_picture_is_dropped() -> None:
    """Bytes without a beginning, and bytes without an end."""
    reader = JpegReader()
    assert reader.feed(b"abc\xff\xd9") == []
    assert reader.feed(b"\xff\xd8" + bytes(MAX_PICTURE_BYTES)) == []
    assert reader.feed(b"\xff\xd8x\xff\xd9") == [b"\xff\xd8x\xff\xd9"]
