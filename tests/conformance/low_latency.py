"""Points 19 to 30: parts, hints, blocking reload, deltas and reports.  Pure.

An origin without low-latency lists fails each of them: what is absent can't be right.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from media.playlist import MediaEntry, MediaPlaylist
from media.playlist_reader import PlaylistError, reassemble
from tests.conformance.follower import Observation
from tests.conformance.reloader import Asked, Waits, end_of, next_of
from tests.conformance.verdict import Check, Verdict, judged

LEAST_SHARE = 0.85
"""Of PART-TARGET, that a part lasts unless it ends its segment (RFC 8216bis §4.4.4.9)."""
AT_ONCE_SECONDS = 0.25
"""What is there, or refused, needs no longer."""
SLACK_SECONDS = 0.3
"""Between the origin's clock and ours, on a machine that encodes too."""
PARTS_MEAN_SLACK = 1.1

_Fault = Iterator[str]


def _for_each(point: int, name: str, look: Callable[[Waits], _Fault], told: Callable[[Waits], str]) -> Check:
    def check(seen: Observation) -> Verdict:
        present = [waits for waits in seen.waits if waits.reloads]
        if not present:
            return judged(point, name, ["no low-latency lists"])
        faults = [f"{waits.url}: {fault}" for waits in present for fault in look(waits)]
        faults += [f"{waits.url}: no low-latency list" for waits in seen.waits if not waits.reloads]
        return judged(point, name, faults, passed=told(present[0]))

    return check


def _lists(waits: Waits) -> list[MediaPlaylist]:
    return [asked.playlist for asked in waits.reloads if asked.playlist is not None]


def _entries(waits: Waits) -> Iterator[MediaEntry]:
    """Every segment that showed parts, as it stood when it was whole, and the last open one."""
    found: dict[str, MediaEntry] = {}
    for playlist in _lists(waits):
        found |= {entry.uri: entry for entry in playlist.entries if entry.parts}
    yield from found.values()


# --- 19 to 24: parts and hints ---------------------------------------------------------------------------------------


def _part_durations(waits: Waits) -> _Fault:
    for playlist in _lists(waits)[-1:]:
        if not playlist.part_target_us:
            yield "no EXT-X-PART-INF"
    target = _lists(waits)[-1].part_target_us
    for entry in _entries(waits):
        for place, part in enumerate(entry.parts):
            if part.duration_us > target:
                yield f"{part.uri} lasts {part.duration_us / 1e6} s, the target is {target / 1e6}"
            is_last = place == len(entry.parts) - 1
            if part.duration_us < LEAST_SHARE * target and not (is_last or part.is_gap or part.is_independent):
                yield f"{part.uri} lasts {part.duration_us / 1e6} s, less than 85 % of {target / 1e6}"
    for uri, file in waits.parts.items():
        if file.facts and (file.facts.end - file.facts.start) * 1_000_000 > target:
            yield f"{uri} really lasts {float(file.facts.end - file.facts.start):.3f} s"


def _server_control(waits: Waits) -> _Fault:
    for playlist in _lists(waits):
        control, target_us = playlist.control, playlist.target_duration_seconds * 1_000_000
        if control is None:
            yield "no EXT-X-SERVER-CONTROL"
            continue
        if not control.can_block_reload:
            yield "no CAN-BLOCK-RELOAD"
        if control.part_hold_back_us < 3 * playlist.part_target_us:
            yield f"PART-HOLD-BACK {control.part_hold_back_us / 1e6} s (A-14.3: three part targets)"
        if control.hold_back_us < 3 * target_us:
            yield f"HOLD-BACK {control.hold_back_us / 1e6} s"
        if control.can_skip_until_us < 6 * target_us:
            yield f"CAN-SKIP-UNTIL {control.can_skip_until_us / 1e6} s"


def _part_removal(waits: Waits) -> _Fault:
    for playlist in _lists(waits):
        behind_us = sum(part.duration_us for part in playlist.open_entry.parts) if playlist.open_entry else 0
        for entry in reversed(playlist.entries):
            if entry.parts and behind_us > 3 * playlist.target_duration_seconds * 1_000_000:
                yield f"{entry.uri} shows parts {behind_us / 1e6} s from the end"
            behind_us += entry.duration_us
    if not waits.left:
        yield "no part left the list while it was followed"
    for uri, status in waits.left:
        if status != 200:
            yield f"{uri} answered {status} when it had just left"


def _independence(waits: Waits) -> _Fault:
    marked = {part.uri: part.is_independent for entry in _entries(waits) for part in entry.parts}
    for uri, file in waits.parts.items():
        if not waits.is_video or file.facts is None or uri not in marked:
            continue
        has_idr = any(sample.is_idr for sample in file.facts.samples)
        if has_idr != marked[uri]:
            yield f"{uri}: INDEPENDENT={marked[uri]}, an IDR picture inside: {has_idr}"
    for asked in waits.reloads:
        yield from _order(asked.body.decode())


