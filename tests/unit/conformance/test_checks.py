from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from media.multivariant import KeyFrames, MultivariantPlaylist, Sound, Variant, render_multivariant
from media.playlist import MediaEntry, MediaPlaylist, render_media
from media.playlist_reader import parse_media
from tests.conformance.boxes import InitFacts, SampleFacts, SegmentFacts
from tests.conformance.follower import KeyList, MediaFile, Observation, Reply, Track
from tests.conformance.report import CHECKS, score, table
from tests.conformance.verdict import Verdict

SIZE_BYTES = 100_000
"""Of a segment of 2 s: 400 kbit/s."""
LIST_HEADERS = {
    "Content-Type": "application/vnd.apple.mpegurl",
    "Content-Encoding": "gzip",
    "Cache-Control": "public, max-age=1",
    "Access-Control-Allow-Origin": "*",
    "Date": "Sat, 21 Nov 2026 03:00:00 GMT",
}
FILE_HEADERS = {**LIST_HEADERS, "Content-Type": "video/iso.segment", "Cache-Control": "max-age=31536000, immutable"}
VIDEO = InitFacts("vide", 30, "avc1.64001f", 640, 360, 0, 1)
AUDIO = InitFacts("soun", 48_000, "mp4a.40.2", 0, 0, 2, 1024)
SOUND = Sound("a", "Stream", "und", "audio/index.m3u8", 2)
VARIANTS = (
    Variant("v1/index.m3u8", 900_000, 810_000, ("avc1.64001f", "mp4a.40.2"), (640, 360), 30_000, "a"),
    Variant("v2/index.m3u8", 890_000, 810_000, ("avc1.64001f", "mp4a.40.2"), (640, 360), 30_000, "a"),
)


def reply(body: str | bytes, headers: dict[str, str], tick: float = 0.0, status: int = 200) -> Reply:
    raw = body.encode() if isinstance(body, str) else body
    return Reply(status, httpx.Headers(headers), raw, tick)


def playlist(first: int) -> MediaPlaylist:
    entries = [
        MediaEntry(f"/media/{number}.m4s", 2_000_000, "/media/init.mp4", number * 2000)
        for number in range(first, first + 8)
    ]
    return MediaPlaylist(target_duration_seconds=2, media_sequence=first, entries=tuple(entries))


def look(track: Track, listed: MediaPlaylist, tick: float) -> None:
    text = render_media(listed)
    track.seen.append((reply(text, LIST_HEADERS, tick), parse_media(text)))


def segment(number: int, init: InitFacts) -> SegmentFacts:
    ticks = 1 if init is VIDEO else 1000
    first = number * 2 * init.timescale
    times = range(first, first + 2 * init.timescale, ticks)
    return SegmentFacts(
        tuple(SampleFacts(time, ticks, time, is_idr=init is VIDEO and time == first) for time in times), init.timescale
    )


def track(name: str, claim: Variant | Sound, init: InitFacts) -> Track:
    made = Track(f"http://o/live/{name}/index.m3u8", claim, init)
    for step in range(3):
        look(made, playlist(1 + step), step * 2.0)
    made.inits["/media/init.mp4"] = MediaFile(reply(b"", {**FILE_HEADERS, "Content-Type": "video/mp4"}), 0.01)
    for number in range(1, 11):
        file = MediaFile(reply(b"x" * SIZE_BYTES, FILE_HEADERS), 0.01, segment(number, init))
        made.files[number] = file
    return made


def good() -> Observation:
    """An origin with which nothing is wrong."""
    multivariant = MultivariantPlaylist(VARIANTS, (SOUND,), (KeyFrames("v1/iframes.m3u8", 100_000, ("avc1.64001f",)),))
    iframes = replace(playlist(1), is_iframes_only=True)
    key_list = KeyList("http://o/live/v1/iframes.m3u8", reply("", LIST_HEADERS), iframes, [(206, segment(1, VIDEO))])
    tracks = [track("v1", VARIANTS[0], VIDEO), track("v2", VARIANTS[1], VIDEO), track("audio", SOUND, AUDIO)]
    missing = reply("{}", {"Cache-Control": "no-store"}, status=404)
    text = reply(render_multivariant(multivariant), LIST_HEADERS)
    return Observation(
        "http://o/live/index.m3u8",
        text,
        multivariant,
        tracks,
        removed=[("/media/1.m4s", 200, 3.0)],
        missing_list=missing,
        missing_segment=missing,
        key_lists=[key_list],
    )


