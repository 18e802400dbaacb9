from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.fmp4 import Fragment, FragmentReader, Init, Sample
from transcoder.cutter import CutError, Cutter, SegmentCut

VIDEO = Init(b"", "video", 1, 90_000, "avc1.64001f", 1280, 720, 0, 0)
AUDIO = Init(b"", "audio", 1, 48_000, "mp4a.40.2", 0, 0, 2, 48_000)
START = 10


def video(first: int, count: int, *, fps: int = 30, gop: int = 60) -> list[Sample]:
    """Frames by number; a key frame every `gop`."""
    ticks = 90_000 // fps
    return [
        Sample(START * 90_000 + number * ticks, ticks, 0, number % gop == 0, b"v%d" % number)
        for number in range(first, first + count)
    ]


def audio(first: int, count: int) -> list[Sample]:
    """AAC frames by number."""
    return [
        Sample(START * 48_000 + number * 1024, 1024, 0, is_sync=True, data=b"a%d" % number)
        for number in range(first, first + count)
    ]


def cutter(*names: str) -> Cutter:
    made = Cutter(names)
    for name in names:
        made.take_init(name, AUDIO if name == "audio" else VIDEO)
    return made


def samples_of(cut: SegmentCut, init: Init) -> list[Sample]:
    """Read a segment back with an initialization section of our own."""
    reader = FragmentReader()
    reader._init = init
    return [s for piece in reader.feed(cut.data) if isinstance(piece, Fragment) for s in piece.samples]


def test_segments_begin_at_the_references_key_frames() -> None:
    """Two seconds each, known as soon as the next key frame is there, whole in all renditions."""
    made = cutter("v1", "v2", "audio")
    assert made.take("v1", video(0, 121)) == []
    assert made.take("audio", audio(0, 200)) == []
    (first, second) = made.take("v2", video(0, 121))
    assert {cut.duration_ticks for cut in (first["v1"], first["v2"], second["v1"])} == {180_000}
    assert samples_of(second["v1"], VIDEO)[0].data == b"v60"
    assert first["v1"].start_seconds == first["v2"].start_seconds == START


def test_sound_is_cut_at_the_frame_nearest_to_the_boundary() -> None:
    """Sums never drift from the picture by more than half a frame of sound."""
    made = cutter("v1", "audio")
    cuts: list[dict[str, SegmentCut]] = []
    for number in range(10):
        cuts += made.take("audio", audio(number * 100, 100))
        cuts += made.take("v1", video(number * 60, 60))
    assert len(cuts) == 9
    total = Fraction(0)
    for number, cut in enumerate(cuts, 1):
        total += Fraction(cut["audio"].duration_ticks, 48_000)
        assert abs(total - 2 * number) <= Fraction(512, 48_000)


def test_key_frames_closer_than_two_seconds_are_gathered() -> None:
    """A GOP of one second: every second key frame begins a segment; the parts know the others."""
    made = cutter("v1")
    (first,) = made.take("v1", video(0, 61, gop=30)[:61])
    assert first["v1"].duration_ticks == 180_000
    assert [part.is_independent for part in first["v1"].parts] == [True, False, True, False]


def test_parts_cover_their_segment() -> None:
    """Half a second at most, one after the other, without a gap."""
    made = cutter("v1", "audio")
    made.take("audio", audio(0, 100))
    (first,) = made.take("v1", video(0, 61))
    for name, scale in (("v1", 90_000), ("audio", 48_000)):
        cut, at = first[name], 0
        for part in cut.parts:
            assert part.offset_bytes == at
            assert part.duration_ticks <= scale / 2
            at += part.length_bytes
        assert at == len(cut.data)
        assert sum(part.duration_ticks for part in cut.parts) == cut.duration_ticks


def test_key_frames_too_far_apart_are_a_fault() -> None:
    """A copied rung must not make a segment longer than the lists promise."""
    made = cutter("v1")
    made.take("v1", video(0, 70, gop=300))
    with pytest.raises(CutError, match="too far apart"):
        made.take("v1", video(70, 10, gop=300))


def test_sound_alone_keeps_to_multiples_of_two_seconds() -> None:
    """The reference is sound: boundaries do not add their rounding up."""
    made = cutter("audio")
    cuts = [cut["audio"] for cut in made.take("audio", audio(0, 2000))]
    assert len(cuts) == 21
    for number, cut in enumerate(cuts):
        assert abs(cut.start_seconds - START - 2 * number) < 513 / 48_000


def test_what_comes_before_the_first_key_frame_is_dropped() -> None:
    """In the reference and, up to the same time, in the others."""
    made = cutter("v1", "audio")
    made.take("audio", audio(0, 300))
    (first,) = made.take("v1", video(30, 91)[30:])
    assert first["v1"].start_seconds == START + 2
    assert abs(first["audio"].start_seconds - (START + 2)) < 0.011


def test_the_end_brings_the_rest() -> None:
    """A last segment shorter than two seconds, if every rendition has some of it."""
    made = cutter("v1", "audio")
    made.take("v1", video(0, 90))
    made.take("audio", audio(0, 140))
    (last,) = made.finish()
    assert last["v1"].duration_ticks == 90_000
    made = cutter("v1", "audio")
    made.take("v1", video(0, 90))
    assert made.finish() == []


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
    made = Cutter(["v1", "audio"])
    with pytest.raises(CutError, match="before its init"):
        made.take("v1", video(0, 1))
    made.take_init("v1", VIDEO)
    assert made.inits() is None
    made.take_init("audio", AUDIO)
    assert made.inits() == {"v1": VIDEO, "audio": AUDIO}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["v1", "v2", "audio"]), st.integers(1, 40)), min_size=30, max_size=90))
def test_boundaries_are_equal_however_the_samples_come(turns: list[tuple[str, int]]) -> None:
    """Whatever the interleaving: same starts in the picture, nothing lost, nothing twice, in order."""
    made = cutter("v1", "v2", "audio")
    sent = {"v1": 0, "v2": 0, "audio": 0}
    cuts: list[dict[str, SegmentCut]] = []
    try:
        for name, count in turns:
            cuts += made.take(name, audio(sent[name], count) if name == "audio" else video(sent[name], count))
            sent[name] += count
    except CutError:
        return
    cuts += made.finish()
    assert all(cut["v1"].start_seconds == cut["v2"].start_seconds for cut in cuts)
    for name, init in (("v1", VIDEO), ("v2", VIDEO), ("audio", AUDIO)):
        names = [sample.data for cut in cuts for sample in samples_of(cut[name], init)]
        assert names == [b"%c%d" % (name[0].encode(), number) for number in range(len(names))]