def _order(text: str) -> _Fault:
    has_parts = False
    for line in text.splitlines():
        if line.startswith("#EXT-X-PART:"):
            has_parts = True
        elif has_parts and re.match(r"#EXT-X-(MAP|KEY|DISCONTINUITY$|PROGRAM-DATE-TIME)", line):
            yield f"{line[:60]} behind its segment's first part"
        elif not line.startswith("#"):
            has_parts = False
    if "#EXT-X-PROGRAM-DATE-TIME" not in text:
        yield "no PROGRAM-DATE-TIME"


def _hints(waits: Waits) -> _Fault:
    for asked in waits.reloads:
        count = asked.body.count(b"#EXT-X-PRELOAD-HINT:TYPE=PART")
        if asked.playlist is not None and not asked.playlist.is_ended and count != 1:
            yield f"{count} hints at a part"
    if not waits.hints:
        yield "no hinted part was asked for"
    for hinted in waits.hints:
        if hinted.status != 200 or not hinted.body:
            yield f"a hinted part answered {hinted.status}"
        elif hinted.tick > hinted.listed_tick + SLACK_SECONDS:
            yield f"a hinted part was whole {hinted.tick - hinted.listed_tick:.2f} s after its list"
        elif hinted.seconds - hinted.first_byte_seconds > SLACK_SECONDS:
            yield f"a hinted part trickled for {hinted.seconds - hinted.first_byte_seconds:.2f} s"
    if not any(hinted.first_byte_seconds > AT_ONCE_SECONDS / 5 for hinted in waits.hints):
        yield "no hinted part was waited for"
    yield from _unknown_part(waits.unknown_part)


def _unknown_part(unknown: Asked | None) -> _Fault:
    if unknown is None:
        yield "no unknown part was asked for"
    elif unknown.status != 404 or unknown.seconds > AT_ONCE_SECONDS:
        yield f"an unknown part answered {unknown.status} in {unknown.seconds:.2f} s"


def _whole_of_parts(waits: Waits) -> _Fault:
    arrivals = [asked.tick for asked in waits.reloads if asked.playlist is not None]
    target = _lists(waits)[-1].part_target_us / 1e6
    mean = (arrivals[-1] - arrivals[0]) / max(1, len(arrivals) - 1)
    if mean > target * PARTS_MEAN_SLACK:
        yield f"a part each {mean:.2f} s, the target is {target} s"
    late = [b - a for a, b in pairwise(arrivals) if b - a > 2 * target + SLACK_SECONDS]
    if late:
        yield f"{len(late)} parts came late, one after {max(late):.2f} s"
    compared = 0
    for entry in _entries(waits):
        whole = waits.segments.get(entry.uri)
        parts = [waits.parts.get(part.uri) for part in entry.parts]
        if whole is None or any(part is None for part in parts):
            continue
        compared += 1
        if b"".join(part.body for part in parts if part) != whole:
            yield f"{entry.uri} is not its parts, one behind the other"
    if not compared:
        yield "no segment could be compared with its parts"


# --- 25 to 30: reloads -----------------------------------------------------------------------------------------------


def _blocking(waits: Waits) -> _Fault:
    for asked in waits.reloads:
        yield from _status(asked, 200)
        if asked.playlist is not None and not asked.playlist.is_ended and _part_asked(asked) > end_of(asked.playlist):
            yield f"{asked.query} was answered without that part"
    for msn, asked in waits.wholes:
        yield from _status(asked, 200)
        if asked.playlist is not None and next_of(asked.playlist)[0] <= msn:
            yield f"{asked.query} was answered before the segment was whole"
    for msn, asked in waits.overflows:
        yield from _status(asked, 200)
        if asked.playlist is not None and end_of(asked.playlist) < (msn + 1, 0):
            yield f"{asked.query} was answered before the next segment began"


def _part_asked(asked: Asked) -> tuple[int, int]:
    numbers = re.findall(r"=(\d+)", asked.query)
    return int(numbers[0]), int(numbers[1])


def _at_once(waits: Waits) -> _Fault:
    for asked in waits.old:
        yield from _status(asked, 200)
        if asked.seconds > AT_ONCE_SECONDS:
            yield f"{asked.query}, long there, took {asked.seconds:.2f} s"
    if not waits.old:
        yield "nothing old was asked for"


def _refusals(waits: Waits) -> _Fault:
    for what, asked in waits.refused.items():
        if asked.status != 400:
            yield f"{what} ({asked.query}) answered {asked.status}"
        elif asked.seconds > AT_ONCE_SECONDS:
            yield f"{what} was refused after {asked.seconds:.2f} s"
    if not waits.refused:
        yield "nothing wrong was asked for"