def verdict(seen: Observation, point: int) -> Verdict:
    return next(found for check in CHECKS if (found := check(seen)).point == point)


def relist(seen: Observation, change: Callable[[MediaPlaylist], MediaPlaylist], place: int = -1) -> None:
    """Change one list that the first track showed."""
    track = seen.tracks[0]
    before, listed = track.seen[place]
    text = render_media(change(listed))
    track.seen[place] = (replace(before, body=text.encode()), parse_media(text))


def reword(seen: Observation, old: str, new: str) -> None:
    """Change the text of every list of the first track, and read it again."""
    track = seen.tracks[0]
    for place, (before, _) in enumerate(track.seen):
        text = before.text.replace(old, new)
        track.seen[place] = (replace(before, body=text.encode()), parse_media(text))


def refile(seen: Observation, number: int, facts: SegmentFacts) -> None:
    seen.tracks[0].files[number].facts = facts


def shifted(facts: SegmentFacts, ticks: int) -> SegmentFacts:
    moved = [replace(item, time=item.time + ticks, presentation=item.presentation + ticks) for item in facts.samples]
    return replace(facts, samples=tuple(moved))


def entry_changed(listed: MediaPlaylist, place: int, **changes: object) -> MediaPlaylist:
    entries = list(listed.entries)
    entries[place] = replace(entries[place], **changes)  # type: ignore[arg-type]  # the caller names fields
    return replace(listed, entries=tuple(entries))


def first_file(seen: Observation) -> MediaFile:
    return seen.tracks[0].files[1]


def break_target(seen: Observation) -> None:
    relist(seen, lambda listed: entry_changed(listed, 0, duration_us=2_500_000))


def change_target(seen: Observation) -> None:
    relist(seen, lambda listed: replace(listed, target_duration_seconds=3))


def go_back(seen: Observation) -> None:
    seen.tracks[0].seen.append(seen.tracks[0].seen[0])


def rewrite_entry(seen: Observation) -> None:
    relist(seen, lambda listed: entry_changed(listed, 2, uri="/media/other.m4s"))


def miscount_breaks(seen: Observation) -> None:
    relist(seen, lambda listed: replace(listed, discontinuity_sequence=1))


def stand_still(seen: Observation) -> None:
    for item in seen.tracks:
        del item.seen[1:]


def shorten(seen: Observation) -> None:
    relist(seen, lambda listed: replace(listed, entries=listed.entries[-5:], media_sequence=6))


def call_it_event(seen: Observation) -> None:
    reword(seen, "#EXT-X-TARGETDURATION", "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-TARGETDURATION")


def lose_removed(seen: Observation) -> None:
    seen.removed = [("/media/1.m4s", 404, 3.0)]


def tear(seen: Observation) -> None:
    seen.torn.append("no #EXTM3U")


def stall(seen: Observation) -> None:
    before, listed = seen.tracks[0].seen[2]
    seen.tracks[0].seen[2] = (replace(before, tick=20.0), listed)


def deliver_slowly(seen: Observation) -> None:
    first_file(seen).seconds = 5.0


def jump(seen: Observation) -> None:
    for number in range(5, 11):
        refile(seen, number, shifted(segment(number, VIDEO), 7))


def break_one_track(seen: Observation) -> None:
    relist(seen, lambda listed: entry_changed(listed, 7, has_discontinuity=True))


def drop_discontinuity_sequence(seen: Observation) -> None:
    reword(seen, "#EXT-X-DISCONTINUITY-SEQUENCE:0\n", "")


def drop_dates(seen: Observation) -> None:
    reword(seen, "#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-NOTHING")


def turn_dates(seen: Observation) -> None:
    relist(seen, lambda listed: entry_changed(listed, 7, program_date_time_ms=0))


