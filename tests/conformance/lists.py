"""Points 1 to 13: what every media playlist must hold, compared to the bytes that it lists.  Pure."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from media.playlist import MediaEntry, MediaPlaylist
from tests.conformance.boxes import SegmentFacts
from tests.conformance.follower import Observation, Track
from tests.conformance.verdict import Verdict, judged

APPLE_TARGET_SECONDS = 6
APPLE_DVR_SECONDS = 15 * 60
POLL_SLACK_SECONDS = 2.0
"""We look every quarter of a segment, and the edge keeps a list for up to a second."""


def target_duration(seen: Observation) -> Verdict:
    """Durations stay within the target, which never changes."""
    faults: list[str] = []
    targets: set[int] = set()
    for track in seen.tracks:
        own = {playlist.target_duration_seconds for _, playlist in track.seen}
        if len(own) != 1:
            faults.append(f"{track.url}: target durations {sorted(own)}")
        targets |= own
        for _, playlist in track.seen:
            faults += [
                f"{entry.uri} lasts {entry.duration_us / 1e6} s of {playlist.target_duration_seconds}"
                for entry in playlist.entries
                if (entry.duration_us + 500_000) // 1_000_000 > playlist.target_duration_seconds
            ]
    deviations = [
        f"A-7.5 (S): target {target} s instead of 6 s, for latency"
        for target in targets
        if target != APPLE_TARGET_SECONDS
    ]
    return judged(1, "target duration", faults, deviations=deviations)


def only_grows(seen: Observation) -> Verdict:
    """Segments join at the end and leave at the front; nothing else changes, nothing goes back."""
    faults: list[str] = []
    steps = 0
    for track in seen.tracks:
        for (_, before), (_, after) in pairwise(track.seen):
            end_before = before.media_sequence + len(before.entries)
            end_after = after.media_sequence + len(after.entries)
            if after.media_sequence < before.media_sequence or end_after < end_before:
                faults.append(
                    f"{track.url}: {before.media_sequence} to {end_before} became {after.media_sequence} to {end_after}"
                )
                continue
            left = after.media_sequence - before.media_sequence
            if _bare(before)[left:] != _bare(after)[: len(before.entries) - left]:
                faults.append(f"{track.url}: entries changed in place")
            breaks = sum(entry.has_discontinuity for entry in before.entries[:left])
            if left <= len(before.entries) and after.discontinuity_sequence != before.discontinuity_sequence + breaks:
                faults.append(
                    f"{track.url}: {breaks} discontinuities left but the number became {after.discontinuity_sequence}"
                )
            steps += end_after > end_before
    if not steps and not all(track.last.is_ended for track in seen.tracks if track.seen):
        faults.append("no list grew while it was followed")
    return judged(2, "only grows", faults, passed=f"{steps} steps")


def window_length(seen: Observation) -> Verdict:
    """At least six segments and three target durations; no PLAYLIST-TYPE on a sliding list."""
    faults: list[str] = []
    shortest = Fraction(APPLE_DVR_SECONDS)
    for track in seen.tracks:
        for reply, playlist in track.seen:
            length = Fraction(sum(entry.duration_us for entry in playlist.entries), 1_000_000)
            shortest = min(shortest, length)
            has_slid = playlist.media_sequence > 0
            if has_slid and (len(playlist.entries) < 6 or length < 3 * playlist.target_duration_seconds):
                faults.append(f"{track.url}: {len(playlist.entries)} segments, {float(length)} s")
            if has_slid and "#EXT-X-PLAYLIST-TYPE" in reply.text:
                faults.append(f"{track.url}: PLAYLIST-TYPE on a list that slides")
    deviations = []
    if shortest < APPLE_DVR_SECONDS:
        deviations.append("A-8.12 (S): the live list spans about 30 s; its rewind list has hours")
    return judged(3, "window length", faults, deviations=deviations)


def removed_stay(seen: Observation) -> Verdict:
    """A segment that left can be fetched for its own duration and the longest list's."""
    longest = max(
        (
            sum(entry.duration_us for entry in playlist.entries) / 1e6
            for track in seen.tracks
            for _, playlist in track.seen
        ),
        default=0.0,
    )
    due = [(uri, status) for uri, status, since in seen.removed if since < longest]
    faults = [f"{uri} answered {status} after it left" for uri, status in due if status != 200]
    return judged(4, "removed segments stay", faults, passed=f"{len(due)} that had left")