def _too_long(waits: Waits) -> _Fault:
    for asked in [*waits.reloads, *(one for _, one in waits.wholes), *(one for _, one in waits.overflows)]:
        playlist = _lists(waits)[-1]
        if asked.seconds > 3 * playlist.target_duration_seconds + SLACK_SECONDS:
            yield f"{asked.query} waited {asked.seconds:.1f} s"
        if asked.seconds > 3 * playlist.target_duration_seconds and asked.status != 503:
            yield f"{asked.query} waited {asked.seconds:.1f} s and was answered {asked.status}"
    for asked in waits.after_end:
        yield from _status(asked, 200)
        if asked.seconds > AT_ONCE_SECONDS or asked.playlist is None or asked.playlist.skipped_segments:
            yield f"{asked.query} after the end took {asked.seconds:.2f} s, or was no whole list"


def _deltas(waits: Waits) -> _Fault:
    before = waits.before_deltas
    if before is None or not waits.deltas:
        yield "no delta was asked for"
        return
    skips, could_skip = 0, False
    for delta, whole in waits.deltas:
        yield from (*_status(delta, 200), *_status(whole, 200))
        if delta.playlist is None or whole.playlist is None or whole.playlist.is_ended:
            continue
        yield from _delta(before, delta, delta.playlist, whole.playlist)
        skips += delta.playlist.skipped_segments > 0
        could_skip = could_skip or _could_skip(whole.playlist)
        before = whole.playlist
    if could_skip and not skips:
        yield "nothing was ever skipped"


def _could_skip(whole: MediaPlaylist) -> bool:
    """Is the list longer than what a delta must keep?  That of a young broadcast is not."""
    boundary_us = whole.control.can_skip_until_us if whole.control else 0
    return 0 < boundary_us <= sum(entry.duration_us for entry in whole.entries[1:])


def _delta(before: MediaPlaylist, asked: Asked, delta: MediaPlaylist, whole: MediaPlaylist) -> _Fault:
    count = asked.body.count(b"#EXT-X-SKIP:")
    if count != (delta.skipped_segments > 0):
        yield f"{count} EXT-X-SKIP in a delta"
    if delta.skipped_segments and b"#EXT-X-VERSION:9\n" not in asked.body:
        yield "a delta needs version 9"
    try:
        joined = reassemble(before, delta)
    except PlaylistError as error:
        yield str(error)
        return
    if (joined.media_sequence, end_of(joined)) != (whole.media_sequence, end_of(whole)):
        return  # of another moment
    if [(entry.uri, entry.duration_us, entry.map_uri) for entry in joined.entries] != [
        (entry.uri, entry.duration_us, entry.map_uri) for entry in whole.entries
    ]:
        yield "a delta with what was known is not the whole list"


def _reports(waits: Waits) -> _Fault:
    yield from (f"no report of {url}" for url in set(waits.missing_reports))
    for reported in waits.reports:
        if reported.said is None:
            continue
        msn, part = reported.said
        least = (reported.before[0], reported.before[1] - 1)  # its own list may have come a moment before the other's
        if (msn, part) < least:
            yield f"{reported.uri} is said to end with {reported.said}, it had {reported.before}"
        if (msn, part) > reported.after:
            yield f"{reported.uri} is said to end with {reported.said}, it has {reported.after}"


def _status(asked: Asked, expected: int) -> _Fault:
    if asked.status != expected:
        yield f"{asked.query} answered {asked.status}"


def _parts_told(waits: Waits) -> str:
    return f"{len(waits.parts)} parts of {_lists(waits)[-1].part_target_us / 1e6} s"


def _waits_told(waits: Waits) -> str:
    return f"{len(waits.reloads)} reloads, the longest {max(asked.seconds for asked in waits.reloads):.2f} s"


def _nothing_told(_waits: Waits) -> str:
    return ""


CHECKS: tuple[Check, ...] = (
    _for_each(19, "part durations", _part_durations, _parts_told),
    _for_each(20, "server control", _server_control, _nothing_told),
    _for_each(21, "parts leave", _part_removal, lambda waits: f"{len(waits.left)} that had left"),
    _for_each(22, "independent parts", _independence, _nothing_told),
    _for_each(23, "hints", _hints, lambda waits: f"{len(waits.hints)} waited for"),
    _for_each(24, "parts make segments", _whole_of_parts, _nothing_told),
    _for_each(25, "blocking reload", _blocking, _waits_told),
    _for_each(26, "at once", _at_once, _nothing_told),
    _for_each(27, "refusals of directives", _refusals, lambda waits: f"{len(waits.refused)} wrong ways"),
    _for_each(28, "never too long", _too_long, lambda waits: f"{len(waits.after_end)} after the end"),
    _for_each(29, "deltas", _deltas, lambda waits: f"{len(waits.deltas)} compared"),
    _for_each(30, "rendition reports", _reports, lambda waits: f"{len(waits.reports)} compared"),
)
