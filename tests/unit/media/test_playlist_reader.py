import string
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media.multivariant import KeyFrames, MultivariantPlaylist, Sound, Variant, render_multivariant
from media.playlist import MediaEntry, MediaPart, MediaPlaylist, RenditionReport, ServerControl, render_media
from media.playlist_reader import PlaylistError, parse_media, parse_multivariant, reassemble

WORDS = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=12)
PHRASES = st.text(st.characters(exclude_characters='"', exclude_categories=["C", "Z"]), min_size=1, max_size=12)
WHOLE = st.integers(0, 2**53)
MICROSECONDS = st.integers(1, 10_500_000)
MOMENTS = st.integers(0, 253_402_300_799_999)
PARTS = st.lists(st.builds(MediaPart, WORDS, MICROSECONDS, st.booleans(), st.booleans()), max_size=4).map(tuple)

ENTRIES = st.builds(
    MediaEntry,
    uri=WORDS.map(lambda word: f"/media/b/{word}.m4s"),
    duration_us=MICROSECONDS,
    map_uri=WORDS,
    program_date_time_ms=st.none() | MOMENTS,
    has_discontinuity=st.booleans(),
    is_gap=st.booleans(),
    byte_range=st.none() | st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
    parts=PARTS,
)
OPEN = st.builds(
    MediaEntry,
    st.just(""),
    st.just(0),
    WORDS,
    MOMENTS,
    st.booleans(),
    st.just(value=False),
    st.none(),
    PARTS,
)
MEDIA = st.builds(
    MediaPlaylist,
    target_duration_seconds=st.integers(1, 10),
    media_sequence=WHOLE,
    discontinuity_sequence=WHOLE,
    entries=st.lists(ENTRIES, max_size=12).map(tuple),
    open_entry=st.none() | OPEN,
    control=st.none() | st.builds(ServerControl, st.just(value=True), MICROSECONDS, MICROSECONDS, MICROSECONDS),
    part_target_us=st.integers(0, 5_000_000),
    skipped_segments=st.integers(0, 9000),
    hint_uri=st.none() | WORDS,
    reports=st.lists(st.builds(RenditionReport, WORDS, WHOLE, st.none() | WHOLE), max_size=3).map(tuple),
    playlist_type=st.sampled_from(["", "EVENT", "VOD"]),
    is_iframes_only=st.booleans(),
    is_independent=st.booleans(),
    is_ended=st.booleans(),
)
SIZES = st.none() | st.tuples(st.integers(1, 7680), st.integers(1, 4320))
CODECS = st.lists(WORDS, min_size=1, max_size=3).map(tuple)
MULTIVARIANT = st.builds(
    MultivariantPlaylist,
    variants=st.lists(
        st.builds(
            Variant,
            uri=WORDS,
            bandwidth_bps=WHOLE,
            average_bps=WHOLE,
            codecs=CODECS,
            resolution=SIZES,
            frames_per_1000_seconds=st.none() | st.integers(1, 120_000),
            audio_group=st.none() | PHRASES,
        ),
        max_size=6,
    ).map(tuple),
    sounds=st.lists(
        st.builds(Sound, PHRASES, PHRASES, PHRASES, PHRASES, st.integers(0, 8), st.booleans()), max_size=3
    ).map(tuple),
    key_frames=st.lists(st.builds(KeyFrames, WORDS, WHOLE, CODECS, SIZES), max_size=3).map(tuple),
    is_independent=st.booleans(),
)
HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"


@given(MEDIA)
def test_media_playlists_survive_the_round_trip(playlist: MediaPlaylist) -> None:
    """parse(render(x)) == x for every media playlist that we can say."""
    assert parse_media(render_media(playlist)) == playlist


@given(MULTIVARIANT)
def test_multivariant_playlists_survive_the_round_trip(playlist: MultivariantPlaylist) -> None:
    """parse(render(x)) == x for every multivariant playlist that we can say."""
    assert parse_multivariant(render_multivariant(playlist)) == playlist


@given(
    st.text()
    | st.text().map(lambda text: f"{HEAD}#EXTINF:{text}")
    | st.text().map(lambda text: f"{HEAD}#EXT-X-PART:DURATION=0.3,{text}")
)
@example(f"{HEAD}#EXTINF:1e9999999,\na.m4s")
@example(f"{HEAD}#EXTINF:sNaN,\na.m4s")
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
        (f"{HEAD}a.m4s\n", "no EXTINF"),
        (f"{HEAD}#EXTINF:two,\na.m4s\n", "not a number"),
        (f"{HEAD}#EXTINF:-1,\na.m4s\n", "not a number of seconds"),
        (f"{HEAD}#EXT-X-PROGRAM-DATE-TIME:noon\n#EXTINF:2,\na.m4s\n", "not a date"),
        (f"{HEAD}#EXT-X-PLAYLIST-TYPE:LIVE\n", "no playlist type"),
        (f'{HEAD}#EXT-X-PART:URI="p"\n', "not a number"),
        (f"{HEAD}#EXT-X-SKIP:SKIPPED-SEGMENTS=-3\n", "not a whole number"),
        (f'{HEAD}#EXT-X-RENDITION-REPORT:URI="v"\n', "not a whole number"),
        (f"{HEAD}#EXT-X-BYTERANGE:all\n#EXTINF:2,\na.m4s\n", "not a whole number"),
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
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T09:00:04\r\n#EXT-X-BYTERANGE:7\r\n#EXTINF:3.5\r\nb.ts\r\n"
        '#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="i"\r\n#EXT-X-GAP\r\n'
    )
    playlist = parse_media(text)
    first, second = playlist.entries
    assert (first.uri, first.duration_us, first.map_uri) == ("a.ts", 4_000_000, None)
    assert (second.duration_us, second.byte_range) == (3_500_000, (7, 0))
    assert second.program_date_time_ms is not None
    assert first.program_date_time_ms == second.program_date_time_ms - 4000
    assert (playlist.part_target_us, playlist.hint_uri) == (500_000, None)
    assert playlist.open_entry == MediaEntry("", 0)


def test_only_sound_with_an_address_is_a_sound() -> None:
    """Subtitles, and sound that is muxed into the variants, are not ours to choose from."""
    text = '#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,URI="s"\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a"\n#EXT-X-FOO\n'
    assert parse_multivariant(text) == MultivariantPlaylist((), (), (), is_independent=False)


def playlist_of(first: int, count: int, skipped: int = 0, parts: tuple[MediaPart, ...] = ()) -> MediaPlaylist:
    return MediaPlaylist(
        target_duration_seconds=2,
        media_sequence=first,
        entries=tuple(MediaEntry(f"{first + skipped + n}", 2_000_000, parts=parts) for n in range(count - skipped)),
        skipped_segments=skipped,
    )


def test_a_delta_needs_what_it_skips() -> None:
    """With the skipped segments known a delta is the whole list; without them it is none; a whole list stands alone."""
    part = (MediaPart("p", 333_333),)
    assert reassemble(playlist_of(10, 8, parts=part), playlist_of(12, 9, 5)) == playlist_of(12, 9)
    assert reassemble(playlist_of(10, 2), playlist_of(12, 9)) == playlist_of(12, 9)
    for before in (playlist_of(10, 6), playlist_of(13, 8)):
        with pytest.raises(PlaylistError, match="were never listed"):
            reassemble(before, playlist_of(12, 9, 5))
