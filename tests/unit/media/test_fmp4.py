import struct
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.fmp4 import MAX_SAMPLES, Fragment, FragmentError, FragmentReader, Init, Sample, write_fragment

DATA = Path(__file__).parents[2] / "data/media"
CAPTURES = {name: (DATA / f"{name}.mp4").read_bytes() for name in ("copied", "encoded", "audio", "hevc", "av1")}


def read(data: bytes, chunk: int = 65_536) -> list[Init | Fragment]:
    reader = FragmentReader()
    out: list[Init | Fragment] = []
    for at in range(0, len(data), chunk):
        out += reader.feed(data[at : at + chunk])
    return out


def init_of(name: str) -> Init:
    first = read(CAPTURES[name])[0]
    assert isinstance(first, Init)
    return first


def changed(name: str, old: bytes, new: bytes) -> bytes:
    data = init_of(name).data
    assert old in data
    return data.replace(old, new, 1)


def samples_of(pieces: list[Init | Fragment]) -> list[Sample]:
    return [sample for piece in pieces if isinstance(piece, Fragment) for sample in piece.samples]


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def test_a_real_video_init_says_what_it_holds() -> None:
    """Kind, size, timescale and codec string are those of FFmpeg's bytes."""
    init = init_of("copied")
    assert (init.kind, init.width, init.height, init.timescale, init.codec) == ("video", 96, 54, 90_000, "avc1.64000a")
    assert CAPTURES["copied"].startswith(init.data)
    assert init_of("encoded").codec == "avc1.42c00a"


@pytest.mark.parametrize(("name", "codec"), [("hevc", "hvc1.1.6.L30.90"), ("av1", "av01.0.00M.08")])
def test_a_real_init_of_a_younger_codec_says_what_it_holds(name: str, codec: str) -> None:
    """libx265's and SVT-AV1's, as FFmpeg writes them: size and codec string of the bytes; the first sample is a key."""
    init = init_of(name)
    assert (init.kind, init.width, init.height, init.timescale, init.codec) == ("video", 160, 90, 90_000, codec)
    assert [sample.is_sync for sample in samples_of(read(CAPTURES[name]))][:2] == [True, False]


@pytest.mark.parametrize(
    ("name", "old", "new", "codec"),
    [
        # profile space B, Main 10, high tier, level 5.1, three constraint bytes
        ("hevc", b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x1e", b"\x01\xa2\x20\0\0\0\xb0\0\x01\0\0\0\x99",
         "hvc1.B2.4.H153.B0.0.1"),
        ("hevc", b"\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x1e", b"\x01\x01\x60\0\0\0\0\0\0\0\0\0\x1e", "hvc1.1.6.L30"),
        ("av1", b"av1C\x81\x00\x0c", b"av1C\x81\x2d\xcc", "av01.1.13H.10"),
        ("av1", b"av1C\x81\x00\x0c", b"av1C\x81\x4d\x6c", "av01.2.13M.12"),
    ],
)  # fmt: skip
def test_codec_strings_follow_their_specifications(name: str, old: bytes, new: bytes, codec: str) -> None:
    """Profile, compatibility, tier, level, constraints and depth of other bytes."""
    (init,) = read(changed(name, old, new))
    assert isinstance(init, Init)
    assert init.codec == codec


def test_a_real_audio_init_says_what_it_holds() -> None:
    """AAC-LC at 48 kHz, stereo."""
    init = init_of("audio")
    assert (init.kind, init.channels, init.rate_hz, init.timescale, init.codec) == (
        "audio", 2, 48_000, 48_000, "mp4a.40.2",
    )  # fmt: skip


def test_real_samples_follow_each_other_without_a_gap() -> None:
    """Times, durations, sync flags and offsets of B-frames as the encoder made them."""
    video = samples_of(read(CAPTURES["copied"]))
    assert [sample.is_sync for sample in video] == [place in {0, 5, 10} for place in range(12)]
    assert [sample.time for sample in video[:3]] == [900_000, 909_000, 918_000]
    assert [sample.composition for sample in video[:3]] == [18_000, 36_000, 9_000]
    for before, after in pairwise(video):
        assert before.time + before.duration == after.time
    assert all(sample.is_sync and sample.duration <= 1024 for sample in samples_of(read(CAPTURES["audio"])))


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_size_of_the_pieces_does_not_matter(name: str, chunk: int) -> None:
    """Bytes one by one give what they give at once."""
    assert read(CAPTURES[name], chunk) == read(CAPTURES[name])


