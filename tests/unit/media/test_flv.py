import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.flv import (
    HEADER,
    MAX_METADATA_ENTRIES,
    FlvError,
    Kind,
    Tag,
    TagReader,
    parse_audio,
    parse_metadata,
    parse_video,
    write_tag,
)

DATA = Path(__file__).parents[2] / "data/media"
CAPTURE = (DATA / "encoder.flv").read_bytes()
HEVC = (DATA / "hevc.flv").read_bytes()
TAGS = st.builds(Tag, st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.binary(max_size=60))


def text(value: str) -> bytes:
    return struct.pack(">H", len(value.encode())) + value.encode()


def script(*entries: bytes, marker: bytes = b"\x08\0\0\0\0") -> bytes:
    return b"\x02" + text("onMetaData") + marker + b"".join(entries) + b"\0\0\x09"


@given(st.lists(TAGS, max_size=8), st.integers(1, 50))
def test_what_is_written_reads_back(tags: list[Tag], chunk: int) -> None:
    """write_tag and TagReader are inverse, however the bytes are cut."""
    data = HEADER + b"".join(map(write_tag, tags))
    reader = TagReader()
    found = [tag for at in range(0, len(data), chunk) for tag in reader.feed(data[at : at + chunk])]
    assert found == tags


def test_a_real_stream_is_read_to_its_end() -> None:
    """FFmpeg's own FLV: a script, two sequence headers, then frames in order."""
    tags = TagReader().feed(CAPTURE)
    assert [tag.kind for tag in tags[:3]] == [Kind.SCRIPT, Kind.VIDEO, Kind.AUDIO]
    video = [parse_video(tag.data) for tag in tags if tag.kind is Kind.VIDEO]
    assert video[0].packet == "config"
    assert [head.is_key for head in video[1:7]] == [True, False, False, False, False, True]
    assert {head.codec for head in video} == {"h264"}
    audio = [parse_audio(tag.data) for tag in tags if tag.kind is Kind.AUDIO]
    assert [head.packet for head in audio[:2]] == ["config", "frame"]
    metadata = parse_metadata(tags[0].data)
    assert (metadata["width"], metadata["height"], metadata["stereo"]) == (96.0, 54.0, False)


def test_enhanced_rtmp_names_its_codec() -> None:
    """FFmpeg writes H.265 with a four-character code."""
    heads = [parse_video(tag.data) for tag in TagReader().feed(HEVC) if tag.kind is Kind.VIDEO]
    assert {head.codec for head in heads} == {"hevc"}
    assert heads[0].packet == "config"


@pytest.mark.parametrize(
    ("data", "codec", "packet", "is_key"),
    [
        (b"\x17\x01\0\0\0", "h264", "frame", True),
        (b"\x27\x02\0\0\0", "h264", "other", False),
        (b"\x1c\x00\0\0\0", "hevc", "frame", True),
        (b"\x22\x00\0\0\0", "h263", "frame", False),
        (b"\x2e\x00\0\0\0", "video-14", "frame", False),
        (b"\x90av01", "av1", "config", True),
        (b"\xa1zzzz", "video-zzzz", "frame", False),
        (b"\x92hvc1", "hevc", "other", True),
    ],
)
def test_video_heads(data: bytes, codec: str, packet: str, is_key: bool) -> None:  # noqa: FBT001  # a table
    """Codec, packet type and key frame of both generations of video tags."""
    head = parse_video(data)
    assert (head.codec, head.packet, head.is_key) == (codec, packet, is_key)


@pytest.mark.parametrize(
    ("data", "codec", "packet"),
    [
        (b"\xaf\x00", "aac", "config"),
        (b"\xaf\x01", "aac", "frame"),
        (b"\x2f\x00", "mp3", "frame"),
        (b"\x90\0", "audio-9", "frame"),
    ],
)
def test_audio_heads(data: bytes, codec: str, packet: str) -> None:
    """AAC has sequence headers, the others are frames alone."""
    head = parse_audio(data)
    assert (head.codec, head.packet) == (codec, packet)


