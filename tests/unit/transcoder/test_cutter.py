"""Segments with equal boundaries, parts that leave as they come, and nothing lost or twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.fmp4 import Fragment, FragmentReader, Init, Sample
from transcoder.cutter import Cut, CutError, Cutter, PartCut, SegmentEnd

VIDEO = Init(b"", "video", 1, 90_000, "avc1.64001f", 1280, 720, 0, 0)
AUDIO = Init(b"", "audio", 1, 48_000, "mp4a.40.2", 0, 0, 2, 48_000)
START = 10
TARGET_US = 334_334
"""Ten frames of video, fifteen of sound."""


def video(first: int, count: int, *, fps: int = 30, gop: int = 60, reorder: int = 0) -> list[Sample]:
    """Frames by number in decode order; a key frame every `gop`; each other shown `reorder` frames late."""
    ticks = 90_000 // fps
    return [
        Sample(
            START * 90_000 + number * ticks,
            ticks,
            0 if number % gop == 0 else reorder * ticks * (number % 2),
            number % gop == 0,
            b"v%d" % number,
        )
        for number in range(first, first + count)
    ]


def audio(first: int, count: int) -> list[Sample]:
    """AAC frames by number."""
    return [
        Sample(START * 48_000 + number * 1024, 1024, 0, is_sync=True, data=b"a%d" % number)
        for number in range(first, first + count)
    ]


def cutter(*names: str) -> Cutter:
    made = Cutter(names, TARGET_US)
    for name in names:
        made.take_init(name, AUDIO if name == "audio" else VIDEO)
    return made


def samples_of(data: bytes, init: Init) -> list[list[Sample]]:
    """Fragments read back with an initialization section of our own."""
    reader = FragmentReader()
    reader._init = init
    return [list(piece.samples) for piece in reader.feed(data) if isinstance(piece, Fragment)]


@dataclass
class Cuts:
    """One rendition's segments as a list would have them."""

    whole: list[list[PartCut]] = field(default_factory=list)
    open: list[PartCut] = field(default_factory=list)

    def data(self) -> Iterator[bytes]:
        for parts in self.whole:
            yield b"".join(part.data for part in parts)


def gathered(cuts: Sequence[Cut], *names: str) -> dict[str, Cuts]:
    found = {name: Cuts() for name in names or ("v1", "v2", "audio")}
    for cut in cuts:
        one = found[cut.rendition]
        match cut:
            case PartCut():
                one.open.append(cut)
            case SegmentEnd():
                one.whole.append(one.open)
                one.open = []
    return found


def seconds(parts: Sequence[PartCut]) -> Fraction:
    return sum((Fraction(part.duration_ticks, part.timescale) for part in parts), Fraction())


def test_segments_begin_at_the_references_key_frames() -> None:
    """Two seconds each, ended as soon as the next key frame is there, with the same start in all renditions."""
    made = cutter("v1", "v2", "audio")
    found = gathered(
        [*made.take("v1", video(0, 121)), *made.take("audio", audio(0, 200)), *made.take("v2", video(0, 121))]
    )
    for name in ("v1", "v2"):
        assert [seconds(parts) for parts in found[name].whole] == [2, 2]
        assert [parts[0].start_seconds for parts in found[name].whole] == [START, START + 2]
    assert len(found["audio"].whole) == 2


def test_parts_leave_without_waiting_for_the_next_frame() -> None:
    """The tenth frame of 33 ms fills a part of 334 ms: it leaves with that frame, before any key frame is known."""
    made = cutter("v1", "audio")
    assert made.take("v1", video(0, 9)) == []
    (part,) = made.take("v1", video(9, 1))
    assert isinstance(part, PartCut)
    assert (part.rendition, part.duration_ticks, part.is_independent) == ("v1", 30_000, True)
    (part,) = made.take("v1", video(10, 10))
    assert isinstance(part, PartCut)
    assert (part.is_independent, part.key_bytes) == (False, 0)
    assert part.start_seconds == pytest.approx(START + 1 / 3)


