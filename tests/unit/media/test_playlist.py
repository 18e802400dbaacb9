import string
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media.playlist import (
    MediaEntry,
    MediaPlaylist,
    MultivariantPlaylist,
    PlaylistError,
    Sound,
    Variant,
    media_playlist,
    multivariant_playlist,
    parse_media,
    parse_multivariant,
    render_media,
    render_multivariant,
)
from media.window import Live, MediaWindow, Rendition, Segment, append, finish

WORDS = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=12)
PHRASES = st.text(st.characters(exclude_characters='"', exclude_categories=["C", "Z"]), min_size=1, max_size=12)
WHOLE = st.integers(0, 2**53)

ENTRIES = st.builds(
    MediaEntry,
    uri=WORDS.map(lambda word: f"/media/b/{word}.m4s"),
    duration_us=st.integers(1, 10_500_000),
    map_uri=WORDS,
    program_date_time_ms=st.none() | st.integers(0, 253_402_300_799_999),
    has_discontinuity=st.booleans(),
    is_gap=st.booleans(),
)
MEDIA = st.builds(
    MediaPlaylist,
    target_duration_seconds=st.integers(1, 10),
    media_sequence=WHOLE,
    discontinuity_sequence=WHOLE,
    entries=st.lists(ENTRIES, max_size=20).map(tuple),
    is_independent=st.booleans(),
    is_ended=st.booleans(),
)
MULTIVARIANT = st.builds(
    MultivariantPlaylist,
    variants=st.lists(
        st.builds(
            Variant,
            uri=WORDS,
            bandwidth_bps=WHOLE,
            average_bps=WHOLE,
            codecs=st.lists(WORDS, min_size=1, max_size=3).map(tuple),
            resolution=st.none() | st.tuples(st.integers(1, 7680), st.integers(1, 4320)),
            frames_per_1000_seconds=st.none() | st.integers(1, 120_000),
            audio_group=st.none() | PHRASES,
        ),
        max_size=6,
    ).map(tuple),
    sounds=st.lists(
        st.builds(Sound, PHRASES, PHRASES, PHRASES, PHRASES, st.integers(0, 8), st.booleans()), max_size=3
    ).map(tuple),
    is_independent=st.booleans(),
)

VIDEO = Rendition("v1", "video", "avc1.64001f", 3_000_000, 2_500_000, width=1280, height=720, fps=29.97, group="sound")
SMALL = Rendition("v2", "video", "avc1.42c01e", 900_000, 700_000, width=640, height=360, fps=29.97, group="sound")
AUDIO = Rendition("audio", "audio", "mp4a.40.2", 140_000, 128_000, group="sound", label="Stream", channels=2)


def window_of(segments: int, size_bytes: int = 250_000, target: int = 2) -> MediaWindow:
    window = MediaWindow(target)
    for number in range(segments):
        window = append(
            window,
            Segment(
                number, 1, f"1-{number}.m4s", "1.mp4", 60_060, 30_000, 1_700_000_000_000 + 2002 * number, size_bytes
            ),
        )
    return window


