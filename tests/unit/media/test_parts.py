"""Parts of every frame rate keep what RFC 8216bis demands of PART-TARGET."""

from fractions import Fraction
from itertools import accumulate, pairwise

import pytest

from media.fmp4 import Init, Sample
from media.parts import SOUND_TARGET_US, part_target_us, part_ticks
from transcoder.cutter import Cutter, PartCut, SegmentEnd

RATES = [Fraction(fps) for fps in range(10, 61)] + [Fraction(one, 1001) for one in (24_000, 30_000, 60_000)]
SEGMENTS = 4


def cut_parts(kind: str, timescale: int, ticks: list[int], key_every: int, target_us: int) -> list[list[Fraction]]:
    """The durations of the parts of each whole segment, in seconds."""
    starts = list(accumulate(ticks, initial=0))
    samples = [
        Sample(start, duration, 0, kind == "audio" or number % key_every == 0, b"x")
        for number, (start, duration) in enumerate(zip(starts, ticks, strict=False))
    ]
    cutter = Cutter(["one"], target_us)
    codec = "avc1.64001f" if kind == "video" else "mp4a.40.2"
    cutter.take_init("one", Init(b"", kind, 1, timescale, codec, 0, 0, 2, timescale))  # type: ignore[arg-type]  # closed
    found: list[list[Fraction]] = [[]]
    for cut in cutter.take("one", samples):
        match cut:
            case PartCut():
                found[-1].append(Fraction(cut.duration_ticks, cut.timescale))
            case SegmentEnd():
                found.append([])
    return found[:-1]


def assert_lawful(segments: list[list[Fraction]], target_us: int) -> None:
    """§4.4.4.9: no part above PART-TARGET; all but a segment's last at least 85 % of it."""
    target = Fraction(target_us, 1_000_000)
    assert len(segments) == SEGMENTS
    for parts in segments:
        assert len(parts) > 3
        assert all(part <= target for part in parts)
        assert all(part >= target * 85 / 100 for part in parts[:-1])


@pytest.mark.parametrize("fps", RATES, ids=lambda fps: f"{float(fps):.2f}")
def test_pictures_of_every_rate_fill_their_parts(fps: Fraction) -> None:
    """From 10 to 60 a second, the television's rates too, on FFmpeg's fine clock."""
    target_us = part_target_us(float(fps))
    frames = round(2 * fps)
    times = [round(number * 90_000 / fps) for number in range(frames * SEGMENTS + 2)]
    ticks = [after - before for before, after in pairwise(times)]
    assert_lawful(cut_parts("video", 90_000, ticks, frames, target_us), target_us)
    assert 320_000 < target_us < 560_000


@pytest.mark.parametrize("fps", RATES, ids=lambda fps: f"{float(fps):.2f}")
def test_a_copied_rung_keeps_to_whole_milliseconds(fps: Fraction) -> None:
    """The encoder's RTMP clock: frames of 33, 33, 34 ms fill parts as well."""
    target_us = part_target_us(float(fps))
    frames = round(2 * fps)
    times = [round(number * 1_000 / fps) for number in range(frames * SEGMENTS + 2)]
    ticks = [after - before for before, after in pairwise(times)]
    assert_lawful(cut_parts("video", 1_000, ticks, frames, target_us), target_us)


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("target_us", sorted({part_target_us(float(fps)) for fps in RATES} | {SOUND_TARGET_US}))
def test_sound_fills_the_pictures_parts(rate: int, target_us: int) -> None:
    """AAC frames of 1,024 samples under every target that a picture may have chosen, and sound's own."""
    ticks = [1_024] * (2 * SEGMENTS * rate // 1_024 + 3)
    assert_lawful(cut_parts("audio", rate, ticks, 1, target_us), target_us)


@pytest.mark.parametrize(("fps", "target_us"), [(30, 334_334), (60, 334_334), (25, 401_000), (10, 401_000)])
def test_a_segment_is_six_or_five_even_parts(fps: int, target_us: int) -> None:
    """Six where that is whole frames, else five; a millisecond of slack."""
    assert part_target_us(fps) == target_us


def test_odd_numbers_of_frames_leave_a_short_last_part() -> None:
    """11 frames a second: 22 in a segment are five of four and two."""
    assert part_target_us(11) == 364_637
    assert part_target_us(43) == 349_838, "86 frames are five times fifteen and eleven"
    assert part_target_us(14) == 500_000 + 1_000, "28 frames are four times seven"


def test_sound_alone_has_a_target_of_its_own() -> None:
    """A third of a second."""
    assert part_target_us(0) == part_target_us(-1.0) == SOUND_TARGET_US


def test_ticks_are_rounded_down() -> None:
    """A part may not be longer than the target."""
    assert part_ticks(333_334, 48_000) == 16_000
    assert part_ticks(334_334, 90_000) == 30_090
