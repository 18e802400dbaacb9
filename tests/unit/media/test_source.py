import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.flv import FlvError, Kind, Tag, TagReader
from media.ladder import Means, plan
from media.policy import Policy
from media.source import JUMP_FORWARD_MS, Change, SourceWatch
from tests.unit.media.test_avc import ASC, PROGRESSIVE, RECORD, UNCROPPED, sps
from tests.unit.media.test_flv import script, text

DATA = Path(__file__).parents[2] / "data/media"
OTHER_SIZE = sps(tail=PROGRESSIVE + UNCROPPED + "0")


def video(time_ms: int, *, key: bool = False) -> Tag:
    return Tag(Kind.VIDEO, time_ms, (b"\x17" if key else b"\x27") + b"\x01\0\0\0" + bytes(95))


def config(record: bytes = RECORD) -> Tag:
    return Tag(Kind.VIDEO, 0, b"\x17\0\0\0\0" + record)


def sound(time_ms: int) -> Tag:
    return Tag(Kind.AUDIO, time_ms, b"\xaf\x01" + bytes(98))


def sound_config(asc: bytes = ASC) -> Tag:
    return Tag(Kind.AUDIO, 0, b"\xaf\0" + asc)


def metadata(**values: float) -> Tag:
    return Tag(
        Kind.SCRIPT, 0, script(*(text(name) + b"\0" + struct.pack(">d", value) for name, value in values.items()))
    )


def fed(*tags: Tag) -> tuple[SourceWatch, list[Change]]:
    watch = SourceWatch()
    changes = [seen.change for seen in map(watch.take, tags) if seen.change]
    return watch, changes


def stream(start_ms: int, end_ms: int, *, gop_ms: int = 2000, fps: int = 10) -> list[Tag]:
    """Video and sound from start to end."""
    step = 1000 // fps
    tags: list[Tag] = []
    for time_ms in range(start_ms, end_ms, step):
        tags += [video(time_ms, key=(time_ms - start_ms) % gop_ms == 0), sound(time_ms)]
    return tags


def test_a_real_stream_says_what_it_is() -> None:
    """FFmpeg's own FLV, tag by tag."""
    watch, changes = fed(*TagReader().feed((DATA / "encoder.flv").read_bytes()))
    source = watch.source()
    assert source is not None
    assert (source.video_codec, source.width, source.height, source.fps) == ("h264", 96, 54, 10.0)
    assert (source.audio_codec, source.rate_hz, source.channels) == ("aac", 44_100, 1)
    assert source.is_copyable
    assert source.video_kbps == pytest.approx(39.06, abs=0.01)
    assert changes == []
    assert watch.unsupported() is None


def test_it_starts_at_the_first_key_frame_once_sound_is_settled() -> None:
    """Nothing before a key frame; then at once with sound, or after a wait without."""
    watch, _ = fed(config(), video(0))
    assert watch.source() is None
    watch.take(video(100, key=True))
    assert watch.source() is None
    watch.take(sound_config())
    source = watch.source()
    assert source is not None
    assert source.audio_codec == "aac"


def test_sound_that_does_not_come_is_not_waited_for_long() -> None:
    """Metadata that names no sound settles it; without metadata 0.7 s of video do."""
    watch, _ = fed(metadata(videocodecid=7.0), config(), video(0, key=True))
    source = watch.source()
    assert source is not None
    assert source.audio_codec is None
    assert (source.rate_hz, source.channels) == (0, 0)
    watch, _ = fed(config(), video(0, key=True), video(600))
    assert watch.source() is None
    watch.take(video(700))
    assert watch.source() is not None


def test_sound_alone_is_a_source_after_two_seconds() -> None:
    """Video may still come; after that it counts as sound alone."""
    watch, _ = fed(sound_config(), sound(0), sound(1900))
    assert watch.source() is None
    watch.take(sound(2000))
    source = watch.source()
    assert source is not None
    assert (source.video_codec, source.width, source.fps, source.is_copyable) == (None, 0, 0.0, False)


def test_mp3_needs_no_sequence_header() -> None:
    """Its rate is FFmpeg's business."""
    watch, _ = fed(*(Tag(Kind.AUDIO, time_ms, b"\x2f\0\0") for time_ms in (0, 1000, 2000)))
    source = watch.source()
    assert source is not None
    assert (source.audio_codec, source.rate_hz) == ("mp3", 0)


def test_another_size_is_a_change_and_the_same_header_again_is_none() -> None:
    """Encoders repeat their headers; only a different one means something."""
    repeated = [config(), config(), sound_config(), sound_config()]
    watch, changes = fed(*repeated, video(0, key=True), config(OTHER_SIZE), video(100), video(200, key=True))
    assert changes == ["resolution_changed"]
    source = watch.source()
    assert source is None or source.width == 320