def live_of(*renditions: Rendition, segments: int = 4) -> Live:
    return Live(1, renditions, {item.name: window_of(segments, item.average_bps // 4) for item in renditions})


@given(MEDIA)
def test_media_playlists_survive_the_round_trip(playlist: MediaPlaylist) -> None:
    """parse(render(x)) == x for every media playlist that we can say."""
    assert parse_media(render_media(playlist)) == playlist


@given(MULTIVARIANT)
def test_multivariant_playlists_survive_the_round_trip(playlist: MultivariantPlaylist) -> None:
    """parse(render(x)) == x for every multivariant playlist that we can say."""
    assert parse_multivariant(render_multivariant(playlist)) == playlist


@given(st.text() | st.text().map(lambda text: "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:" + text))
@example("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1e9999999,\na.m4s")
@example("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:sNaN,\na.m4s")
def test_no_text_breaks_the_parsers(text: str) -> None:
    """Any text parses or is refused with PlaylistError; nothing else escapes."""
    for parse in (parse_media, parse_multivariant):
        with suppress(PlaylistError):
            parse(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no #EXTM3U"),
        ("#EXTM3U\n", "no EXT-X-TARGETDURATION"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:two\n", "not a whole number"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:2\na.m4s\n", "no EXTINF"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:two,\na.m4s\n", "not a number"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:-1,\na.m4s\n", "not a number of seconds"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PROGRAM-DATE-TIME:noon\n#EXTINF:2,\na.m4s\n", "not a date"),
    ],
)
def test_faults_of_a_media_playlist_are_named(text: str, fault: str) -> None:
    """What is missing or malformed is named, not guessed."""
    with pytest.raises(PlaylistError, match=fault):
        parse_media(text)


def test_a_variant_needs_its_tag() -> None:
    """An address without EXT-X-STREAM-INF is no variant."""
    with pytest.raises(PlaylistError, match="no EXT-X-STREAM-INF"):
        parse_multivariant("#EXTM3U\nv1/index.m3u8\n")


def test_other_peoples_playlists_are_read() -> None:
    """Unknown tags, comments, blank lines, CRLF, local times and whole seconds are all allowed by the RFC."""
    text = (
        "#EXTM3U\r\n# hello\r\n\r\n#EXT-X-VERSION:9\r\n#EXT-X-TARGETDURATION:4\r\n#EXT-X-PART-INF:PART-TARGET=0.5\r\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:00:00+03:00\r\n#EXTINF:4,title, with comma\r\na.ts\r\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T09:00:04\r\n#EXTINF:3.5\r\nb.ts\r\n"
    )
    first, second = parse_media(text).entries
    assert (first.uri, first.duration_us, first.map_uri) == ("a.ts", 4_000_000, None)
    assert second.duration_us == 3_500_000
    assert second.program_date_time_ms is not None
    assert first.program_date_time_ms == second.program_date_time_ms - 4000


def test_only_sound_with_an_address_is_a_sound() -> None:
    """Subtitles, and sound that is muxed into the variants, are not ours to choose from."""
    text = '#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,URI="s"\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a"\n#EXT-X-FOO\n'
    assert parse_multivariant(text) == MultivariantPlaylist((), (), is_independent=False)


def test_the_text_of_a_live_list() -> None:
    """The list of a window, word by word: no tag that isn't needed, none missing."""
    window = window_of(1)
    window = append(
        window,
        Segment(1, 2, "2-1.m4s", "2.mp4", 60_000, 30_000, 1_700_000_009_005, 0, has_discontinuity=True, is_gap=True),
    )
    text = render_media(media_playlist(window, "/media/b/v1"))
    assert text == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:6\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
        '#EXT-X-MAP:URI="/media/b/v1/1.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n"
        "#EXTINF:2.002000,\n"
        "/media/b/v1/1-0.m4s\n"
        "#EXT-X-DISCONTINUITY\n"
        '#EXT-X-MAP:URI="/media/b/v1/2.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:29.005Z\n"
        "#EXT-X-GAP\n"
        "#EXTINF:2.000000,\n"
        "/media/b/v1/2-1.m4s\n"
    )


def test_an_ended_window_has_endlist() -> None:
    """A finished window's list ends with ENDLIST, and an empty one needs no more than version 3."""
    text = render_media(media_playlist(finish(MediaWindow(2)), "/media/b/v1"))
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert "#EXT-X-VERSION:3\n" in text


def test_variants_sum_up_what_plays_together() -> None:
    """A variant's figures and codecs contain those of its audio group; sound alone is a variant of its own."""
    playlist = multivariant_playlist(live_of(VIDEO, SMALL, AUDIO))
    assert playlist is not None
    measured = {item.name: window_of(4, item.average_bps // 4) for item in (VIDEO, AUDIO)}
    assert playlist.sounds == (Sound("sound", "Stream", "und", "audio/index.m3u8", 2, is_default=True),)
    assert [variant.uri for variant in playlist.variants] == ["v2/index.m3u8", "v1/index.m3u8", "audio/index.m3u8"]
    top = playlist.variants[1]
    assert top.codecs == ("avc1.64001f", "mp4a.40.2")
    assert (top.resolution, top.frames_per_1000_seconds, top.audio_group) == ((1280, 720), 29_970, "sound")
    assert top.bandwidth_bps == 3_140_000
    assert top.average_bps == sum(window.measured_average_bps for window in measured.values())
    assert playlist.variants[2].codecs == ("mp4a.40.2",)
    assert playlist.variants[2].bandwidth_bps == 140_000


def test_players_begin_near_two_megabits() -> None:
    """The first variant is the one nearest to 2000 kbps, the others follow from the best down."""
    rates = {"v1": 6_000_000, "v2": 2_400_000, "v3": 700_000}
    items = [replace_rates(VIDEO, name, rate) for name, rate in rates.items()]
    playlist = multivariant_playlist(live_of(*items))
    assert playlist is not None
    assert [variant.uri[:2] for variant in playlist.variants] == ["v2", "v1", "v3"]


def replace_rates(item: Rendition, name: str, rate: int) -> Rendition:
    return Rendition(name, "video", item.codecs, rate, rate, width=item.width, height=item.height, fps=item.fps)


def test_a_stream_without_picture_has_sound_variants() -> None:
    """Sound alone plays: one variant, and it is its own audio group."""
    playlist = multivariant_playlist(live_of(AUDIO))
    assert playlist is not None
    assert [(variant.uri, variant.audio_group) for variant in playlist.variants] == [("audio/index.m3u8", "sound")]


def test_ungrouped_renditions_stand_alone() -> None:
    """Sound without a group is offered as a variant alone; video without one plays silently."""
    sound = Rendition("audio", "audio", "mp4a.40.2", 140_000, 128_000)
    playlist = multivariant_playlist(live_of(replace_rates(VIDEO, "v1", 2_000_000), sound))
    assert playlist is not None
    assert playlist.sounds == ()
    assert [variant.audio_group for variant in playlist.variants] == [None, None]
    assert playlist.variants[0].codecs == ("avc1.64001f",)


def test_a_measured_peak_above_the_promise_is_told() -> None:
    """BANDWIDTH is never below what was really sent, nor below AVERAGE-BANDWIDTH."""
    live = replace(live_of(VIDEO), windows={"v1": window_of(4, 2_000_000)})
    playlist = multivariant_playlist(live)
    assert playlist is not None
    assert playlist.variants[0].bandwidth_bps == 7_992_008
    assert playlist.variants[0].average_bps == 7_992_008


def test_before_measures_exist_the_promise_counts() -> None:
    """With fewer than three segments the declared average is told."""
    playlist = multivariant_playlist(live_of(VIDEO, segments=2))
    assert playlist is not None
    assert playlist.variants[0].average_bps == 2_500_000


def test_the_list_waits_for_all_renditions_but_not_for_ever() -> None:
    """Nothing is offered before every rendition plays, unless one has got two segments ahead of a missing one."""
    waiting = Live(1, (VIDEO, AUDIO), {"v1": window_of(1), "audio": MediaWindow(2)})
    assert multivariant_playlist(waiting) is None
    assert multivariant_playlist(Live(1, (), {})) is None
    joining = MediaWindow(2, media_sequence=40)
    assert multivariant_playlist(replace(waiting, windows={"v1": window_of(1), "audio": joining})) is None
    late = replace(waiting, windows={"v1": window_of(2)})
    playlist = multivariant_playlist(late)
    assert playlist is not None
    assert [variant.uri for variant in playlist.variants] == ["v1/index.m3u8"]
    assert playlist.variants[0].audio_group is None
