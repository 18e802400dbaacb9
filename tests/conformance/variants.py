"""Points 14 to 18: what the multivariant playlist claims, against the bytes of what it lists.  Pure."""

from fractions import Fraction
from itertools import pairwise
from urllib.parse import urljoin

from media.multivariant import Variant
from tests.conformance.follower import Observation, Track
from tests.conformance.verdict import Verdict, judged

START_BPS = 2_000_000


def attributes(seen: Observation) -> Verdict:
    """CODECS, RESOLUTION and FRAME-RATE equal what is really sent; both bandwidths are told."""
    faults = [] if seen.is_multivariant else ["no multivariant playlist"]
    for variant, track in _variants(seen):
        if track.init is None:
            faults.append(f"{variant.uri}: no init section could be read")
            continue
        real = [track.init.codec, *(sound.init.codec for sound in _sounds(seen, variant) if sound.init)]
        if set(variant.codecs) != set(real):
            faults.append(f"{variant.uri}: CODECS {variant.codecs}, really {real}")
        if not variant.average_bps or variant.bandwidth_bps < variant.average_bps:
            faults.append(f"{variant.uri}: BANDWIDTH {variant.bandwidth_bps}, AVERAGE-BANDWIDTH {variant.average_bps}")
        if not track.is_video:
            continue
        if variant.resolution != (track.init.width, track.init.height):
            faults.append(
                f"{variant.uri}: RESOLUTION {variant.resolution}, really {track.init.width}x{track.init.height}"
            )
        fps = _fps(track)
        if (
            variant.frames_per_1000_seconds is None
            or abs(Fraction(variant.frames_per_1000_seconds, 1000) - fps) > fps / 100
        ):
            faults.append(f"{variant.uri}: FRAME-RATE {variant.frames_per_1000_seconds} mHz, really {float(fps):.3f}")
    return judged(14, "true attributes", faults)


def bandwidths(seen: Observation) -> Verdict:
    """Live: the average below 110 % of AVERAGE-BANDWIDTH, the peak below 125 % of BANDWIDTH, sound included."""
    faults = [] if seen.is_multivariant else ["no multivariant playlist"]
    told: list[str] = []
    for variant, track in _variants(seen):
        sounds = _sounds(seen, variant)
        average = _average(track) + max((_average(sound) for sound in sounds), default=0)
        peak = _peak(track) + max((_peak(sound) for sound in sounds), default=0)
        told.append(f"{variant.uri.split('/', maxsplit=1)[0]} {average // 1000}/{variant.average_bps // 1000}")
        if average >= variant.average_bps * 1.1:
            faults.append(f"{variant.uri}: {average} bit/s on average, {variant.average_bps} promised")
        if peak >= variant.bandwidth_bps * 1.25:
            faults.append(f"{variant.uri}: {peak} bit/s at the peak, {variant.bandwidth_bps} promised")
    return judged(15, "true bandwidths", faults, passed="kbps real/told: " + ", ".join(told))


def ladder(seen: Observation) -> Verdict:
    """Several bitrates of one shape, the sensible one first, sound apart with its language, I-frames."""
    faults = [] if seen.is_multivariant else ["no multivariant playlist"]
    videos = [variant for variant, track in _variants(seen) if track.is_video]
    if len(videos) > 1:
        nearest = min(videos, key=lambda variant: abs(variant.bandwidth_bps - START_BPS))
        if seen.playlist.variants[0] != nearest:
            faults.append(f"{seen.playlist.variants[0].uri} is first, {nearest.uri} is nearer to 2000 kbps")
        shapes = {Fraction(*variant.resolution) for variant in videos if variant.resolution}
        if max(shapes) - min(shapes) > Fraction(1, 50):
            faults.append(f"aspect ratios differ: {sorted(float(shape) for shape in shapes)}")
    faults += [f"{sound.uri}: no LANGUAGE" for sound in seen.playlist.sounds if not sound.language]
    faults += [
        f"{variant.uri}: no audio group {variant.audio_group}"
        for variant in videos
        if variant.audio_group and variant.audio_group not in {sound.group for sound in seen.playlist.sounds}
    ]
    deviations = []
    if len(videos) == 1:
        deviations.append("A-9.9 (M): one bitrate, for the source or the machine allows no more")
    faults += _key_faults(seen, videos)
    if videos and len(videos) < len(seen.playlist.variants):
        deviations.append("A-9.20 (M on tvOS): an audio-only variant in the same list")
    return judged(16, "the ladder", faults, deviations=deviations)