def test_another_profile_or_codec_is_a_change() -> None:
    """Same size with other parameters; another codec of picture or sound; another rate."""
    same_size = RECORD[:9] + bytes([77]) + RECORD[10:]
    with suppress(FlvError):
        _, changes = fed(config(), config(same_size))
        assert changes in (["codec_changed"], ["resolution_changed"])
    _, changes = fed(config(sps(tail=PROGRESSIVE + "00")), config(sps(77, tail=PROGRESSIVE + "00")))
    assert changes == ["codec_changed"]
    _, changes = fed(config(), Tag(Kind.VIDEO, 0, b"\x90hvc1"))
    assert changes == ["codec_changed"]
    _, changes = fed(sound_config(), Tag(Kind.AUDIO, 0, b"\x2f\0\0"))
    assert changes == ["codec_changed"]
    _, changes = fed(sound_config(), sound_config(b"\x11\x90"))
    assert changes == ["codec_changed"]
    _, changes = fed(Tag(Kind.AUDIO, 0, b"\x2f\0\0"), sound_config())
    assert changes == ["codec_changed"]


def test_what_was_told_of_an_earlier_picture_is_forgotten() -> None:
    """A new header without new metadata: its own rate counts; with new metadata, that does."""
    told = metadata(videocodecid=7.0, framerate=15.0, videodatarate=900.0, audiocodecid=10.0)
    watch, _ = fed(told, config(), sound_config(), video(0, key=True), sound(0))
    source = watch.source()
    assert source is not None
    assert (source.fps, source.video_kbps) == (15.0, 900.0)
    watch, _ = fed(
        told, config(), sound_config(), video(0, key=True), config(OTHER_SIZE), video(40, key=True), sound(40)
    )
    source = watch.source()
    assert source is not None
    assert (source.fps, source.video_kbps) == (30.0, 0.0)
    again = metadata(framerate=50.0, audiocodecid=10.0)
    watch, _ = fed(told, config(), sound_config(), again, config(OTHER_SIZE), video(40, key=True), sound(40))
    source = watch.source()
    assert source is not None
    assert source.fps == 50.0


def test_other_packets_change_nothing() -> None:
    """An end of sequence, and another codec's header, which only `unsupported` is about."""
    watch, changes = fed(Tag(Kind.VIDEO, 0, b"\x17\x02\0\0\0"), Tag(Kind.VIDEO, 0, b"\x90hvc1"))
    assert changes == []
    assert watch.unsupported() == "hevc"
    assert watch.config_tags() == []


@pytest.mark.parametrize("jump_ms", [JUMP_FORWARD_MS + 1, -1100])
def test_a_jump_is_a_change(jump_ms: int) -> None:
    """More than three seconds forward or one back; what was measured before is forgotten."""
    _, changes = fed(config(), video(5000, key=True), video(5000 + jump_ms))
    assert changes == ["timestamp_jump"]
    watch, changes = fed(sound_config(), sound(5000), sound(5000 + jump_ms))
    assert changes == ["timestamp_jump"]
    assert watch.health().keyframe_seconds == 0
    _, changes = fed(config(), video(5000, key=True), video(7900), video(7000))
    assert changes == []


def test_the_wrap_of_the_clock_is_no_jump() -> None:
    """After 49.7 days the 32 bits begin anew; the time line goes on."""
    watch, changes = fed(video(2**32 - 50, key=True))
    assert watch.take(video(50)).time_ms == 2**32 + 50
    assert changes == []


def test_what_begins_late_is_a_change() -> None:
    """Sound after a start without it, and a picture after a start with sound alone."""
    watch, _ = fed(metadata(videocodecid=7.0), config(), video(0, key=True))
    assert watch.source() is not None
    assert watch.take(sound_config()).change is None
    assert watch.take(sound(50)).change == "sound_appeared"
    watch, _ = fed(sound_config(), sound(0), sound(2000))
    assert watch.source() is not None
    assert watch.take(config()).change is None
    assert watch.take(video(2010)).change is None
    assert watch.take(video(2020, key=True)).change == "picture_appeared"


