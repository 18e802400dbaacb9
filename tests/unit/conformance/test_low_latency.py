from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from media.playlist import MediaPlaylist, media_playlist, render_media
from media.playlist_reader import parse_media
from media.spine_text import Listing, SpineText, live_text, reports_of
from media.window import Live, window
from tests.conformance.boxes import SampleFacts, SegmentFacts
from tests.conformance.follower import Observation, Reply
from tests.conformance.low_latency import CHECKS
from tests.conformance.reloader import Asked, Hinted, PartFile, Reported, Waits, end_of, next_of, parts_of
from tests.conformance.verdict import Verdict
from tests.services.lives import PARTS, live_of

FOLDER = "m"
NOTHING = httpx.Headers()


def listed(live: Live) -> MediaPlaylist:
    own = window(live, "v1")
    assert own is not None
    return parse_media(render_media(media_playlist(own, FOLDER, reports_of(live, "v1", Listing()))))


def asked(query: str, playlist: MediaPlaylist | None, tick: float = 0.0, seconds: float = 0.01) -> Asked:
    body = render_media(playlist).encode() if playlist else b""
    return Asked(query, 200 if playlist else 400, seconds, tick, NOTHING, body, playlist)


def delta_of(live: Live) -> Asked:
    spine = SpineText("v1", FOLDER)
    pieces = live_text(live, "v1", spine, Listing(), may_skip=True)
    assert pieces is not None
    text = b"".join(piece.plain for piece in pieces)
    return Asked("_HLS_skip=YES", 200, 0.1, 0.0, NOTHING, text, parse_media(text.decode()))


def facts_of(uri: str) -> SegmentFacts:
    number = int(uri.split("-p")[1].split(".", maxsplit=1)[0])
    is_first = number % PARTS == 0
    return SegmentFacts(tuple(SampleFacts(n, 1, n, is_idr=is_first and n == 0) for n in range(10)), 30)


