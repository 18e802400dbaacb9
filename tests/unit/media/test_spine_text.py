import gzip
import time
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.deflate import Deflated, gzip_of
from media.playlist import MediaPlaylist, iframe_playlist, media_playlist
from media.playlist_reader import parse_media, reassemble
from media.spine_text import BLOCK_SEGMENTS, LISTINGS, Listing, SpineText, live_text, reports_of
from media.window import Live, Tail, window
from tests.services.lives import AUDIO, SMALL, VIDEO, changed_tail, live_of, with_tail

FOLDER = "../../../media/b/v1"
LIVE = Listing()
REWIND = Listing(is_rewind=True)
IFRAMES = Listing(is_iframes=True)


def text_of(pieces: list[Deflated] | None) -> str:
    assert pieces is not None
    text = b"".join(piece.plain for piece in pieces)
    assert gzip.decompress(gzip_of(pieces)) == text
    return text.decode()


def listed(live: Live, listing: Listing = LIVE, *, may_skip: bool = False, name: str = "v1") -> MediaPlaylist:
    spine = SpineText(name, FOLDER, is_iframes=listing.is_iframes)
    return parse_media(text_of(live_text(live, name, spine, listing, may_skip=may_skip)))


def expected(live: Live, listing: Listing = LIVE, name: str = "v1") -> MediaPlaylist:
    """The same by way of values."""
    own = window(live, name, live.first_sequence if listing.is_rewind else None)
    assert own is not None
    if listing.is_iframes:
        return iframe_playlist(own, FOLDER)
    return media_playlist(own, FOLDER, reports_of(live, name, listing))


@st.composite
def lives(draw: st.DrawFn) -> Live:
    first = draw(st.integers(0, 200))
    segments = draw(st.integers(0, 200))
    numbers = st.integers(first, first + segments)
    breaks = draw(st.frozensets(numbers, max_size=5)) - {first}
    gaps = draw(st.frozensets(st.tuples(st.sampled_from(["v1", "audio"]), numbers), max_size=5))
    return live_of(
        segments,
        draw(st.integers(1 if not segments else 0, 5)),
        first=first,
        breaks=breaks,
        gaps=gaps,
        tail_segments=draw(st.integers(0, 5)) if segments else 0,
        is_ended=bool(segments) and draw(st.booleans()),
    )


@given(live=lives(), listing=st.sampled_from(list(LISTINGS.values())), name=st.sampled_from(["v1", "audio"]))
def test_lines_made_once_say_what_the_values_say(live: Live, listing: Listing, name: str) -> None:
    """Whatever is live, the fast text is the list of the window."""
    spine = SpineText(name, FOLDER, is_iframes=listing.is_iframes)
    pieces = live_text(live, name, spine, listing, may_skip=False)
    if pieces is not None:
        assert parse_media(text_of(pieces)) == expected(live, listing, name)


@given(live=lives(), listing=st.sampled_from(list(LISTINGS.values())))
def test_a_delta_and_what_was_known_are_the_whole_list(live: Live, listing: Listing) -> None:
    """A delta keeps at least the last CAN-SKIP-UNTIL seconds, and with an older list it is the whole one."""
    spine = SpineText("v1", FOLDER, is_iframes=listing.is_iframes)
    pieces = live_text(live, "v1", spine, listing, may_skip=True)
    if pieces is None:
        return
    delta, whole = parse_media(text_of(pieces)), expected(live, listing)
    assert reassemble(whole, delta) == whole
    assert delta.media_sequence == whole.media_sequence
    if delta.skipped_segments:
        assert whole.control is not None
        assert delta.entries[0].map_uri is not None
        kept_us = sum(entry.duration_us for entry in delta.entries)
        assert whole.control.can_skip_until_us <= kept_us < whole.control.can_skip_until_us + 2_000_000
        assert text_of(pieces).count("#EXT-X-SKIP:") == 1
        assert "#EXT-X-VERSION:9\n" in text_of(pieces)
    else:
        assert len(whole.entries) <= 6 or whole.is_ended


def test_text_that_is_fed_step_by_step_is_the_same() -> None:
    """A spine that grows and slides gives what one that is rendered at once gives."""
    breaks = frozenset({5, 70, 71, 140})
    spine = SpineText("v1", FOLDER)
    for first, count in [(0, 1), (0, 60), (0, 130), (3, 150), (64, 100), (100, 90), (130, 70)]:
        live = live_of(count, 2, first=first, breaks=breaks)
        for may_skip in (False, True):
            pieces = live_text(live, "v1", spine, REWIND, may_skip=may_skip)
            assert parse_media(text_of(pieces)) == listed(live, REWIND, may_skip=may_skip)


@pytest.mark.parametrize(
    "other", [live_of(30, size_bytes=1, breaks=frozenset({29})), live_of(5), live_of(20, first=90)]
)
def test_another_spine_is_rendered_anew(other: Live) -> None:
    """What does not go on from what is known replaces it."""
    spine = SpineText("v1", FOLDER)
    live_text(live_of(30, first=10), "v1", spine, REWIND, may_skip=False)
    assert parse_media(text_of(live_text(other, "v1", spine, REWIND, may_skip=False))) == listed(other, REWIND)


def test_blocks_are_compressed_once() -> None:
    """With a new part, a rewind list of four hours shares all its whole blocks with the last one."""
    spine = SpineText("v1", FOLDER)
    live = live_of(7200, 1)
    before = live_text(live, "v1", spine, REWIND, may_skip=False)
    after_live = live_of(7200, 2)
    after = live_text(after_live, "v1", spine, REWIND, may_skip=False)
    assert before is not None
    assert after is not None
    assert len(before) == 7200 // BLOCK_SEGMENTS + 1
    assert all(one is two for one, two in zip(before[1:-1], after[1:-1], strict=True))