def test_sound_leaves_once_the_picture_has_passed_it() -> None:
    """It may still belong behind a boundary until then."""
    made = cutter("v1", "audio")
    assert made.take("audio", audio(0, 15)) == []
    cuts = made.take("v1", video(0, 10))
    assert [cut.rendition for cut in cuts] == ["v1", "audio"]
    made = cutter("v1", "audio")
    made.take("v1", video(0, 10))
    (part,) = made.take("audio", audio(0, 15))
    assert isinstance(part, PartCut)
    assert part.duration_ticks == 15 * 1024


def test_parts_fill_their_target() -> None:
    """At least 85 % and no more than all of it, but for a segment's last (RFC 8216bis §4.4.4.9)."""
    made = cutter("v1", "audio")
    found = gathered([*made.take("audio", audio(0, 300)), *made.take("v1", video(0, 181))])
    for name in ("v1", "audio"):
        for parts in found[name].whole:
            lengths = [seconds([part]) * 1_000_000 for part in parts]
            assert all(length <= TARGET_US for length in lengths)
            assert all(length >= TARGET_US * 85 / 100 for length in lengths[:-1])
    assert [len(parts) for parts in found["v1"].whole] == [6, 6, 6]


def test_a_frame_longer_than_the_room_left_begins_the_next_part() -> None:
    """Frames of unequal length: no part is longer than its target; one frame that is, is a part of its own."""
    made = cutter("v1")
    ticks = [9_000, 9_000, 15_000, 9_000, 45_000, 3_000]
    times = [START * 90_000 + sum(ticks[:place]) for place in range(len(ticks))]
    samples = [
        Sample(time, length, 0, place == 0, b"x") for place, (time, length) in enumerate(zip(times, ticks, strict=True))
    ]
    cuts = [cut for cut in (*made.take("v1", samples), *made.finish()) if isinstance(cut, PartCut)]
    assert [cut.duration_ticks for cut in cuts] == [18_000, 24_000, 45_000, 3_000]


def test_the_key_frame_is_a_fragment_of_its_own() -> None:
    """`key_bytes` from a picture segment's beginning hold it alone; sound has none."""
    made = cutter("v1", "audio")
    found = gathered([*made.take("audio", audio(0, 100)), *made.take("v1", video(0, 61))])
    ((key,), rest, *_) = samples_of(found["v1"].whole[0][0].data, VIDEO)
    assert (key.data, key.is_sync, rest[0].data) == (b"v0", True, b"v1")
    first = found["v1"].whole[0][0]
    assert [len(group) for group in samples_of(first.data[: first.key_bytes], VIDEO)] == [1]
    assert found["audio"].whole[0][0].key_bytes == 0
    assert all(part.key_bytes == 0 for part in found["v1"].whole[0][1:])


def test_a_first_part_of_one_frame_is_the_key_frame() -> None:
    """One frame a part: `key_bytes` is all of it."""
    made = Cutter(["v1"], 40_000)
    made.take_init("v1", VIDEO)
    (part, *_) = made.take("v1", video(0, 3))
    assert isinstance(part, PartCut)
    assert part.key_bytes == len(part.data)


def test_fragments_are_numbered_through() -> None:
    """A segment's file is its parts' files one after the other, with sequence numbers that grow by one."""
    made = cutter("v1")
    found = gathered(made.take("v1", video(0, 121)), "v1")
    data = b"".join(found["v1"].data())
    numbers = []
    at = data.find(b"mfhd")
    while at >= 0:
        numbers.append(int.from_bytes(data[at + 8 : at + 12], "big"))
        at = data.find(b"mfhd", at + 1)
    assert numbers == list(range(1, len(numbers) + 1))