def test_health_counts_the_last_seconds() -> None:
    """Rates over four seconds, and the distance of key frames with the one still open."""
    watch, changes = fed(config(), sound_config(), *stream(0, 9000))
    assert changes == []
    health = watch.health()
    assert health.fps == pytest.approx(10, abs=0.1)
    assert health.video_kbps == pytest.approx(8, abs=0.3)
    assert health.audio_kbps == pytest.approx(8, abs=0.3)
    assert health.keyframe_seconds == 2
    watch, _ = fed(config(), *stream(0, 7000, gop_ms=10_000))
    assert watch.health().keyframe_seconds == pytest.approx(6.9)
    assert SourceWatch().health().fps == 0


def test_a_fixed_distance_of_key_frames_needs_proof() -> None:
    """Five equal ones in a row; an irregular one destroys it."""
    watch, _ = fed(config(), *stream(0, 10_000))
    assert watch.fixed_gop_seconds() is None
    watch, _ = fed(config(), *stream(0, 10_100))
    assert watch.fixed_gop_seconds() == 2
    watch.take(video(11_000, key=True))
    assert watch.fixed_gop_seconds() is None


@pytest.mark.parametrize(
    ("values", "fps"),
    [({"framerate": 25.0}, 25), ({"videoframerate": 24.0}, 24), ({"framerate": 0.0}, 10), ({"framerate": 900.0}, 10)],
)
def test_the_rate_is_the_metadatas_then_the_headers(values: dict[str, float], fps: float) -> None:
    """A claim without sense is passed over."""
    watch, _ = fed(metadata(videocodecid=7.0, **values), config(), video(0, key=True))
    source = watch.source()
    assert source is not None
    assert source.fps == fps


def test_without_any_rate_it_is_measured_or_guessed() -> None:
    """The tags' own times; with a single one thirty a second."""
    watch, _ = fed(metadata(videocodecid=7.0), config(OTHER_SIZE), video(0, key=True))
    source = watch.source()
    assert source is not None
    assert source.fps == 30
    watch.take(video(50))
    source = watch.source()
    assert source is not None
    assert source.fps == 20


@pytest.mark.parametrize(
    ("entry", "codec"),
    [
        (b"\x02" + text("avc1"), None),
        (b"\x02" + text("hvc1"), "hvc1"),
        (b"\0" + bytes.fromhex("401c000000000000"), None),
        (b"\0" + bytes.fromhex("4028000000000000"), "video-12"),
        (b"\0" + bytes.fromhex("41da1d98cc400000"), "hvc1"),
        (b"\0" + bytes.fromhex("fff0000000000000"), None),
        (b"\x01\x01", None),
    ],
)
def test_metadata_alone_can_name_a_codec_we_do_not_take(entry: bytes, codec: str | None) -> None:
    """The ingest may hold the tags back; a text, a number, or four characters as a number."""
    watch, _ = fed(Tag(Kind.SCRIPT, 0, script(text("videocodecid") + entry)))
    assert watch.unsupported() == codec


def test_headers_for_a_new_reader() -> None:
    """Both sequence headers as they came."""
    watch, _ = fed(config(), sound_config())
    assert watch.config_tags() == [config(), sound_config()]


def test_an_unreadable_header_is_an_flv_error() -> None:
    """The tap answers for it, not the ladder."""
    for tag in (config(b"\x01"), sound_config(b"\xff")):
        with pytest.raises(FlvError):
            fed(tag)


def test_a_script_that_says_nothing_keeps_what_is_known() -> None:
    """A cue point is not the end of the metadata."""
    watch, _ = fed(metadata(framerate=25.0), Tag(Kind.SCRIPT, 0, b"\x02" + text("onCuePoint")))
    assert watch.metadata == {"framerate": 25.0}


def test_a_picture_without_its_header_is_no_source() -> None:
    """Its size is unknown, with sound and without, however long it goes on; the header makes it one at once."""
    watch, changes = fed(*stream(0, 20_000))
    assert watch.lacks_header
    assert watch.source() is None
    watch.take(sound_config())
    assert watch.source() is None, "sound alone would hide what is wrong"
    empty = config(b"")
    watch.take(empty)
    assert (watch.lacks_header, watch.source()) == (True, None)
    watch.take(config())
    source = watch.source()
    assert source is not None
    assert (source.width > 0, watch.lacks_header, changes) == (True, False, [])
    watch, _ = fed(*(video(time_ms) for time_ms in range(0, 5_000, 100)), sound_config(), sound(0), sound(5_000))
    assert watch.source() is None, "frames that no key frame precedes, either"
    assert not fed(sound_config(), empty, sound(0))[0].lacks_header, "no frames, nothing to miss"


def test_a_jump_does_not_hide_that_the_header_is_missing() -> None:
    """Whoever counts the time without it goes on counting."""
    watch, changes = fed(video(0, key=True), sound(0), sound(10_000))
    assert changes == ["timestamp_jump"]
    assert watch.lacks_header