SAMPLE = st.builds(
    Sample,
    time=st.just(0),
    duration=st.integers(1, 2**31),
    composition=st.integers(-(2**31), 2**31 - 1),
    is_sync=st.booleans(),
    data=st.binary(max_size=40),
)


@given(st.lists(SAMPLE, min_size=1, max_size=20), st.integers(0, 2**62), st.integers(0, 2**40))
def test_what_is_written_reads_back(samples: list[Sample], start: int, sequence: int) -> None:
    """write_fragment and FragmentReader are each other's inverse."""
    placed = []
    for sample in samples:
        placed.append(Sample(start, sample.duration, sample.composition, sample.is_sync, sample.data))
        start += sample.duration
    init = init_of("copied")
    pieces = read(init.data + write_fragment(sequence, init.track_id, placed))
    assert samples_of(pieces) == placed


@given(st.sampled_from(sorted(CAPTURES)), st.data())
def test_damaged_captures_never_raise_anything_else(name: str, data: st.DataObject) -> None:
    """Bytes changed, cut out or put in anywhere: samples or a FragmentError."""
    damaged = bytearray(CAPTURES[name][:2500])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.sampled_from(["set", "cut", "put"])):
            case "set":
                damaged[at] = data.draw(st.integers(0, 255))
            case "cut":
                del damaged[at : at + data.draw(st.integers(1, 12))]
                damaged += b"\0"
            case _:
                damaged[at:at] = data.draw(st.binary(max_size=8))
    with suppress(FragmentError):
        read(bytes(damaged))


@given(st.binary(max_size=300))
def test_garbage_never_raises_anything_else(garbage: bytes) -> None:
    """Any bytes, alone or inside a moov or moof."""
    init = init_of("audio").data
    for data in (garbage, init + box(b"moof", garbage) + box(b"mdat", b""), init[:28] + box(b"moov", garbage)):
        with suppress(FragmentError):
            read(data)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\x00\x00\x00\x04ftyp", "4 bytes"),
        (b"\x7f\x00\x00\x00moov", "moov"),
        (box(b"moov", b""), "moov out of order"),
        (box(b"moof", b""), "moof out of order"),
        (box(b"mdat", b""), "mdat without moof"),
        (CAPTURES["audio"][:28] + box(b"moov", b"\0\0\0\x03trak"), "leaves its parent"),
        (CAPTURES["audio"][:28] + box(b"moov", b""), "no b'mvex'"),
    ],
)
def test_faults_have_names(data: bytes, fault: str) -> None:
    """What is out of order or out of bounds is refused with words."""
    with pytest.raises(FragmentError, match=fault):
        read(data)


def fragment(
    *,
    tfhd: bytes | None = None,
    trun: bytes,
    mdat: bytes = b"",
    tfdt: bytes = b"\0\0\0\0\0\0\0\x05",
    extra: bytes = b"",
) -> bytes:
    """A fragment with boxes of our choice; track 1."""
    head = box(b"tfhd", tfhd if tfhd is not None else struct.pack(">II", 0, 1))
    traf = box(b"traf", head + box(b"tfdt", tfdt) + box(b"trun", trun) + extra)
    return box(b"moof", traf) + box(b"mdat", mdat)


def test_every_place_for_a_default_is_read() -> None:
    """Duration, size and flags come from the run, else from the fragment's head, else from the track's defaults."""
    init = init_of("copied").data
    tfhd = struct.pack(">IIQIIII", 0x3B, 1, 0, 1, 30, 2, 0x1_0000)
    trun = struct.pack(">III", 0x4, 2, 0x200_0000)
    samples = samples_of(read(init + fragment(tfhd=tfhd, trun=trun, mdat=b"abcd")))
    assert samples == [Sample(5, 30, 0, True, b"ab"), Sample(35, 30, 0, False, b"cd")]  # noqa: FBT003  # as they stand
    unsigned = struct.pack(">IIII", 0x0000_0900, 1, 7, 9)
    (sample,) = samples_of(read(init + fragment(trun=unsigned)))
    assert (sample.duration, sample.composition, sample.data) == (7, 9, b"")
    wide = fragment(trun=unsigned, tfdt=struct.pack(">IQ", 0x0100_0000, 2**40))
    assert samples_of(read(init + wide))[0].time == 2**40