def test_sound_is_cut_at_the_frame_nearest_to_the_boundary() -> None:
    """Sums never drift from the picture by more than half a frame of sound."""
    made = cutter("v1", "audio")
    cuts: list[Cut] = []
    for number in range(10):
        cuts += made.take("audio", audio(number * 100, 100))
        cuts += made.take("v1", video(number * 60, 60))
    whole = gathered(cuts)["audio"].whole
    assert len(whole) == 9
    total = Fraction(0)
    for number, parts in enumerate(whole, 1):
        total += seconds(parts)
        assert abs(total - 2 * number) <= Fraction(512, 48_000)


def test_key_frames_closer_than_two_seconds_are_gathered() -> None:
    """A GOP of one second: every second key frame begins a segment; a part that begins with another one says so."""
    made = cutter("v1")
    found = gathered(made.take("v1", video(0, 61, gop=30)), "v1")
    (parts,) = found["v1"].whole
    assert seconds(parts) == 2
    assert [part.is_independent for part in parts] == [True, False, False, True, False, False]


def test_frames_shown_late_stay_in_their_segment() -> None:
    """B-frames: a frame decoded before a key frame and shown before it is not taken for the next segment's."""
    made = cutter("v1", "v2", "audio")
    cuts = [
        *made.take("audio", audio(0, 300)),
        *made.take("v1", video(0, 181, reorder=1)),
        *made.take("v2", video(0, 181)),
    ]
    found = gathered(cuts)
    for name in ("v1", "v2"):
        for number, data in enumerate(found[name].data()):
            names = [sample.data for group in samples_of(data, VIDEO) for sample in group]
            assert names == [b"v%d" % frame for frame in range(number * 60, number * 60 + 60)]


def test_a_late_frame_of_another_rendition_waits_for_its_key_frame() -> None:
    """A frame shown behind the boundary but decoded before the key frame there belongs to the old segment."""
    made = cutter("v1", "v2")
    frames = video(0, 121)
    late = frames[59]
    frames[59] = Sample(late.time, late.duration, 2 * late.duration, late.is_sync, late.data)
    found = gathered([*made.take("v2", frames), *made.take("v1", video(0, 121))], "v1", "v2")
    first = next(found["v2"].data())
    assert [sample.data for group in samples_of(first, VIDEO) for sample in group][-1] == b"v59"


def test_key_frames_too_far_apart_are_a_fault() -> None:
    """A copied rung must not make a segment longer than the lists promise."""
    made = cutter("v1")
    made.take("v1", video(0, 70, gop=300))
    with pytest.raises(CutError, match="too far apart"):
        made.take("v1", video(70, 10, gop=300))


def test_sound_alone_keeps_to_multiples_of_two_seconds() -> None:
    """The reference is sound: boundaries do not add their rounding up."""
    made = cutter("audio")
    whole = gathered(made.take("audio", audio(0, 2000)), "audio")["audio"].whole
    assert len(whole) == 21
    for number, parts in enumerate(whole):
        assert abs(parts[0].start_seconds - START - 2 * number) < 513 / 48_000
        assert seconds(parts) < Fraction(5, 2)


def test_what_comes_before_the_first_key_frame_is_dropped() -> None:
    """In the reference and, up to the same time, in the others."""
    made = cutter("v1", "audio")
    found = gathered([*made.take("audio", audio(0, 200)), *made.take("v1", video(30, 90))])
    assert found["v1"].open[0].start_seconds == START + 2
    assert abs(found["audio"].open[0].start_seconds - (START + 2)) < 0.011


def test_the_end_brings_the_rest() -> None:
    """A last segment shorter than two seconds; a rendition that has none of it has no end either."""
    made = cutter("v1", "audio")
    cuts = [*made.take("v1", video(0, 90)), *made.take("audio", audio(0, 140)), *made.finish()]
    found = gathered(cuts)
    assert [seconds(parts) for parts in found["v1"].whole] == [2, 1]
    assert not found["v1"].open
    assert len(found["audio"].whole) == 2
    made = cutter("v1", "audio")
    cuts = [*made.take("v1", video(0, 90)), *made.finish()]
    assert [len(one.whole) for one in gathered(cuts, "v1", "audio").values()] == [2, 0]