def test_short_heads_are_refused() -> None:
    """A tag that ends inside its head."""
    with pytest.raises(FlvError):
        parse_video(b"\x17\x01")
    with pytest.raises(FlvError):
        parse_audio(b"\xaf")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"GET / HTTP/1.1", "signature"),
        (HEADER + b"\x63" + bytes(20), "type 99"),
        (HEADER + write_tag(Tag(Kind.AUDIO, 0, b"ab"))[:-1] + b"\0", "differ"),
    ],
)
def test_what_is_not_flv_is_refused(data: bytes, fault: str) -> None:
    """No signature, an unknown tag, sizes that contradict each other."""
    with pytest.raises(FlvError, match=fault):
        TagReader().feed(data)


def test_a_header_may_come_in_pieces() -> None:
    """Nothing is decided before the header is whole."""
    reader = TagReader()
    assert reader.feed(b"F") == []
    assert reader.feed(HEADER[1:6]) == []
    assert reader.feed(HEADER[6:]) == []


def test_metadata_of_every_type() -> None:
    """Numbers, booleans and texts are kept; objects, nulls, dates and arrays are read over."""
    entries = [
        text("n") + b"\x00" + struct.pack(">d", 2.5),
        text("b") + b"\x01\x01",
        text("t") + b"\x02" + text("avc1"),
        text("long") + b"\x0c" + struct.pack(">I", 2) + b"hi",
        text("o") + b"\x03" + text("inner") + b"\x05" + b"\0\0\x09",
        text("u") + b"\x06",
        text("d") + b"\x0b" + bytes(10),
        text("a") + b"\x0a" + struct.pack(">I", 2) + b"\x05\x05",
    ]
    found = {"n": 2.5, "b": True, "t": "avc1", "long": "hi"}
    assert parse_metadata(script(*entries)) == found
    assert parse_metadata(script(*entries, marker=b"\x03")) == found
    assert parse_metadata(b"\x02" + text("@setDataFrame") + script(*entries)) == found


def test_another_script_says_nothing() -> None:
    """`onCuePoint` and the like."""
    assert parse_metadata(b"\x02" + text("onCuePoint") + b"\x03\0\0\x09") == {}


def test_metadata_without_its_end_mark_counts() -> None:
    """Some encoders leave the end mark out."""
    assert parse_metadata(script(text("n") + b"\x01\x00")[:-3]) == {"n": False}


def test_metadata_is_bounded() -> None:
    """Too many entries are cut off, too deep or too long ones refused."""
    many = [text(f"n{number}") + b"\x05" for number in range(MAX_METADATA_ENTRIES + 9)]
    assert parse_metadata(script(text("first") + b"\x01\x01", *many)) == {"first": True}
    deep = (text("o") + b"\x03") * 9
    for data in (script(deep), script(text("a") + b"\x0a\xff\xff\xff\xff"), script(text("a") + b"\x0a\0\0\0\1" * 9)):
        with pytest.raises(FlvError):
            parse_metadata(data)


@pytest.mark.parametrize("data", [b"", b"\x02\0\x0aonMeta", script(marker=b"\x00"), script(text("x") + b"\x11")])
def test_malformed_metadata_is_refused(data: bytes) -> None:
    """Cut short, not an object, a type we don't know."""
    with pytest.raises(FlvError):
        parse_metadata(data)


@given(st.binary(max_size=200))
def test_garbage_never_raises_anything_else(garbage: bytes) -> None:
    """Every reader answers or raises FlvError."""
    for read in (TagReader().feed, parse_video, parse_audio, parse_metadata):
        with suppress(FlvError):
            read(garbage)
    with suppress(FlvError):
        parse_metadata(script(garbage))
    with suppress(FlvError):
        TagReader().feed(HEADER + garbage)


@given(st.integers(13, 700), st.binary(min_size=1, max_size=8))
def test_damaged_captures_never_raise_anything_else(at: int, bytes_put: bytes) -> None:
    """Foreign bytes anywhere in a real stream: tags or FlvError."""
    damaged = CAPTURE[:at] + bytes_put + CAPTURE[at:3000]
    with suppress(FlvError):
        for tag in TagReader().feed(damaged):
            {Kind.AUDIO: parse_audio, Kind.VIDEO: parse_video, Kind.SCRIPT: parse_metadata}[tag.kind](tag.data)