def atomic(seen: Observation) -> Verdict:
    """No reader ever sees half a list; Last-Modified, if sent, is about now."""
    faults = [*seen.torn, *(f"{track.url}: {fault}" for track in seen.tracks for fault in track.faults)]
    faults += [f"{track.url}: never read" for track in seen.tracks if not track.seen]
    faults += [
        f"{track.url}: Last-Modified, which must then be true (A-8.24)"
        for track in seen.tracks
        for reply, _ in track.seen
        if "Last-Modified" in reply.headers
    ]
    return judged(5, "atomic change", faults)


def in_time(seen: Observation) -> Verdict:
    """A new segment comes within 1.5 target durations, and is wholly there when it is listed."""
    faults: list[str] = []
    interrupted: list[str] = []
    worst = 0.0
    for track in seen.tracks:
        last_number, last_tick = -1, 0.0
        for reply, playlist in track.seen:
            number = playlist.media_sequence + len(playlist.entries)
            if number <= last_number:
                continue
            if last_number >= 0:
                waited = reply.tick - last_tick
                worst = max(worst, waited)
                broken = any(entry.has_discontinuity for entry in playlist.entries[-(number - last_number) :])
                if waited > 1.5 * playlist.target_duration_seconds + POLL_SLACK_SECONDS:
                    (interrupted if broken else faults).append(f"{track.url}: {waited:.1f} s without a segment")
            last_number, last_tick = number, reply.tick
        faults += [
            f"{track.url}: segment {number} answered {file.reply.status} in {file.seconds:.1f} s"
            for number, file in track.files.items()
            if file.reply.status != 200 or file.seconds > 1.5 * track.last.target_duration_seconds
        ]
    deviations = ["the encoder was away"] if interrupted else []
    return judged(6, "in time", faults, deviations=deviations, passed=f"the longest wait was {worst:.1f} s")


def discontinuities(seen: Observation) -> Verdict:
    """A DISCONTINUITY at every break, its number always present, the same breaks at the same time in all lists."""
    faults: list[str] = []
    breaks: list[list[int]] = []
    for track in seen.tracks:
        faults += [
            f"{track.url}: no EXT-X-DISCONTINUITY-SEQUENCE"
            for reply, _ in track.seen
            if "#EXT-X-DISCONTINUITY-SEQUENCE:" not in reply.text
        ]
        entries = track.entries()
        for (number, before), (_, after) in _neighbours(track):
            if not entries[number + 1][2] and before.end != after.start:
                faults.append(
                    f"{track.url}: {float(after.start - before.end)} s between {number} and {number + 1}, no tag"
                )
            if not entries[number + 1][2] and entries[number][3] != entries[number + 1][3]:
                faults.append(f"{track.url}: a new init section before {number + 1}, no tag")
        breaks.append([moment for _, moment, broken, _ in entries.values() if broken])
    for track, own in zip(seen.tracks, breaks, strict=True):
        if len(own) != len(breaks[0]) or any(abs(a - b) > 100 for a, b in zip(own, breaks[0], strict=False)):
            faults.append(f"{track.url}: breaks at {own}, not at {breaks[0]}")
    return judged(7, "discontinuities", faults, passed=f"{len(breaks[0]) if breaks else 0} breaks")


def dates(seen: Observation) -> Verdict:
    """PROGRAM-DATE-TIME in every list, after each discontinuity, never going back."""
    faults: list[str] = []
    for track in seen.tracks:
        for _, playlist in track.seen:
            dated = [entry.program_date_time_ms for entry in playlist.entries if entry.program_date_time_ms is not None]
            if playlist.entries and playlist.entries[0].program_date_time_ms is None and not dated:
                faults.append(f"{track.url}: no PROGRAM-DATE-TIME")
            faults += [
                f"{track.url}: no PROGRAM-DATE-TIME after a discontinuity"
                for entry in playlist.entries
                if entry.has_discontinuity and entry.program_date_time_ms is None
            ]
            if dated != sorted(dated):
                faults.append(f"{track.url}: PROGRAM-DATE-TIME goes back")
    return judged(8, "dates", faults)