def lie_of_durations(seen: Observation) -> None:
    reword(seen, "#EXTINF:2.000000", "#EXTINF:1.900000")


def leave_a_hole(seen: Observation) -> None:
    facts = segment(4, VIDEO)
    refile(seen, 4, replace(facts, samples=(*facts.samples[:10], *facts.samples[12:])))


def begin_without_idr(seen: Observation) -> None:
    facts = segment(4, VIDEO)
    refile(seen, 4, replace(facts, samples=tuple(replace(item, is_idr=False) for item in facts.samples)))


def deny_independence(seen: Observation) -> None:
    reword(seen, "#EXT-X-INDEPENDENT-SEGMENTS\n", "")


def raise_version(seen: Observation) -> None:
    reword(seen, "#EXT-X-VERSION:6", "#EXT-X-VERSION:9")


def lose_listed(seen: Observation) -> None:
    first_file(seen).reply = reply(b"", FILE_HEADERS, status=404)


def go_on_after_the_end(seen: Observation) -> None:
    relist(seen, lambda listed: replace(listed, is_ended=True), 1)


def end_one_track(seen: Observation) -> None:
    relist(seen, lambda listed: replace(listed, is_ended=True))


def write_bitrates(seen: Observation) -> None:
    reword(seen, "#EXTINF", "#EXT-X-BITRATE:1\n#EXTINF")


def vary(seen: Observation, **changes: object) -> None:
    first = replace(seen.playlist.variants[0], **changes)  # type: ignore[arg-type]  # the caller names fields
    seen.playlist = replace(seen.playlist, variants=(first, *seen.playlist.variants[1:]))


def misname_codecs(seen: Observation) -> None:
    vary(seen, codecs=("avc1.42c01e", "mp4a.40.2"))


def forget_sound_codec(seen: Observation) -> None:
    vary(seen, codecs=("avc1.64001f",))


def missize(seen: Observation) -> None:
    vary(seen, resolution=(1280, 720))


def mistime(seen: Observation) -> None:
    vary(seen, frames_per_1000_seconds=60_000)


def understate_average(seen: Observation) -> None:
    vary(seen, average_bps=700_000)


def understate_peak(seen: Observation) -> None:
    vary(seen, bandwidth_bps=600_000)


def start_far_off(seen: Observation) -> None:
    vary(seen, bandwidth_bps=9_000_000)


def distort(seen: Observation) -> None:
    vary(seen, resolution=(640, 480))


def lose_language(seen: Observation) -> None:
    seen.playlist = replace(seen.playlist, sounds=(replace(SOUND, language=""),))


def lose_group(seen: Observation) -> None:
    vary(seen, audio_group="b")


def hide_key_frames(seen: Observation) -> None:
    seen.key_lists = []


def lose_key_list(seen: Observation) -> None:
    seen.key_lists[0].playlist = None


def empty_key_list(seen: Observation) -> None:
    seen.key_lists[0].frames = []


def misplace_key_frames(seen: Observation) -> None:
    seen.key_lists[0].frames = [(200, None)]


def hide_formats(seen: Observation) -> None:
    for item in seen.tracks:
        item.init = None