def test_a_picture_appears_once_it_can_be_decoded() -> None:
    """Sound alone goes on until a key frame behind the header."""
    watch, _ = fed(sound_config(), sound(0), sound(2000))
    assert watch.source() is not None
    assert watch.take(video(2010, key=True)).change is None
    assert watch.take(config()).change is None
    assert watch.take(video(2020)).change is None
    assert watch.take(video(2030, key=True)).change == "picture_appeared"


ANY_TAGS = st.builds(Tag, st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.binary(max_size=30))
GOOD_TAGS = st.one_of(
    st.builds(video, st.integers(0, 9_000), key=st.booleans()),
    st.builds(sound, st.integers(0, 9_000)),
    st.sampled_from([config(), config(OTHER_SIZE), config(b""), sound_config()]),
    st.builds(metadata, framerate=st.floats(), videodatarate=st.floats(), videocodecid=st.just(7.0)),
)


@given(st.lists(st.one_of(ANY_TAGS, GOOD_TAGS), max_size=30))
def test_any_tags_end_in_answers_or_an_flv_error(tags: list[Tag]) -> None:
    """No order and no content of tags breaks the watch, nor the ladder of what it finds."""
    watch = SourceWatch()
    for tag in tags:
        with suppress(FlvError):
            watch.take(tag)
        if source := watch.source():
            assert plan(source, Policy(), Means(1.7)).video or source.video_codec is None
        watch.health()
        watch.unsupported()
        watch.fixed_gop_seconds()
        watch.config_tags()


def frame(time_ms: int, later_ms: int, *, key: bool = False) -> Tag:
    """A picture that is shown so much later than it is decoded."""
    return Tag(
        Kind.VIDEO,
        time_ms,
        (b"\x17" if key else b"\x27") + b"\x01" + later_ms.to_bytes(3, "big", signed=True) + bytes(95),
    )


def test_missing_frames_are_counted_against_the_claimed_rate() -> None:
    """One in five gone of what the metadata promises."""
    pictures = [tag for place, tag in enumerate(stream(0, 10_000)) if tag.kind is Kind.AUDIO or place % 10 != 4]
    watch, _ = fed(metadata(framerate=10.0), config(), sound_config(), *pictures)
    health = watch.health()
    assert health.nominal_fps == 10
    assert (health.missing_frames, health.missing_percent) == (20, 20.0)
    assert health.steady_seconds == pytest.approx(9.9)


def test_b_frames_are_seen_by_their_composition_times() -> None:
    """Two in a row; another codec's tags have none that we read."""
    order = [(0, 80, True), (40, 160, False), (80, 40, False), (120, 40, False), (160, 160, False)]
    watch, _ = fed(config(), *(frame(at, later, key=key) for at, later, key in order))
    assert watch.health().b_frames == 2
    odd = [Tag(Kind.VIDEO, at, b"\x92" + b"\xff\xff\xff\xff" + bytes(90)) for at in (0, 40, 80)]
    assert fed(*odd)[0].health().b_frames == 0


def test_key_frames_are_regular_or_not_once_there_are_three() -> None:
    """The last whole distance is told beside the longest."""
    watch, _ = fed(config(), sound_config(), *stream(0, 3_900))
    health = watch.health()
    assert (health.last_keyframe_seconds, health.are_keys_regular) == (2.0, None)
    for tag in stream(4_000, 7_000, gop_ms=1_000):
        watch.take(tag)
    health = watch.health()
    assert (health.last_keyframe_seconds, health.are_keys_regular, health.keyframe_seconds) == (1.0, False, 2.0)


def test_jumps_are_counted_over_what_they_reset() -> None:
    """Rates begin anew, the count stays."""
    watch, changes = fed(config(), sound_config(), *stream(0, 4_000), *stream(60_000, 62_000), *stream(0, 1_000))
    assert changes == ["timestamp_jump", "timestamp_jump"]
    health = watch.health()
    assert (health.timestamp_jumps, health.missing_frames) == (2, 0)
    assert health.steady_seconds < 1


def test_sound_that_stays_away_is_told() -> None:
    """Its bitrate is nothing then, whatever it was."""
    watch, _ = fed(config(), sound_config(), *stream(0, 2_000))
    assert watch.health().sound_away_seconds < 0.2
    assert watch.health().audio_kbps > 0
    for time_ms in range(2_000, 8_000, 100):
        watch.take(video(time_ms))
    assert watch.health().sound_away_seconds == pytest.approx(6.0)
    assert watch.health().audio_kbps == 0
    assert fed()[0].health().sound_away_seconds == 0