def waits_of() -> Waits:
    """A list with which nothing is wrong."""
    waits = Waits("http://o/v1/index.m3u8", is_video=True)
    steps = [live_of(20 + step // PARTS, step % PARTS) for step in range(24)]
    for step, live in enumerate(steps):
        playlist = listed(live)
        msn, part = end_of(playlist)
        waits.reloads.append(asked(f"_HLS_msn={msn}&_HLS_part={part}", playlist, step / 3, 0.3))
        for uri in parts_of(playlist):
            waits.parts[uri] = PartFile(200, uri.encode(), facts_of(uri))
        for entry in playlist.entries:
            if entry.parts:
                waits.segments[entry.uri] = b"".join(part.uri.encode() for part in entry.parts)
    whole = listed(live_of(24))
    waits.wholes = [(23, asked("_HLS_msn=23", whole))]
    waits.overflows = [(23, asked("_HLS_msn=23&_HLS_part=50", listed(live_of(24, 1))))]
    waits.old = [asked("_HLS_msn=3", whole)]
    waits.refused = {"a word": asked("_HLS_msn=seven", None)}
    waits.before_deltas = whole
    waits.deltas = [(delta_of(live_of(24, parts)), asked("", listed(live_of(24, parts)))) for parts in (1, 2)]
    waits.left = [(f"{FOLDER}/p1", 200)]
    waits.hints = [Hinted(200, 0.3, 0.31, 5.0, 5.05, b"part")]
    waits.unknown_part = replace(asked("", None), status=404)
    waits.reports = [Reported("http://o/v2/index.m3u8", (24, 1), (24, 1), (24, 2))]
    waits.after_end = [asked("_HLS_msn=9", replace(whole, is_ended=True))]
    return waits


def good() -> Observation:
    nothing = Reply(200, NOTHING, b"", 0.0)
    return Observation("http://o/index.m3u8", nothing, None, [], waits=[waits_of()])  # type: ignore[arg-type]  # unread


def reworded(waits: Waits, old: str, new: str, place: int = -1) -> None:
    """Change the text of one reload, and read it again."""
    before = waits.reloads[place]
    text = before.body.decode().replace(old, new)
    assert text != before.body.decode()
    waits.reloads[place] = replace(before, body=text.encode(), playlist=parse_media(text))


def swap(old: str, new: str) -> Callable[[Waits], None]:
    return lambda waits: reworded(waits, old, new)


def no_part_target(waits: Waits) -> None:
    reworded(waits, "#EXT-X-PART-INF:PART-TARGET=0.334667\n", "")


def long_part(waits: Waits) -> None:
    reworded(waits, "DURATION=0.333333", "DURATION=0.400000")


def short_part(waits: Waits) -> None:
    reworded(waits, "DURATION=0.333333", "DURATION=0.200000")


def long_samples(waits: Waits) -> None:
    uri = next(iter(waits.parts))
    facts = facts_of(uri)
    waits.parts[uri] = PartFile(
        200, b"", replace(facts, samples=(*facts.samples, SampleFacts(30, 9, 30, is_idr=False)))
    )


def late_parts(waits: Waits) -> None:
    playlist = listed(live_of(24, 2, tail_segments=9))
    far = replace(playlist.entries[2], parts=playlist.entries[-1].parts)
    waits.reloads[-1] = asked("_HLS_msn=24&_HLS_part=1", replace(playlist, entries=(far, *playlist.entries[1:])))


def lost_parts(waits: Waits) -> None:
    waits.left = [("p", 404)]


def nothing_left(waits: Waits) -> None:
    waits.left = []


def hidden_idr(waits: Waits) -> None:
    reworded(waits, ",INDEPENDENT=YES", "")


def claimed_idr(waits: Waits) -> None:
    uri = f"{FOLDER}/1795000000-p{22 * PARTS}.m4s"
    waits.parts[uri] = PartFile(200, b"", replace(facts_of(uri), samples=facts_of("x-p1.").samples))


def late_date(waits: Waits) -> None:
    before = waits.reloads[-1]
    waits.reloads[-1] = replace(before, body=before.body + b"#EXT-X-PROGRAM-DATE-TIME:2026-11-18T11:06:40.000Z\n")


def two_hints(waits: Waits) -> None:
    before = waits.reloads[-1]
    waits.reloads[-1] = replace(before, body=before.body + b'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="x"\n')


def hinted(**changes: object) -> Callable[[Waits], None]:
    def change(waits: Waits) -> None:
        waits.hints = [replace(waits.hints[0], **changes)]  # type: ignore[arg-type]  # the caller names fields

    return change


def no_hints(waits: Waits) -> None:
    waits.hints = []


def unknown(**changes: object) -> Callable[[Waits], None]:
    def change(waits: Waits) -> None:
        assert waits.unknown_part is not None
        waits.unknown_part = replace(waits.unknown_part, **changes)  # type: ignore[arg-type]  # the caller names fields

    return change


def no_unknown(waits: Waits) -> None:
    waits.unknown_part = None


def other_bytes(waits: Waits) -> None:
    waits.segments = dict.fromkeys(waits.segments, b"other")


def no_segments(waits: Waits) -> None:
    waits.segments = {}


def slow(waits: Waits) -> None:
    waits.reloads = [replace(one, tick=place * 0.5) for place, one in enumerate(waits.reloads)]


def stalled(waits: Waits) -> None:
    waits.reloads[-1] = replace(waits.reloads[-1], tick=waits.reloads[-2].tick + 1.2)


def early(waits: Waits) -> None:
    waits.reloads[-1] = replace(waits.reloads[-1], query="_HLS_msn=99&_HLS_part=0")


def refused_reload(waits: Waits) -> None:
    waits.reloads[3] = replace(waits.reloads[3], status=503)


def early_whole(waits: Waits) -> None:
    waits.wholes = [(24, waits.wholes[0][1])]


def early_overflow(waits: Waits) -> None:
    waits.overflows = [(24, waits.overflows[0][1])]


def slow_old(waits: Waits) -> None:
    waits.old = [replace(waits.old[0], seconds=1.0)]


def refused_old(waits: Waits) -> None:
    waits.old = [replace(waits.old[0], status=400)]


def no_old(waits: Waits) -> None:
    waits.old = []


def accepted(waits: Waits) -> None:
    waits.refused = {"a word": replace(waits.refused["a word"], status=200)}


def refused_late(waits: Waits) -> None:
    waits.refused = {"a word": replace(waits.refused["a word"], seconds=6.0)}


def nothing_refused(waits: Waits) -> None:
    waits.refused = {}


def forgotten(waits: Waits) -> None:
    waits.reloads[-1] = replace(waits.reloads[-1], seconds=9.0)


def waited_after_end(waits: Waits) -> None:
    waits.after_end = [replace(waits.after_end[0], seconds=3.0)]


def no_deltas(waits: Waits) -> None:
    waits.deltas = []


def never_skipped(waits: Waits) -> None:
    waits.deltas = [(whole, whole) for _, whole in waits.deltas]


def reword_delta(old: str, new: str) -> Callable[[Waits], None]:
    def change(waits: Waits) -> None:
        delta, whole = waits.deltas[0]
        text = delta.body.decode().replace(old, new)
        assert text != delta.body.decode()
        waits.deltas[0] = (replace(delta, body=text.encode(), playlist=parse_media(text)), whole)

    return change


def unknown_past(waits: Waits) -> None:
    assert waits.before_deltas is not None
    waits.before_deltas = replace(waits.before_deltas, entries=waits.before_deltas.entries[:2])


def no_report(waits: Waits) -> None:
    waits.missing_reports = ["http://o/v2/index.m3u8"]


def reported(said: tuple[int, int]) -> Callable[[Waits], None]:
    def change(waits: Waits) -> None:
        waits.reports = [replace(waits.reports[0], said=said)]

    return change


def silent(waits: Waits) -> None:
    waits.reloads = []


FAULTS: list[tuple[int, Callable[[Waits], None]]] = [
    *((19, fault) for fault in (no_part_target, long_part, short_part, long_samples)),
    *(
        (20, fault)
        for fault in (
            swap("PART-HOLD-BACK=1.004001", "PART-HOLD-BACK=0.8"),
            swap("CAN-SKIP-UNTIL=12", "CAN-SKIP-UNTIL=11"),
        )
    ),
    *((20, fault) for fault in (swap("CAN-BLOCK-RELOAD=YES,", ""), swap(",HOLD-BACK=6", ",HOLD-BACK=5"))),
    (20, swap("#EXT-X-SERVER-CONTROL", "#EXT-X-OTHER")),
    *((21, fault) for fault in (late_parts, lost_parts, nothing_left)),
    *((22, fault) for fault in (hidden_idr, claimed_idr, late_date, swap("#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-OTHER"))),
    *((23, fault) for fault in (two_hints, no_hints, no_unknown, unknown(status=200), unknown(seconds=3.0))),
    *(
        (23, fault)
        for fault in (hinted(status=404), hinted(tick=7.0), hinted(seconds=2.0), hinted(first_byte_seconds=0.001))
    ),
    *((24, fault) for fault in (other_bytes, no_segments, slow, stalled)),
    *((25, fault) for fault in (early, refused_reload, early_whole, early_overflow)),
    *((26, fault) for fault in (slow_old, refused_old, no_old)),
    *((27, fault) for fault in (accepted, refused_late, nothing_refused)),
    *((28, fault) for fault in (forgotten, waited_after_end)),
    *((29, fault) for fault in (no_deltas, never_skipped, unknown_past)),
    *(
        (29, fault)
        for fault in (reword_delta("#EXT-X-VERSION:9", "#EXT-X-VERSION:6"), reword_delta("-20.m4s", "-x.m4s"))
    ),
    (29, reword_delta("#EXT-X-SKIP:", "#EXT-X-SKIP:SKIPPED-SEGMENTS=9\n#EXT-X-SKIP:")),
    *((30, fault) for fault in (no_report, reported((23, 5)), reported((24, 3)))),
    *((point, silent) for point in range(19, 31)),
]


def verdict(seen: Observation, point: int) -> Verdict:
    return next(found for check in CHECKS if (found := check(seen)).point == point)


def test_a_good_origin_passes() -> None:
    """Nothing is invented: a list without a fault keeps every point."""
    verdicts = [check(good()) for check in CHECKS]
    assert [(found.point, found.status) for found in verdicts] == [(point, "PASS") for point in range(19, 31)]


@pytest.mark.parametrize(
    ("point", "fault"), FAULTS, ids=[f"{point}-{fault.__name__}-{place}" for place, (point, fault) in enumerate(FAULTS)]
)
def test_each_fault_is_found(point: int, fault: Callable[[Waits], None]) -> None:
    """Every point fails a list that breaks it: a check that can't fail proves nothing."""
    seen = good()
    fault(seen.waits[0])
    found = verdict(seen, point)
    assert found.status == "FAIL", found


def test_one_list_without_low_latency_is_a_fault() -> None:
    """A rendition that lacks what another has."""
    seen = good()
    seen.waits.append(Waits("http://o/audio/index.m3u8", is_video=False))
    assert verdict(seen, 20).status == "FAIL"


@pytest.mark.parametrize(("segments", "parts", "end", "following"), [(9, 2, (9, 1), (9, 2)), (9, 0, (8, 5), (9, 0))])
def test_where_a_list_ends(segments: int, parts: int, end: tuple[int, int], following: tuple[int, int]) -> None:
    """The last part, and what a player asks for next; of a delta too."""
    playlist = listed(live_of(segments, parts))
    assert (end_of(playlist), next_of(playlist)) == (end, following)
    delta = delta_of(live_of(segments, parts)).playlist
    assert delta is not None
    assert delta.skipped_segments > 0
    assert (end_of(delta), next_of(delta)) == (end, following)


def test_an_empty_list_ends_before_it_begins() -> None:
    """Nothing is there yet."""
    assert end_of(MediaPlaylist(target_duration_seconds=2)) == (-1, -1)