def offer_no_choice(seen: Observation) -> None:
    seen.multivariant = replace(seen.multivariant, body=b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n")


def misalign(seen: Observation) -> None:
    facts = segment(4, VIDEO)
    refile(seen, 4, replace(facts, samples=(replace(facts.samples[0], presentation=241), *facts.samples[1:])))


def exceed_level(seen: Observation) -> None:
    seen.tracks[0].init = replace(VIDEO, codec="avc1.640040")


def stretch_gop(seen: Observation) -> None:
    first = segment(4, VIDEO)
    later = [replace(item, is_idr=False) for item in segment(5, VIDEO).samples]
    refile(seen, 4, replace(first, samples=(*first.samples, *later)))


def list_header(name: str, value: str) -> Callable[[Observation], None]:
    def change(seen: Observation) -> None:
        track = seen.tracks[0]
        before, listed = track.seen[0]
        track.seen[0] = (replace(before, headers=httpx.Headers({**LIST_HEADERS, name: value})), listed)

    return change


def file_header(name: str, value: str) -> Callable[[Observation], None]:
    def change(seen: Observation) -> None:
        first_file(seen).reply = replace(first_file(seen).reply, headers=httpx.Headers({**FILE_HEADERS, name: value}))

    return change


def redirect(seen: Observation) -> None:
    first_file(seen).reply = reply(b"", {"Location": "/other"}, status=302)


def keep_404(seen: Observation) -> None:
    seen.missing_list = reply("", {"Cache-Control": "max-age=600"}, status=404)


def answer_missing(seen: Observation) -> None:
    seen.missing_segment = reply("", {}, status=200)


def change_bytes(seen: Observation) -> None:
    seen.repeated = False


FAULTS: list[tuple[int, Callable[[Observation], None]]] = [
    *((1, fault) for fault in (break_target, change_target)),
    *((2, fault) for fault in (go_back, rewrite_entry, miscount_breaks, stand_still)),
    *((3, fault) for fault in (shorten, call_it_event)),
    (4, lose_removed),
    *((5, fault) for fault in (tear, list_header("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"))),
    *((6, fault) for fault in (stall, deliver_slowly)),
    *((7, fault) for fault in (jump, break_one_track, drop_discontinuity_sequence)),
    *((8, fault) for fault in (drop_dates, turn_dates)),
    *((9, fault) for fault in (lie_of_durations, leave_a_hole, jump)),
    *((10, fault) for fault in (begin_without_idr, deny_independence)),
    *((11, fault) for fault in (raise_version, lose_listed)),
    *((12, fault) for fault in (go_on_after_the_end, end_one_track)),
    (13, write_bitrates),
    *((14, fault) for fault in (misname_codecs, forget_sound_codec, missize, mistime)),
    *((15, fault) for fault in (understate_average, understate_peak)),
    *((16, fault) for fault in (start_far_off, distort, lose_language, lose_group)),
    *((16, fault) for fault in (hide_key_frames, lose_key_list, empty_key_list, misplace_key_frames)),
    *((point, offer_no_choice) for point in (14, 15, 16)),
    *((point, hide_formats) for point in (14, 17, 18)),
    *((17, fault) for fault in (misalign, change_target)),
    *((18, fault) for fault in (exceed_level, stretch_gop)),
    *(
        (31, fault)
        for fault in (list_header("Content-Encoding", "identity"), list_header("Content-Type", "text/plain"))
    ),
    *((31, fault) for fault in (file_header("Content-Type", "text/plain"), redirect)),
    *(
        (32, fault)
        for fault in (list_header("Cache-Control", "max-age=60"), file_header("Cache-Control", "max-age=60"))
    ),
    *((33, fault) for fault in (keep_404, answer_missing, change_bytes)),
    (33, list_header("Access-Control-Allow-Origin", "http://only.test")),
]


def test_a_good_origin_passes() -> None:
    """Nothing is invented: every point is judged, and none fails but those of the low latency that is absent."""
    verdicts = [check(good()) for check in CHECKS]
    assert [item.point for item in verdicts] == list(range(1, 34))
    assert [item.point for item in verdicts if item.status == "FAIL"] == list(range(19, 31)), table(verdicts)
    assert score(verdicts) == "21 of 33: 19 kept, 2 argued deviations"


def test_an_interruption_is_an_argued_deviation() -> None:
    """A long wait that a DISCONTINUITY ends is the encoder's absence, not the origin's fault."""
    seen = good()
    stall(seen)
    break_one_track(seen)
    assert verdict(seen, 6).status == "DEVIATION"


@pytest.mark.parametrize(
    ("point", "fault"), FAULTS, ids=[f"{point}-{fault.__name__}-{place}" for place, (point, fault) in enumerate(FAULTS)]
)
def test_each_fault_is_found(point: int, fault: Callable[[Observation], None]) -> None:
    """Every point fails an origin that breaks it: a check that can't fail proves nothing."""
    seen = good()
    fault(seen)
    found = verdict(seen, point)
    assert found.status == "FAIL", found
