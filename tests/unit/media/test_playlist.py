from dataclasses import replace

import pytest

from media.playlist import MediaEntry, MediaPlaylist, iframe_playlist, media_playlist, render_media, vod_playlist
from media.window import Live, MediaWindow, window
from tests.services.lives import GENERATION, changed_tail, live_of, with_tail


def own_window(live: Live, name: str = "v1") -> MediaWindow:
    found = window(live, name)
    assert found is not None
    return found


def test_parts_are_listed_near_the_end_only() -> None:
    """A segment that ends more than three target durations before the end of the list shows no parts, others all."""
    entries = media_playlist(own_window(live_of(9, 2, tail_segments=6)), "m").entries
    assert [len(entry.parts) for entry in entries] == [0, 0, 0, 0, 0, 0, 6, 6, 6]
    entries = media_playlist(own_window(live_of(9, tail_segments=6)), "m").entries
    assert [len(entry.parts) for entry in entries] == [0, 0, 0, 0, 0, 0, 6, 6, 6]


def test_an_open_segment_has_parts_alone() -> None:
    """What is not whole yet has neither address nor duration; the next part is hinted at."""
    playlist = media_playlist(own_window(live_of(6, 3)), "m")
    assert playlist.open_entry is not None
    assert (playlist.open_entry.uri, len(playlist.open_entry.parts)) == ("", 3)
    assert playlist.hint_uri == f"m/{GENERATION}-p39.m4s"
    assert len(playlist.entries) == 6


def test_an_ended_list_promises_nothing() -> None:
    """ENDLIST, no hint, no report, the open segment left out."""
    live = live_of(6, 3, is_ended=True)
    text = render_media(media_playlist(own_window(live), "m"))
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert "PRELOAD-HINT" not in text
    assert "REPORT" not in text
    assert "p36" not in text


@pytest.mark.parametrize("generation", [0, GENERATION])
def test_a_hint_needs_a_writer(generation: int) -> None:
    """A rendition that nobody writes yet hints at nothing."""
    live = live_of(4)
    tail = live.tail("v1")
    assert tail is not None
    live = with_tail(live, "v1", changed_tail(tail, generation=generation))
    assert (media_playlist(own_window(live), "m").hint_uri is None) == (not generation)


def test_lists_of_key_frames_name_the_beginning_of_each_segment() -> None:
    """I-frame lists: whole segments alone, each with its key frame's bytes; a segment without one is a gap."""
    live = live_of(8, 2, gaps=frozenset({("v1", 6)}))
    playlist = iframe_playlist(own_window(live), "m")
    assert [entry.byte_range for entry in playlist.entries] == [(40_000, 0)] * 6 + [None, (40_000, 0)]
    assert [entry.is_gap for entry in playlist.entries] == [False] * 6 + [True, False]
    text = render_media(playlist)
    assert "#EXT-X-I-FRAMES-ONLY\n" in text
    assert "#EXT-X-VERSION:5\n" in text
    assert "#EXT-X-BYTERANGE:40000@0\n" in text
    assert "#EXT-X-PART:" not in text


def test_a_recording_leaves_the_slate_out() -> None:
    """The final list: VOD and ENDLIST, no slate, one DISCONTINUITY in its place, none at the beginning, gaps kept."""
    live = live_of(12, breaks=frozenset({1, 4, 7}), slates=frozenset({0, 4, 5, 6}), gaps=frozenset({("v1", 10)}))
    playlist = vod_playlist(live.records, "v1", "m", 2)
    assert [entry.uri for entry in playlist.entries] == [f"m/{GENERATION}-{n}.m4s" for n in (1, 2, 3, 7, 8, 9, 10, 11)]
    assert [entry.has_discontinuity for entry in playlist.entries] == [False] * 3 + [True] + [False] * 4
    assert [entry.is_gap for entry in playlist.entries] == [False] * 6 + [True, False]
    text = render_media(playlist)
    assert "#EXT-X-PLAYLIST-TYPE:VOD\n" in text
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert "SERVER-CONTROL" not in text


def test_a_slate_without_a_break_is_one_when_it_is_cut_out() -> None:
    """What lay around a cut does not join, whatever the record says."""
    live = live_of(6, slates=frozenset({2}))
    playlist = vod_playlist(live.records, "v1", "m", 2)
    assert [entry.has_discontinuity for entry in playlist.entries] == [False, False, True, False, False]


def test_a_recordings_key_frames_cover_the_same_range() -> None:
    """The list of key frames has the segments of the list itself."""
    live = live_of(6, breaks=frozenset({3}), slates=frozenset({3}))
    whole = vod_playlist(live.records, "v1", "m", 2)
    frames = vod_playlist(live.records, "v1", "m", 2, is_iframes_only=True)
    assert [entry.uri for entry in frames.entries] == [entry.uri for entry in whole.entries]
    assert all(entry.byte_range == (40_000, 0) for entry in frames.entries)
    assert frames.is_iframes_only


def test_the_version_is_no_higher_than_needed() -> None:
    """RFC 8216bis §8: 9 for EXT-X-SKIP, 6 for EXT-X-MAP (5 among I-frames), 4 for byte ranges, else 3."""
    plain = MediaPlaylist(target_duration_seconds=2, entries=(MediaEntry("a", 1),))
    mapped = MediaPlaylist(target_duration_seconds=2, entries=(MediaEntry("a", 1, "i"),))
    assert plain.version == 3
    assert replace(plain, entries=(MediaEntry("a", 1, byte_range=(1, 0)),)).version == 4
    assert replace(plain, is_iframes_only=True).version == 4
    assert mapped.version == 6
    assert replace(mapped, is_iframes_only=True).version == 5
    assert replace(mapped, skipped_segments=1).version == 9
    assert replace(plain, open_entry=MediaEntry("", 0, "i")).version == 6


def test_the_text_of_a_list_with_gaps_and_breaks() -> None:
    """Word by word: no tag that isn't needed, none missing."""
    entries = (
        MediaEntry("m/1-0.m4s", 2_002_000, "m/1-1-init.mp4", 1_700_000_000_000),
        MediaEntry("m/2-1.m4s", 2_000_000, "m/2-1-init.mp4", 1_700_000_009_005, has_discontinuity=True, is_gap=True),
    )
    assert render_media(MediaPlaylist(target_duration_seconds=2, entries=entries)) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:6\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
        '#EXT-X-MAP:URI="m/1-1-init.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n"
        "#EXTINF:2.002000,\n"
        "m/1-0.m4s\n"
        "#EXT-X-DISCONTINUITY\n"
        '#EXT-X-MAP:URI="m/2-1-init.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:29.005Z\n"
        "#EXT-X-GAP\n"
        "#EXTINF:2.000000,\n"
        "m/2-1.m4s\n"
    )
