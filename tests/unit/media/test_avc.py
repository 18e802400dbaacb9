from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.avc import AudioConfig, Bits, ConfigError, parse_audio_config, parse_video_config
from media.flv import Kind, TagReader, parse_audio, parse_video

CAPTURE = (Path(__file__).parents[2] / "data/media/encoder.flv").read_bytes()
TAGS = TagReader().feed(CAPTURE)
RECORD = next(tag.data[5:] for tag in TAGS if tag.kind is Kind.VIDEO and parse_video(tag.data).packet == "config")
ASC = next(tag.data[2:] for tag in TAGS if tag.kind is Kind.AUDIO and parse_audio(tag.data).packet == "config")


class Writer:
    """Bits for made-up parameter sets."""

    def __init__(self) -> None:
        self.bits = ""

    def put(self, value: int, count: int) -> "Writer":
        self.bits += f"{value:0{count}b}"
        return self

    def ue(self, *values: int) -> "Writer":
        for value in values:
            code = f"{value + 1:b}"
            self.bits += "0" * (len(code) - 1) + code
        return self

    def record(self) -> bytes:
        padded = self.bits + "1" + "0" * (-(len(self.bits) + 1) % 8)
        sps = b"\x67" + int(padded, 2).to_bytes(len(padded) // 8, "big")
        return b"\x01\x64\x00\x0a\xff\xe1" + len(sps).to_bytes(2, "big") + sps


def sps(
    profile: int = 66, *, high: str = "", order: str = "", size: tuple[int, int] = (20, 11), tail: str = "0"
) -> bytes:
    """A parameter set: head, what High profiles add, order count, size, frame_mbs_only + the rest as bits."""
    writer = Writer().put(profile, 8).put(0, 8).put(31, 8).ue(0)
    writer.bits += high
    writer.ue(0)
    writer.bits += order or Writer().ue(2).bits
    writer.ue(1).put(0, 1).ue(size[0] - 1, size[1] - 1)
    writer.bits += tail
    return writer.record()


PROGRESSIVE = "11"  # frame_mbs_only_flag, direct_8x8_inference_flag
UNCROPPED = "0"


def test_a_real_sequence_header_is_read() -> None:
    """96x54, High, 10 frames a second, as the encoder was told."""
    config = parse_video_config(RECORD)
    assert (config.width, config.height, config.profile, config.level, config.fps) == (96, 54, 100, 10, 10.0)
    assert config.is_8bit_420
    assert config.is_progressive


def test_a_real_audio_header_is_read() -> None:
    """AAC-LC, 44.1 kHz, one channel."""
    assert parse_audio_config(ASC) == AudioConfig(2, 44_100, 1)


def test_baseline_without_vui() -> None:
    """320x176, no timing: the rate is unknown."""
    config = parse_video_config(sps(tail=PROGRESSIVE + UNCROPPED + "0"))
    assert (config.width, config.height, config.fps) == (320, 176, None)


def test_interlaced_pictures_are_twice_as_high() -> None:
    """frame_mbs_only_flag 0: map units are pairs of rows, and cropping counts double."""
    crop = "1" + Writer().ue(0, 1, 0, 2).bits
    config = parse_video_config(sps(tail="0" + "0" + "1" + crop + "0"))
    assert (config.width, config.height, config.is_progressive) == (318, 344, False)


@pytest.mark.parametrize(
    ("chroma", "depth", "is_420"), [(1, 0, True), (1, 2, False), (3, 0, False), (0, 0, False), (2, 0, False)]
)
def test_what_players_do_not_take_is_seen(chroma: int, depth: int, is_420: bool) -> None:  # noqa: FBT001  # a table
    """4:2:2, 4:4:4, monochrome and 10 bit are not the common 8-bit 4:2:0."""
    high = Writer().ue(chroma)
    if chroma == 3:
        high.put(0, 1)
    high.ue(depth, 0).put(0, 2)
    crop = "1" + Writer().ue(0, 1, 0, 1).bits
    config = parse_video_config(sps(110, high=high.bits, tail=PROGRESSIVE + crop + "0"))
    assert config.is_8bit_420 is is_420
    assert config.width == (318 if chroma in {1, 2} else 319)
    assert config.height == (174 if chroma == 1 else 175)


@pytest.mark.parametrize("chroma", [1, 3])
def test_scaling_lists_are_read_over(chroma: int) -> None:
    """Absent, whole, and cut off by a zero: what follows is still found."""
    lists = 12 if chroma == 3 else 8
    high = Writer().ue(chroma)
    if chroma == 3:
        high.put(0, 1)
    high.ue(0, 0).put(0, 1).put(1, 1)
    high.put(1, 1).ue(*([0] * 16))  # se(0): the same again, sixteen times
    high.put(1, 1).ue(2 * 8)  # se(-8): the next scale is 0, the rest is default
    high.put(1, 1).ue(1).ue(*([0] * 15))  # se(1)
    high.put(0, lists - 3)
    config = parse_video_config(sps(244, high=high.bits, tail=PROGRESSIVE + UNCROPPED + "0"))
    assert (config.width, config.height) == (320, 176)


@pytest.mark.parametrize(
    "order", [Writer().ue(0, 4).bits, Writer().ue(1).put(0, 1).ue(0, 0, 2, 3, 4).bits, Writer().ue(5).bits]
)
def test_picture_orders_are_read_over(order: str) -> None:
    """All kinds of pic_order_cnt_type."""
    assert parse_video_config(sps(order=order, tail=PROGRESSIVE + UNCROPPED + "0")).width == 320


def vui(*, ticks: int, scale: int, rest: str = "") -> str:
    return rest + "1" + f"{ticks:032b}{scale:032b}"


FULL = "1" + "1" * 8 + f"{0xAAAA_AAAA:032b}" + "10" + "10000" + "1" + f"{0xAA_AAAA:024b}" + "1" + Writer().ue(0, 0).bits
PLAIN = "1" + "00000001" + "0" + "1" + "0000" + "0" + "0"


@pytest.mark.parametrize(
    ("bits", "fps"),
    [
        ("1" + vui(ticks=1001, scale=60_000, rest=FULL), 60_000 / 2002),
        ("1" + vui(ticks=1, scale=50, rest=PLAIN), 25),
        ("1" + vui(ticks=1, scale=50, rest="0000"), 25),
        ("1" + vui(ticks=0, scale=50, rest="0000"), None),
        ("1" + vui(ticks=1, scale=5000, rest="0000"), None),
        ("1" + "0000" + "0", None),
        ("1" + "1", None),
    ],
)
def test_the_rate_in_the_vui(bits: str, fps: float | None) -> None:
    """Timing behind all or none of the optional fields; what is absurd, absent or cut off is unknown."""
    config = parse_video_config(sps(tail=PROGRESSIVE + UNCROPPED + bits))
    assert config.fps == (pytest.approx(fps) if fps else None)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\x02" + RECORD[1:],
        RECORD[:5] + b"\xe0" + RECORD[6:],
        RECORD[:20],
        RECORD[:8] + b"\x68" + RECORD[9:],
        RECORD[:6] + b"\x00\x02" + RECORD[8:],
        sps(size=(2000, 11), tail=PROGRESSIVE + UNCROPPED + "0"),
        sps(tail=PROGRESSIVE + "1" + Writer().ue(400, 0, 0, 0).bits + "0"),
        sps(order="0" * 33),
        sps(order=Writer().ue(1).put(0, 1).ue(0, 0, 256).bits),
    ],
)
def test_what_can_not_be_a_header_is_refused(record: bytes) -> None:
    """Empty, another version, no parameter set, cut short, another unit, pictures without sense, endless codes."""
    with pytest.raises(ConfigError):
        parse_video_config(record)


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (Writer().put(2, 5).put(3, 4).put(7, 4), AudioConfig(2, 48_000, 8)),
        (Writer().put(31, 5).put(10, 6).put(15, 4).put(12_345, 24).put(2, 4), AudioConfig(42, 12_345, 2)),
    ],
)
def test_rare_audio_headers(bits: Writer, expected: AudioConfig) -> None:
    """Escaped object types, explicit rates, 7.1 channels."""
    padded = bits.bits + "0" * (-len(bits.bits) % 8)
    assert parse_audio_config(int(padded, 2).to_bytes(len(padded) // 8, "big")) == expected


@pytest.mark.parametrize("config", [b"", b"\x16\x90", b"\x17\x80\x00\x00\x00"])
def test_audio_headers_without_sense_are_refused(config: bytes) -> None:
    """Empty, a reserved rate, a rate of nothing."""
    with pytest.raises(ConfigError):
        parse_audio_config(config)


@given(st.binary(max_size=60))
def test_garbage_never_raises_anything_else(garbage: bytes) -> None:
    """A configuration or ConfigError."""
    with suppress(ConfigError):
        parse_audio_config(garbage)
    for record in (garbage, RECORD[:6] + len(garbage).to_bytes(2, "big") + garbage, RECORD[:10] + garbage + bytes(40)):
        with suppress(ConfigError):
            parse_video_config(record)


@given(st.integers(0, 2**31 - 2))
def test_exponential_golomb_codes_read_back(value: int) -> None:
    """ue(v) as 9.1 defines it."""
    padded = Writer().ue(value).bits + "0" * 8
    data = int(padded, 2).to_bytes((len(padded) + 7) // 8, "big")
    bits = Bits(data)
    bits.take(len(data) * 8 - len(padded))
    assert bits.unsigned() == value