def test_a_delta_of_four_hours_is_small_and_quick() -> None:
    """A reload of the rewind list is below a tenth of it, and built in well under 5 ms."""
    spine = SpineText("v1", FOLDER)
    live = live_of(7200, 3)
    whole = len(text_of(live_text(live, "v1", spine, REWIND, may_skip=False)))
    started = time.process_time()
    for _ in range(20):
        pieces = live_text(live, "v1", spine, REWIND, may_skip=True)
    assert (time.process_time() - started) / 20 < 0.005
    assert len(text_of(pieces)) < whole / 10


def test_a_rendition_that_stopped_goes_on_with_gaps() -> None:
    """A shed rung's own list follows the others: gaps, no hint that is stale, never ENDLIST."""
    gaps = frozenset({("v1", number) for number in range(10, 14)})
    live = live_of(14, gaps=gaps)
    stopped = live_of(10, 3)
    tail = stopped.tail("v1")
    assert tail is not None
    live = with_tail(live, "v1", tail)
    playlist = listed(live)
    assert [entry.is_gap for entry in playlist.entries] == [False] * 10 + [True] * 4
    assert playlist.open_entry is None
    assert not playlist.is_ended


def test_a_lost_segment_is_as_long_as_its_record_says() -> None:
    """A gap does not change its duration when it leaves the tail."""
    live = live_of(8, gaps=frozenset({("v1", 7)}))
    tail = live.tail("v1")
    assert tail is not None
    *others, lost = tail.segments
    short = changed_tail(tail, segments=(*others, msgspec.structs.replace(lost, duration_ticks=90)))
    assert listed(with_tail(live, "v1", short)).entries[-1].duration_us == 2_000_000


def test_reports_tell_where_the_others_stand() -> None:
    """Every other rendition of the multivariant playlist: the last segment, and the last part's number in it."""
    live = live_of(8, 3)
    assert [(report.uri, report.last_msn, report.last_part) for report in reports_of(live, "v1", REWIND)] == [
        ("../v2/dvr.m3u8", 8, 2),
        ("../audio/dvr.m3u8", 8, 2),
    ]
    assert [report.last_part for report in reports_of(live_of(8), "v1", LIVE)] == [5, 5]
    gaps = frozenset({("v2", 7)})
    assert reports_of(live_of(8, gaps=gaps), "v1", LIVE)[0].last_part is None
    assert reports_of(replace(live, is_ended=True), "v1", LIVE) == ()
    assert reports_of(live, "v1", IFRAMES) == ()
    assert reports_of(live_of(8, part_target_us=0), "v1", LIVE) == ()
    assert len(reports_of(with_tail(live, "v2", Tail()), "v1", LIVE)) == 1


def test_without_segments_there_is_no_list() -> None:
    """A rendition that nobody knows, and one that has nothing yet."""
    spine = SpineText("v1", FOLDER)
    assert live_text(live_of(0), "v1", spine, LIVE, may_skip=False) is None
    assert live_text(live_of(4), "v9", spine, LIVE, may_skip=False) is None


def test_without_part_target_there_are_no_low_latency_tags() -> None:
    """Lists of whole segments can be waited for and skipped, and promise no parts."""
    spine = SpineText("v1", FOLDER)
    live = live_of(9, part_target_us=0, tail_segments=0)
    text = text_of(live_text(live, "v1", spine, LIVE, may_skip=False))
    assert not any(tag in text for tag in ("PART", "PRELOAD", "REPORT"))
    assert "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.000000,HOLD-BACK=6.000000\n" in text


def test_the_names_of_the_lists() -> None:
    """Four lists a rendition."""
    assert {file: (one.is_rewind, one.is_iframes) for file, one in LISTINGS.items()} == {
        "index": (False, False),
        "dvr": (True, False),
        "iframes": (False, True),
        "dvr-iframes": (True, True),
    }


def test_the_text_of_a_low_latency_list() -> None:
    """The end of a list, word by word."""
    live = live_of(1, 2, renditions=(VIDEO, SMALL, AUDIO))
    spine = SpineText("v1", "m")
    assert text_of(live_text(live, "v1", spine, LIVE, may_skip=True)) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:6\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.000000,HOLD-BACK=6.000000,"
        "PART-HOLD-BACK=1.004001\n"
        "#EXT-X-PART-INF:PART-TARGET=0.334667\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
        '#EXT-X-MAP:URI="m/1795000000-1-init.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:40.000Z\n"
        '#EXT-X-PART:DURATION=0.333333,URI="m/1795000000-p0.m4s",INDEPENDENT=YES\n'
        + "".join(f'#EXT-X-PART:DURATION=0.333333,URI="m/1795000000-p{n}.m4s"\n' for n in range(1, 6))
        + "#EXTINF:2.000000,\n"
        "m/1795000000-0.m4s\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:42.000Z\n"
        '#EXT-X-PART:DURATION=0.333333,URI="m/1795000000-p6.m4s",INDEPENDENT=YES\n'
        '#EXT-X-PART:DURATION=0.333333,URI="m/1795000000-p7.m4s"\n'
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="m/1795000000-p8.m4s"\n'
        '#EXT-X-RENDITION-REPORT:URI="../v2/index.m3u8",LAST-MSN=1,LAST-PART=1\n'
        '#EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=1,LAST-PART=1\n'
    )
