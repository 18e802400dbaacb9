from dataclasses import replace

from media.feed import Feed
from media.flv import HEADER, Kind, Tag, TagReader
from media.source import Seen, Source

SOURCE = Source("h264", 96, 54, 10.0, is_copyable=True, audio_codec="aac", rate_hz=48_000, channels=2, video_kbps=0.0)
CONFIGS = [Tag(Kind.VIDEO, 0, b"\x17\0\0\0\0record"), Tag(Kind.AUDIO, 0, b"\xaf\0\x11\x90")]


def seen(kind: Kind, time_ms: int, *, is_config: bool = False) -> Seen:
    return Seen(Tag(kind, 77, b"12345"), time_ms, is_key=False, is_config=is_config, change=None)


def tags(data: bytes) -> list[Tag]:
    return TagReader().feed(data)


def test_a_run_begins_with_the_headers_at_time_0() -> None:
    """Both sequence headers, then frames counted from the first one."""
    feed = Feed(SOURCE, CONFIGS)
    start = feed.start()
    assert tags(start) == CONFIGS
    data = feed.take(seen(Kind.VIDEO, 5000)) + feed.take(seen(Kind.AUDIO, 5021))
    assert [(tag.kind, tag.time_ms) for tag in tags(HEADER + data)] == [(Kind.VIDEO, 0), (Kind.AUDIO, 21)]


def test_headers_scripts_and_the_past_are_left_out() -> None:
    """What FFmpeg must not see again, and sound from before the first picture."""
    feed = Feed(SOURCE, CONFIGS)
    assert feed.take(seen(Kind.SCRIPT, 5000, is_config=True)) == b""
    assert feed.take(seen(Kind.VIDEO, 5000, is_config=True)) == b""
    feed.take(seen(Kind.VIDEO, 5000))
    assert feed.take(seen(Kind.AUDIO, 4990)) == b""


def test_silence_fills_a_source_without_sound() -> None:
    """AAC frames of 1,024 samples, as many as the picture has reached; later sound of the encoder is left out."""
    feed = Feed(replace(SOURCE, audio_codec=None), CONFIGS[:1])
    assert [tag.kind for tag in tags(feed.start())] == [Kind.VIDEO, Kind.AUDIO]
    data = feed.take(seen(Kind.VIDEO, 100)) + feed.take(seen(Kind.AUDIO, 120)) + feed.take(seen(Kind.VIDEO, 200))
    found = tags(HEADER + data)
    assert [tag.time_ms for tag in found if tag.kind is Kind.AUDIO] == [0, 21, 42, 64, 85]
    assert [tag.time_ms for tag in found if tag.kind is Kind.VIDEO] == [0, 100]


def test_a_source_of_sound_alone_has_no_picture() -> None:
    """A picture that comes later begins another run."""
    feed = Feed(replace(SOURCE, video_codec=None), CONFIGS)
    assert [tag.kind for tag in tags(feed.start())] == [Kind.AUDIO]
    assert feed.take(seen(Kind.VIDEO, 100)) == b""
    assert feed.take(seen(Kind.AUDIO, 100)) != b""