def _key_faults(seen: Observation, videos: list[Variant]) -> list[str]:
    """A-6.1: a list of I-frames for the pictures, each range one that begins with an IDR picture."""
    if videos and not seen.key_lists:
        return ["no I-frame playlists"]
    faults: list[str] = []
    for key_list in seen.key_lists:
        if key_list.playlist is None or not key_list.playlist.is_iframes_only:
            faults.append(f"{key_list.url}: no list of I-frames ({key_list.reply.status})")
        elif not key_list.frames:
            faults.append(f"{key_list.url}: no I-frame")
        faults += [
            f"{key_list.url}: a range answered {status}, no IDR picture in it"
            for status, facts in key_list.frames
            if facts is None or not facts.samples or not facts.samples[0].is_idr
        ]
    return faults


def aligned(seen: Observation) -> Verdict:
    """The same target everywhere; video segments begin at the same presentation time in all rungs, to the tick."""
    faults = _unread(seen)
    targets = {playlist.target_duration_seconds for track in seen.tracks for _, playlist in track.seen}
    if len(targets) != 1:
        faults.append(f"target durations {sorted(targets)}")
    videos = [track for track in seen.tracks if track.is_video]
    starts = [_starts(track) for track in videos]
    for track, own in zip(videos, starts, strict=True):
        common = own.keys() & starts[0].keys()
        if not common:
            faults.append(f"{track.url}: no segment in common with the first rung")
        faults += [
            f"{track.url}: {number} begins at {own[number]}, not {starts[0][number]}"
            for number in sorted(common)
            if own[number] != starts[0][number]
        ]
    return judged(
        17, "aligned rungs", faults, passed=f"{len(videos)} rungs, {len(starts[0]) if starts else 0} segments"
    )


def encoding(seen: Observation) -> Verdict:
    """An IDR at least every 2 s, H.264 up to High 5.2, up to 60 frames a second."""
    faults = _unread(seen)
    for track in seen.tracks:
        if not track.is_video or track.init is None:
            continue
        profile, level = int(track.init.codec[5:7], 16), int(track.init.codec[9:11], 16)
        if profile > 100 or level > 52:
            faults.append(f"{track.url}: {track.init.codec}")
        fps = _fps(track)
        if fps > Fraction(605, 10):
            faults.append(f"{track.url}: {float(fps):.1f} frames a second")
        for number, file in track.files.items():
            if file.facts is None:
                continue
            idrs = [sample.time for sample in file.facts.samples if sample.is_idr]
            last = file.facts.samples[-1]
            longest = max((b - a for a, b in pairwise([*idrs, last.time + last.duration])), default=0)
            if Fraction(longest, file.facts.timescale) > 2 + file.facts.longest_sample:
                faults.append(f"{track.url}: {longest / file.facts.timescale:.2f} s without an IDR in {number}")
    return judged(18, "encoding", faults)


def _unread(seen: Observation) -> list[str]:
    """What can't be read can't be right: segments of another format than ours."""
    return [] if any(track.init for track in seen.tracks) else ["no init section could be read"]


def _variants(seen: Observation) -> list[tuple[Variant, Track]]:
    tracks = {track.url: track for track in seen.tracks}
    return [(variant, tracks[urljoin(seen.url, variant.uri)]) for variant in seen.playlist.variants]


def _sounds(seen: Observation, variant: Variant) -> list[Track]:
    """The sound that plays with a variant, without itself."""
    own = urljoin(seen.url, variant.uri)
    urls = {urljoin(seen.url, sound.uri) for sound in seen.playlist.sounds if sound.group == variant.audio_group}
    return [track for track in seen.tracks if track.url in urls - {own}]


def _fps(track: Track) -> Fraction:
    samples = [sample for file in track.files.values() if file.facts for sample in file.facts.samples]
    ticks = sum(sample.duration for sample in samples)
    timescale = track.init.timescale if track.init else 1
    return Fraction(len(samples) * timescale, ticks) if ticks else Fraction()


def _average(track: Track) -> int:
    entries = track.entries()
    size = sum(len(file.reply.body) for file in track.files.values())
    length = sum(entries[number][0] for number in track.files)
    return size * 8_000_000 // length if length else 0


def _peak(track: Track) -> int:
    """Over segments of at least half the target (RFC 8216bis §4.1)."""
    entries = track.entries()
    half = track.last.target_duration_seconds * 500_000
    return max(
        (
            len(file.reply.body) * 8_000_000 // entries[number][0]
            for number, file in track.files.items()
            if entries[number][0] >= half
        ),
        default=0,
    )


def _starts(track: Track) -> dict[int, Fraction]:
    return {number: file.facts.presented for number, file in track.files.items() if file.facts}


CHECKS = (attributes, bandwidths, ladder, aligned, encoding)
