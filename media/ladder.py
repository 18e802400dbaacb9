"""Plan the renditions of a broadcast from its source.  Pure: the policy is data.

Rules: never upscale in size, rate or bits; 60 → 30 and 50 → 25 only, and only below the top; the top is copied where
codec and key frames allow; what the machine can't carry is shed from the most expensive rung below the top; sound
always has a rendition (silence where the source has none), so that a list never has to end because sound went away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from media.source import Source

AUDIO = "audio"
AUDIO_KBPS = 128
AUDIO_RATE_HZ = 48_000
SEGMENT_SECONDS = 2.0
LEAST_GOP_SECONDS = 0.1
CLOSEST_HEIGHTS = 0.76
CLOSEST_RATES = 0.65
"""Rungs nearer to each other than this give a player no choice."""
LEAST_KBPS = 64
MOST_FPS = 60.5
"""Players take at most 60 frames a second (Apple's authoring rule 1.19)."""
GOP_TOLERANCE_SECONDS = 0.1
"""Encoders round to frames: 2.02 s still counts as 2 s."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the ladder's table."""

    height: int
    kbps: int
    """At up to 30 fps; half as much again above."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator could want to change."""

    steps: tuple[Step, ...] = (
        Step(1080, 4500),
        Step(720, 2500),
        Step(480, 1200),
        Step(360, 700),
        Step(240, 350),
        Step(160, 180),
    )
    max_rungs: int = 4
    fast_below_height: int = 540
    """From this height down the better, slower preset is used: it costs little there."""
    preset_high: str = "superfast"
    preset_low: str = "veryfast"
    cores_per_megapixel_high: float = 0.011
    """Core-seconds for a million pixels scaled and encoded; measured on one core of a small server."""
    cores_per_megapixel_low: float = 0.016
    cores_per_megapixel_decoded: float = 0.004
    cores_for_sound: float = 0.03


@dataclass(frozen=True, slots=True)
class Rung:
    """One video rendition; names are places in the ladder and stay through a broadcast's changes of source."""

    name: str
    width: int
    height: int
    fps: float
    kbps: int
    is_copied: bool
    preset: str
    cores: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What one FFmpeg is to make."""

    video: tuple[Rung, ...]
    """Best first; empty for a source without a picture."""
    follows_source_keys: bool
    """A copied rung dictates the key frames; otherwise there is one every `SEGMENT_SECONDS`."""
    cores: float


def plan(
    source: Source,
    policy: Policy,
    *,
    cores: float,
    gop_seconds: float | None = None,
    rungs: int | None = None,
) -> Plan:
    """The ladder for `source` on a budget of `cores`.

    `gop_seconds` is a proven fixed distance of key frames.  `rungs` demands exactly that many (a broadcast that goes on
    with another source keeps its lists): the budget then only decides whether the top is copied.
    """
    if source.video_codec is None:
        return Plan((), follows_source_keys=False, cores=policy.cores_for_sound)
    is_copied = _can_copy(source, gop_seconds)
    candidates = [_top(source, policy, is_copied=is_copied), *_lower(source, policy)]
    chosen = _exactly(candidates, rungs) if rungs is not None else _affordable(candidates, source, policy, cores)
    named = tuple(replace(rung, name=f"v{place}") for place, rung in enumerate(chosen, 1))
    return Plan(named, is_copied and any(rung.is_copied for rung in named), _cost(named, source, policy))


def _can_copy(source: Source, gop_seconds: float | None) -> bool:
    """Only whole GOPs fit segments: the proven distance must divide the segment's length."""
    if not source.is_copyable or source.fps > MOST_FPS:
        return False
    longest = SEGMENT_SECONDS + GOP_TOLERANCE_SECONDS
    if gop_seconds is None or not LEAST_GOP_SECONDS <= gop_seconds <= longest:
        return False
    times = round(SEGMENT_SECONDS / gop_seconds)
    return abs(times * gop_seconds - SEGMENT_SECONDS) <= GOP_TOLERANCE_SECONDS


def _top(source: Source, policy: Policy, *, is_copied: bool) -> Rung:
    tallest = policy.steps[0].height
    if is_copied:
        kbps = round(source.video_kbps) or _kbps(policy, source.height, source.fps)
        return Rung("", source.width, source.height, source.fps, kbps, is_copied=True, preset="", cores=0.0)
    return _rung(source, policy, min(tallest, source.height), _capped(source.fps))


def _lower(source: Source, policy: Policy) -> list[Rung]:
    """Every step well below the one before; frame rates halve where they are 50 or more."""
    rungs: list[Rung] = []
    last = source.height
    most_kbps = source.video_kbps or float(_kbps(policy, source.height, source.fps))
    for step in policy.steps:
        if step.height <= last * CLOSEST_HEIGHTS and most_kbps * CLOSEST_RATES >= LEAST_KBPS:
            rung = _rung(source, policy, step.height, _halved(source.fps))
            rung = replace(rung, kbps=min(rung.kbps, round(most_kbps * CLOSEST_RATES)))
            rungs.append(rung)
            last, most_kbps = step.height, rung.kbps
    return rungs[: policy.max_rungs - 1]


def _rung(source: Source, policy: Policy, height: int, fps: float) -> Rung:
    even_height = max(2, height // 2 * 2)
    width = max(2, round(source.width * even_height / source.height / 2) * 2)
    kbps = _kbps(policy, even_height, fps)
    if source.video_kbps:
        kbps = max(LEAST_KBPS, min(kbps, round(source.video_kbps)))
    is_low = even_height < policy.fast_below_height
    per_megapixel = policy.cores_per_megapixel_low if is_low else policy.cores_per_megapixel_high
    preset = policy.preset_low if is_low else policy.preset_high
    return Rung(
        "",
        width,
        even_height,
        fps,
        kbps,
        is_copied=False,
        preset=preset,
        cores=per_megapixel * width * even_height * fps / 1e6,
    )


def _kbps(policy: Policy, height: int, fps: float) -> int:
    """The table's value, between its rows by height; half as much again above 30 fps."""
    steps = policy.steps
    kbps = float(steps[0].kbps)
    if height < steps[0].height:
        kbps = steps[-1].kbps * height / steps[-1].height
        for above, below in pairwise(steps):
            if below.height <= height:
                share = (height - below.height) / (above.height - below.height)
                kbps = below.kbps + share * (above.kbps - below.kbps)
                break
    return max(LEAST_KBPS, round(kbps * (1.5 if fps > 31 else 1.0)))


def _capped(fps: float) -> float:
    return fps if fps <= MOST_FPS else fps / 2 if fps <= 121 else 60.0


def _halved(fps: float) -> float:
    capped = _capped(fps)
    return capped / 2 if capped >= 49.5 else capped


def _cost(rungs: Sequence[Rung], source: Source, policy: Policy) -> float:
    encoded = sum(rung.cores for rung in rungs)
    decoded = policy.cores_per_megapixel_decoded * source.width * source.height * source.fps / 1e6
    return policy.cores_for_sound + encoded + (decoded if encoded else 0.0)


def _affordable(candidates: list[Rung], source: Source, policy: Policy, cores: float) -> list[Rung]:
    """Shed from the most expensive below the top; then the top itself; the last one stays whatever it costs."""
    chosen = list(candidates)
    while len(chosen) > 2 and _cost(chosen, source, policy) > cores:
        chosen.remove(max(chosen[1:], key=lambda rung: rung.cores))
    if len(chosen) > 1 and _cost(chosen, source, policy) > cores:
        if _cost(chosen[:1], source, policy) <= cores:
            return chosen[:1]
        lower = [rung for rung in candidates[1:] if _cost([rung], source, policy) <= cores]
        return lower[:1] or candidates[-1:]
    return chosen


def _exactly(candidates: list[Rung], rungs: int) -> list[Rung]:
    """The top and the cheapest; a source with fewer steps repeats its lowest with ever fewer bits."""
    chosen = candidates[:1] + candidates[1:][max(0, len(candidates) - rungs) :] if rungs > 1 else candidates[:1]
    while len(chosen) < rungs:
        last = chosen[-1]
        if last.is_copied:  # encoded pictures have even sides
            width, height = last.width // 2 * 2, last.height // 2 * 2
            last = replace(last, width=width, height=height, is_copied=False, preset="ultrafast")
        chosen.append(replace(last, kbps=max(LEAST_KBPS, last.kbps * 2 // 3)))
    return chosen
