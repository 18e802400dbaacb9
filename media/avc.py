"""What an H.264 or AAC sequence header says.  Pure; raises `ConfigError` and nothing else.

Source: ISO/IEC 14496-15, 5.3.3.1 (AVCDecoderConfigurationRecord); ITU-T H.264, 7.3.2.1.1 and E.1.1 (SPS, VUI);
ISO/IEC 14496-3, 1.6.2.1 (AudioSpecificConfig).
"""

from dataclasses import dataclass

MAX_SIDE_PX = 16_384
HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)


class ConfigError(Exception):
    """A sequence header that can't be read."""


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """The coded picture as the SPS declares it."""

    width: int
    height: int
    profile: int
    level: int
    fps: float | None
    """From the VUI's timing, where it is there and sane; encoders may lie."""
    is_8bit_420: bool
    is_progressive: bool


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """AAC as the AudioSpecificConfig declares it."""

    object_type: int
    rate_hz: int
    channels: int


class Bits:
    """Most significant bit first; reading past the end raises `ConfigError`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        """The next `count` bits as a number."""
        end = self._at + count
        if end > len(self._data) * 8:
            raise ConfigError("a header is cut short")
        chunk = int.from_bytes(self._data[self._at // 8 : (end + 7) // 8], "big")
        self._at, spare = end, -end % 8
        return (chunk >> spare) & ((1 << count) - 1)

    def unsigned(self) -> int:
        """ue(v), H.264 9.1."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise ConfigError("an exponential-Golomb code is too long")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """se(v), H.264 9.1.1."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def parse_video_config(record: bytes) -> VideoConfig:
    """Read an AVCDecoderConfigurationRecord.

    Raises:
        ConfigError: malformed, or without a sequence parameter set.
    """
    if len(record) < 8 or record[0] != 1 or record[5] & 0x1F == 0:
        raise ConfigError("not an AVC configuration with a sequence parameter set")
    length = int.from_bytes(record[6:8], "big")
    nal = record[8 : 8 + length]
    if len(nal) < length or length < 4 or nal[0] & 0x1F != 7:
        raise ConfigError("the sequence parameter set is cut short")
    return _parse_sps(nal[1:].replace(b"\x00\x00\x03", b"\x00\x00"))


def parse_audio_config(config: bytes) -> AudioConfig:
    """Read an AudioSpecificConfig.

    Raises:
        ConfigError: malformed or of a reserved rate.
    """
    bits = Bits(config)
    object_type = bits.take(5)
    if object_type == 31:
        object_type = 32 + bits.take(6)
    index = bits.take(4)
    if index == 15:
        rate_hz = bits.take(24)
    elif index < len(RATES_HZ):
        rate_hz = RATES_HZ[index]
    else:
        raise ConfigError(f"reserved rate index {index}")
    channels = bits.take(4)
    if rate_hz == 0:
        raise ConfigError("a rate of 0 Hz")
    return AudioConfig(object_type, rate_hz, 8 if channels == 7 else channels)


def _parse_sps(sps: bytes) -> VideoConfig:
    bits = Bits(sps)
    profile = bits.take(8)
    bits.take(8)  # constraint flags
    level = bits.take(8)
    bits.unsigned()  # seq_parameter_set_id
    chroma, depth = 1, 0
    if profile in HIGH_PROFILES:
        chroma = bits.unsigned()
        if chroma == 3:
            bits.take(1)
        depth = bits.unsigned() + bits.unsigned()
        bits.take(1)
        if bits.take(1):
            _skip_scaling_lists(bits, 12 if chroma == 3 else 8)
    _skip_order(bits)
    bits.unsigned()  # max_num_ref_frames
    bits.take(1)
    width = (bits.unsigned() + 1) * 16
    map_units = bits.unsigned() + 1
    is_progressive = bits.take(1) == 1
    height = map_units * 16 * (1 if is_progressive else 2)
    if not is_progressive:
        bits.take(1)
    bits.take(1)  # direct_8x8_inference_flag
    if bits.take(1):
        step_x = 2 if chroma in {1, 2} else 1
        step_y = (2 if chroma == 1 else 1) * (1 if is_progressive else 2)
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= step_x * (left + right)
        height -= step_y * (top + bottom)
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise ConfigError(f"a picture of {width}x{height}")
    return VideoConfig(width, height, profile, level, _fps(bits), chroma == 1 and depth == 0, is_progressive)


def _skip_scaling_lists(bits: Bits, count: int) -> None:
    for index in range(count):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def _skip_order(bits: Bits) -> None:
    bits.unsigned()  # log2_max_frame_num_minus4
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        cycle = bits.unsigned()
        if cycle > 255:
            raise ConfigError("more than 255 frames in an order cycle")
        for _ in range(cycle):
            bits.signed()


def _fps(bits: Bits) -> float | None:
    """The VUI's frame rate; None where it is absent, unreadable or beyond reason."""
    try:
        if not bits.take(1):
            return None
        if bits.take(1) and bits.take(8) == 255:
            bits.take(32)
        if bits.take(1):
            bits.take(1)
        if bits.take(1):
            bits.take(4)
            if bits.take(1):
                bits.take(24)
        if bits.take(1):
            bits.unsigned()
            bits.unsigned()
        if not bits.take(1):
            return None
        ticks, scale = bits.take(32), bits.take(32)
    except ConfigError:
        return None
    fps = scale / (2 * ticks) if ticks else 0.0
    return fps if 1 <= fps <= 240 else None