def test_a_rung_without_a_key_frame_at_the_boundary_is_a_fault() -> None:
    """Segments that can't be decoded by themselves are not made."""
    made = cutter("v1", "v2")
    made.take("v2", video(0, 200, gop=1000))
    with pytest.raises(CutError, match="no key frame"):
        made.take("v1", video(0, 121))


def test_a_hole_as_long_as_a_segment_is_a_fault() -> None:
    """No list may miss a segment that the others have."""
    made = cutter("v1", "audio")
    made.take("audio", audio(0, 10))
    made.take("v1", video(0, 241))
    with pytest.raises(CutError, match="nothing in a whole segment"):
        made.take("audio", audio(300, 10))


def test_renditions_may_not_drift_apart() -> None:
    """What is held back is bounded, in samples and in whole segments."""
    made = cutter("v1", "audio")
    made.take("v1", video(0, 1))
    with pytest.raises(CutError, match="ahead"):
        made.take("audio", audio(0, 700))
    made = cutter("v1", "audio")
    with pytest.raises(CutError, match="behind"):
        made.take("v1", video(0, 30 * 16))


def test_samples_need_an_init() -> None:
    """And inits are only told once all are there."""
    made = Cutter(["v1", "audio"], TARGET_US)
    with pytest.raises(CutError, match="before its init"):
        made.take("v1", video(0, 1))
    made.take_init("v1", VIDEO)
    assert made.inits() is None
    made.take_init("audio", AUDIO)
    assert made.inits() == {"v1": VIDEO, "audio": AUDIO}


def test_a_run_that_ends_before_its_inits_has_no_cuts() -> None:
    """FFmpeg died at once."""
    assert Cutter(["v1", "audio"], TARGET_US).finish() == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["v1", "v2", "audio"]), st.integers(1, 40)), min_size=30, max_size=90))
def test_boundaries_are_equal_however_the_samples_come(turns: list[tuple[str, int]]) -> None:
    """Whatever the interleaving: same starts in the picture, nothing lost, nothing twice, in order."""
    made = cutter("v1", "v2", "audio")
    sent = {"v1": 0, "v2": 0, "audio": 0}
    cuts: list[Cut] = []
    try:
        for name, count in turns:
            cuts += made.take(name, audio(sent[name], count) if name == "audio" else video(sent[name], count))
            sent[name] += count
        cuts += made.finish()
    except CutError:
        return
    found = gathered(cuts)
    starts = [[parts[0].start_seconds for parts in found[name].whole] for name in ("v1", "v2")]
    assert all(one == other for one, other in zip(*starts, strict=False))
    for name, init in (("v1", VIDEO), ("v2", VIDEO), ("audio", AUDIO)):
        frames = [sample.data for data in found[name].data() for group in samples_of(data, init) for sample in group]
        assert frames == [b"%c%d" % (name[0].encode(), number) for number in range(len(frames))]
        assert not found[name].open


@pytest.mark.parametrize(("fps", "gops"), [(24, (48, 47, 48)), (30, (60, 59, 60)), (60, (120, 118, 120)), (5, (10, 9))])
def test_a_forced_key_frame_may_come_a_little_early(fps: int, gops: tuple[int, ...]) -> None:
    """It is the first frame at or after its time, so now and then a GOP is a frame shorter, at 60 a second two."""
    frames: list[Sample] = []
    for gop in (*gops, 1):
        frames += video(len(frames), gop, fps=fps, gop=10**6)
        frames[-gop] = Sample(frames[-gop].time, frames[-gop].duration, 0, is_sync=True, data=b"key")
    made = cutter("v1")
    found = gathered(made.take("v1", frames), "v1")
    assert [seconds(parts) for parts in found["v1"].whole] == [Fraction(gop, fps) for gop in gops]