def test_several_runs_follow_each_other() -> None:
    """A second trun goes on where the first one ended, in time and in data; an empty one changes nothing."""
    init = init_of("copied").data
    run = struct.pack(">IIII", 0x300, 1, 10, 2)
    empty = box(b"trun", struct.pack(">II", 0, 0))
    data = fragment(trun=run, mdat=b"abcd", extra=empty + box(b"trun", run))
    assert [(sample.time, sample.data) for sample in samples_of(read(init + data))] == [(5, b"ab"), (15, b"cd")]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (fragment(tfhd=struct.pack(">II", 0, 9), trun=struct.pack(">II", 0, 0)), "track 9"),
        (fragment(trun=struct.pack(">II", 0, 0)), "without samples"),
        (fragment(trun=struct.pack(">II", 0, MAX_SAMPLES + 1)), "samples in a run"),
        (fragment(trun=struct.pack(">IIII", 0x300, 1, 10, 2)), "outside its mdat"),
        (fragment(trun=struct.pack(">IIiII", 0x301, 1, -900, 10, 0)), "outside its mdat"),
        (fragment(trun=struct.pack(">IIII", 0x300, 2, 10, 0)), "cut short"),
        (box(b"moof", b"") + box(b"moof", b""), "moof out of order"),
    ],
)
def test_fragments_that_lie_are_refused(data: bytes, fault: str) -> None:
    """Foreign tracks, too many samples, data outside the mdat."""
    with pytest.raises(FragmentError, match=fault):
        read(init_of("copied").data + data)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (changed("copied", b"avc1\0", b"vp09\0"), "sample entry b'vp09'"),
        (changed("copied", b"avc1\0", b"hvc1\0"), "no b'hvcC' box"),
        (changed("audio", b"\x03\x80\x80\x80", b"\x09\x80\x80\x80"), "descriptor 9"),
        (changed("copied", struct.pack(">I", 90_000), struct.pack(">I", 0)), "timescale of 0"),
        (init_of("copied").data + init_of("copied").data[28:], "moov out of order"),
    ],
)
def test_inits_we_do_not_know_are_refused(data: bytes, fault: str) -> None:
    """Another codec, another descriptor, no timescale, a second moov."""
    with pytest.raises(FragmentError, match=fault):
        read(data)


def test_a_descriptors_length_has_at_most_four_bytes() -> None:
    """Four bytes with the continuation bit set are all of the length."""
    data = changed("audio", b"\x03\x80\x80\x80\x25", b"\x03\x80\x80\x80\xa5")
    (init,) = read(data)
    assert isinstance(init, Init)
    assert init.codec == "mp4a.40.2"


def test_boxes_that_mean_nothing_to_us_are_passed_over() -> None:
    """`styp`, `sidx` and their like."""
    assert samples_of(read(init_of("copied").data + box(b"styp", b"1234"))) == []


def test_a_64_bit_media_header_is_read() -> None:
    """Version 1 of mdhd has its timescale behind two 64-bit times."""
    data = init_of("copied").data
    at = data.index(b"mdhd") - 4
    old = data[at : at + 32]
    new = box(b"mdhd", b"\x01\0\0\0" + bytes(16) + struct.pack(">I", 48_000) + bytes(8) + old[28:32])
    grown = data[:at] + new + data[at + 32 :]
    for parent in (b"moov", b"trak", b"mdia"):
        place = grown.index(parent) - 4
        size = int.from_bytes(grown[place : place + 4], "big") + len(new) - 32
        grown = grown[:place] + struct.pack(">I", size) + grown[place + 4 :]
    (init,) = read(grown)
    assert isinstance(init, Init)
    assert init.timescale == 48_000