def durations(seen: Observation) -> Verdict:
    """The sum of EXTINF is true to the samples within a frame; decode times join without a tick between."""
    faults: list[str] = []
    compared = 0
    for track in seen.tracks:
        entries = track.entries()
        drift = Fraction()
        for number, file in sorted(track.files.items()):
            if file.facts is None:
                continue
            if entries[number][2] or number - 1 not in track.files:
                drift = Fraction()
            drift += Fraction(entries[number][0], 1_000_000) - (file.facts.end - file.facts.start)
            compared += 1
            if abs(drift) > file.facts.longest_sample:
                faults.append(f"{track.url}: EXTINF is {float(drift):.4f} s off at {number}")
            faults += [
                f"{track.url}: samples of {number} don't join"
                for a, b in pairwise(file.facts.samples)
                if a.time + a.duration != b.time
            ]
        faults += [
            f"{track.url}: {number + 1} starts {float(after.start - before.end):.4f} s off"
            for (number, before), (_, after) in _neighbours(track)
            if not entries[number + 1][2] and before.end != after.start
        ]
    if not compared:
        faults.append("no segment could be read")
    return judged(9, "true durations", faults, passed=f"{compared} segments")


def independent(seen: Observation) -> Verdict:
    """Every video segment begins with an IDR picture, and the lists say so."""
    faults = [
        f"{track.url}: segment {number} does not begin with an IDR"
        for track in seen.tracks
        if track.is_video
        for number, file in track.files.items()
        if file.facts and not file.facts.samples[0].is_idr
    ]
    if not seen.playlist.is_independent:
        faults.append("no INDEPENDENT-SEGMENTS in the multivariant playlist")
    faults += [
        f"{track.url}: no INDEPENDENT-SEGMENTS"
        for track in seen.tracks
        if any(not playlist.is_independent for _, playlist in track.seen)
    ]
    return judged(10, "independent segments", faults)


def maps(seen: Observation) -> Verdict:
    """EXT-X-MAP before the first segment, the version no higher than needed, nothing listed that is a 404."""
    faults: list[str] = []
    for track in seen.tracks:
        for reply, playlist in track.seen:
            faults += [f"{entry.uri} has no EXT-X-MAP" for entry in playlist.entries if not entry.map_uri]
            version = re.search(r"#EXT-X-VERSION:(\d+)", reply.text)
            if playlist.entries and (not version or int(version[1]) != 6):
                faults.append(f"{track.url}: version {version and version[1]} where 6 is needed")
        faults += [
            f"{uri} answered {file.reply.status}" for uri, file in track.inits.items() if file.reply.status != 200
        ]
        faults += [
            f"{track.url}: listed segment {number} answered {file.reply.status}"
            for number, file in track.files.items()
            if file.reply.status != 200
        ]
    return judged(11, "init sections", faults)


def ends(seen: Observation) -> Verdict:
    """After ENDLIST a list is constant; a live list has no end."""
    faults: list[str] = []
    ended = 0
    for track in seen.tracks:
        final: str | None = None
        for reply, playlist in track.seen:
            if final is not None and reply.text != final:
                faults.append(f"{track.url}: changed after ENDLIST")
            if playlist.is_ended:
                final = reply.text
        ended += final is not None
    if 0 < ended < len(seen.tracks):
        faults.append(f"{ended} of {len(seen.tracks)} lists have ended")
    return judged(12, "the end", faults, passed="seen to the end" if ended else "it did not end while it was followed")


def ranges(seen: Observation) -> Verdict:
    """EXT-X-BITRATE and DATERANGE, which we don't write, are right or absent."""
    faults = [
        f"{track.url}: {tag}"
        for track in seen.tracks
        for reply, _ in track.seen
        for tag in ("#EXT-X-BITRATE", "#EXT-X-DATERANGE")
        if tag in reply.text
    ]
    return judged(13, "bitrates and date ranges", faults, passed="none are written")


def _bare(playlist: MediaPlaylist) -> list[MediaEntry]:
    """Entries without their parts, which may leave before they do."""
    return [replace(entry, parts=()) for entry in playlist.entries]


def _neighbours(track: Track) -> Iterator[tuple[tuple[int, SegmentFacts], tuple[int, SegmentFacts]]]:
    for number, file in sorted(track.files.items()):
        following = track.files.get(number + 1)
        if file.facts and following and following.facts:
            yield (number, file.facts), (number + 1, following.facts)


CHECKS = (
    target_duration,
    only_grows,
    window_length,
    removed_stay,
    atomic,
    in_time,
    discontinuities,
    dates,
    durations,
    independent,
    maps,
    ends,
    ranges,
)
