"""Plan the renditions of a broadcast from its source.  Pure: policy, costs and encoders are data.

Rules: never upscale in size, rate or bits; 60 → 30 and 50 → 25 only, and only below the top; the top is copied where
codec and key frames allow; what the machine can't carry is shed: rungs of other codecs first, then the most expensive
below the top, at last everything but a copy; sound always has a rendition (silence where the source has none), so that
a list never has to end because sound went away.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from media.costs import Costs, Encoded, Frames, encoded_cores, ladder_cores
from media.encoders import BITS_SHARE, ENCODERS, FALLBACK, share_sessions
from media.policy import LEAST_KBPS, Codec, Policy
from media.source import Source

AUDIO = "audio"
TOP = "v1"
AUDIO_KBPS = 128
AUDIO_RATE_HZ = 48_000
SEGMENT_SECONDS = 2.0
LEAST_GOP_SECONDS = 0.1
CLOSEST_HEIGHTS = 0.76
CLOSEST_RATES = 0.65
"""Rungs nearer to each other than this give a player no choice."""
MOST_FPS = 60.5
"""Players take at most 60 frames a second (Apple's authoring rule 1.19)."""
GOP_TOLERANCE_SECONDS = 0.1
"""Encoders round to frames: 2.02 s still counts as 2 s."""


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
    encoder: str = FALLBACK

    @property
    def codec(self) -> Codec:
        """What the encoder makes; a copy is H.264."""
        return ENCODERS[self.encoder].codec

    @property
    def megapixels(self) -> float:
        """In a second."""
        return Frames(self.width, self.height, self.fps).megapixels


@dataclass(frozen=True, slots=True)
class Plan:
    """What one FFmpeg is to make."""

    video: tuple[Rung, ...]
    """Best first, rungs of other codecs last; empty for a source without a picture."""
    follows_source_keys: bool
    """A copied rung dictates the key frames; otherwise there is one every `SEGMENT_SECONDS`."""
    cores: float
    crf: int | None = None
    audio_kbps: int = AUDIO_KBPS
    is_over: bool = False
    """It costs more than there was: nothing cheaper could be made of this source."""
    source_megapixels: float = 0.0
    """A second of it, as it is decoded."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a worker can plan with."""

    cores: float
    costs: Costs = field(default_factory=Costs)
    sessions: Mapping[str, int] = field(default_factory=dict)
    """Encoders beside x264 that work, and how many rungs each may still take."""


def plan(
    source: Source,
    policy: Policy,
    means: Means,
    *,
    gop_seconds: float | None = None,
    may_copy: bool = True,
    rungs: int | None = None,
    without: Collection[str] = (),
) -> Plan:
    """The ladder for `source` within `means`.

    Each rung has its place among all that the source and the policy allow, so that what is left out now can come later.
    `gop_seconds` is a proven fixed distance of key frames.  `may_copy` is false once a copy could not be cut.  `rungs`
    keeps the places of a broadcast that goes on: the same lists, of another source or worker.  `without` are the lists
    that were shed.
    """
    if source.video_codec is None or policy.sound_only:
        cores = ladder_cores(means.costs, (), _frames(source), copied=0)
        return Plan(
            (), follows_source_keys=False, cores=cores, audio_kbps=policy.audio_kbps, is_over=cores > means.cores
        )
    draft = _Draft(source, policy, means)
    may_copy = may_copy and _is_copyable(source, policy)
    is_copied = may_copy and can_copy(source, policy, gop_seconds)
    top = draft.top(is_copied=is_copied)
    candidates = [top, *draft.lower(top)]
    places = candidates if rungs is None else _exactly(candidates, rungs)
    chosen = draft.affordable(_named(draft.equipped(places), without))
    if draft.cost(chosen) > means.cores and may_copy and gop_seconds is None:
        # on trust: most encoders have a key frame every two seconds; the copy of one that has not can't be cut
        chosen = [replace(draft.top(is_copied=True), name=TOP if rungs is None else chosen[0].name)]
    chosen += [rung for rung in draft.others(chosen) if rung.name not in without]
    cores = draft.cost(chosen)
    return Plan(
        tuple(chosen),
        follows_source_keys=any(rung.is_copied for rung in chosen),
        cores=cores,
        crf=policy.crf,
        audio_kbps=policy.audio_kbps,
        is_over=cores > means.cores,
        source_megapixels=_frames(source).megapixels,
    )


def can_copy(source: Source, policy: Policy, gop_seconds: float | None) -> bool:
    """May the encoder's own picture be the top rung, with key frames that are proved to be so far apart?"""
    return _is_copyable(source, policy) and gop_seconds is not None and _fits_segments(gop_seconds)


def _is_copyable(source: Source, policy: Policy) -> bool:
    return policy.copy and source.is_copyable and source.fps <= MOST_FPS


def place_of(name: str) -> int:
    """A rung's place from its name; 0 for what has none: sound, and rungs of other codecs."""
    number = name.removeprefix("v")
    return int(number) if number != name and number.isascii() and number.isdigit() else 0


def costliest(video: Sequence[Rung]) -> str | None:
    """The rung to shed from a running ladder: of another codec, then below the top, then an encoded top; None: no more.

    The last one stays: a picture that can't be made at all is the session's business.
    """
    others = [rung for rung in video if rung.codec != "h264"]
    plain = [rung for rung in video if rung.codec == "h264"]
    below = others or (plain[1:] if len(plain) > 2 or (len(plain) == 2 and plain[0].is_copied) else [])
    if below:
        return max(below, key=lambda rung: rung.cores).name
    return plain[0].name if len(plain) == 2 else None


def _fits_segments(gop_seconds: float) -> bool:
    """Only whole GOPs fit segments: the proven distance must divide the segment's length."""
    longest = SEGMENT_SECONDS + GOP_TOLERANCE_SECONDS
    if not LEAST_GOP_SECONDS <= gop_seconds <= longest:
        return False
    times = round(SEGMENT_SECONDS / gop_seconds)
    return abs(times * gop_seconds - SEGMENT_SECONDS) <= GOP_TOLERANCE_SECONDS


@dataclass(frozen=True, slots=True)
class _Draft:
    """The rungs that could be made of a source, and what they cost."""

    source: Source
    policy: Policy
    means: Means

    def top(self, *, is_copied: bool) -> Rung:
        """The source's own size, copied or as far as the table goes."""
        source = self.source
        if is_copied:
            kbps = round(source.video_kbps) or _kbps(self.policy, _lines(source), source.fps)
            return Rung("", source.width, source.height, source.fps, kbps, is_copied=True, preset="", cores=0.0)
        return self._rung(min(self.policy.rungs[0].height, _lines(source)), _capped(source.fps))

    def lower(self, top: Rung) -> list[Rung]:
        """Every step well below the one before; frame rates halve where they are 50 or more."""
        rungs: list[Rung] = []
        last = _lines(top)
        most_kbps = self.source.video_kbps or float(_kbps(self.policy, _lines(self.source), self.source.fps))
        for step in self.policy.rungs:
            if step.height <= last * CLOSEST_HEIGHTS and most_kbps * CLOSEST_RATES >= LEAST_KBPS:
                rung = self._rung(step.height, _halved(self.source.fps))
                rung = replace(rung, kbps=min(rung.kbps, round(most_kbps * CLOSEST_RATES)))
                rungs.append(rung)
                last, most_kbps = step.height, rung.kbps
        return rungs[: self.policy.max_rungs - 1]

    def equipped(self, rungs: Sequence[Rung]) -> list[Rung]:
        """Each with the best encoder that has a session left, and what it costs then; the top chooses first."""
        done: list[Rung] = []
        for rung in rungs:
            if not rung.is_copied:
                made = self._made(rung.width, rung.height, rung.fps, rung.kbps, self._encoder("h264", done) or FALLBACK)
                rung = replace(rung, encoder=made.encoder, cores=made.cores)  # noqa: PLW2901  # the same rung, equipped
            done.append(rung)
        return done

    def others(self, chosen: Sequence[Rung]) -> list[Rung]:
        """The best rungs again in the other codecs of the policy, where an encoder and room are left."""
        rungs: list[Rung] = []
        for codec in self.policy.codecs:
            if codec == "h264":
                continue
            for place, like in enumerate(chosen[: self.policy.codec_rungs], 1):
                if (encoder := self._encoder(codec, [*chosen, *rungs])) is None:
                    break
                kbps = max(LEAST_KBPS, round(like.kbps * BITS_SHARE[codec]))
                rung = self._made(like.width // 2 * 2, like.height // 2 * 2, _capped(like.fps), kbps, encoder)
                rung = replace(rung, name=f"{codec}_{place}")
                if self.cost([*chosen, *rungs, rung]) <= self.means.cores:
                    rungs.append(rung)
        return rungs

    def cost(self, rungs: Sequence[Rung]) -> float:
        """Cores for all of them."""
        encoded = [rung.cores for rung in rungs if not rung.is_copied]
        return ladder_cores(self.means.costs, encoded, _frames(self.source), copied=len(rungs) - len(encoded))

    def affordable(self, candidates: Sequence[Rung]) -> list[Rung]:
        """Shed from the most expensive below the top; then the top itself; the last one stays whatever it costs."""
        chosen = list(candidates)
        while len(chosen) > 2 and self.cost(chosen) > self.means.cores:
            chosen.remove(max(chosen[1:], key=lambda rung: rung.cores))
        if len(chosen) > 1 and self.cost(chosen) > self.means.cores:
            if self.cost(chosen[:1]) <= self.means.cores:
                return chosen[:1]
            lower = [rung for rung in candidates[1:] if self.cost([rung]) <= self.means.cores]
            return lower[:1] or list(candidates[:1] if candidates[0].is_copied else candidates[-1:])
        return chosen

    def _rung(self, lines: int, fps: float) -> Rung:
        source, policy = self.source, self.policy
        even = max(2, lines // 2 * 2)
        longer = max(source.width, source.height)
        other = max(2, min(longer // 2 * 2, round(longer * even / _lines(source) / 2) * 2))
        width, height = (even, other) if source.width < source.height else (other, even)
        kbps = _kbps(policy, even, fps)
        if source.video_kbps:
            kbps = max(LEAST_KBPS, min(kbps, round(source.video_kbps)))
        return self._made(width, height, fps, kbps, FALLBACK)

    def _made(self, width: int, height: int, fps: float, kbps: int, encoder: str) -> Rung:
        is_low = min(width, height) < self.policy.fast_below_height
        encoded = Encoded(Frames(width, height, fps), encoder, is_low)
        cores = encoded_cores(self.means.costs, encoded, _frames(self.source))
        preset = self.policy.preset_low if is_low else self.policy.preset_high
        return Rung("", width, height, fps, kbps, is_copied=False, preset=preset, cores=cores, encoder=encoder)

    def _encoder(self, codec: Codec, beside: Sequence[Rung]) -> str | None:
        """The best one with a session left; H.264 always has x264."""
        for name, encoder in ENCODERS.items():
            if encoder.codec != codec or (encoder.device != "cpu" and not self.policy.hardware):
                continue
            used = sum(not rung.is_copied and share_sessions(rung.encoder, name) for rung in beside)
            if name == FALLBACK or used < self.means.sessions.get(name, 0):
                return name
        return None


def _lines(picture: Source | Rung) -> int:
    """By which a picture is called 720p: its shorter side, for one that is held upright too."""
    return min(picture.width, picture.height)


def _frames(source: Source) -> Frames:
    return Frames(source.width, source.height, source.fps)


def _kbps(policy: Policy, height: int, fps: float) -> int:
    """The table's value, between its rows by height; half as much again above 30 fps."""
    steps = policy.rungs
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


def _named(rungs: Sequence[Rung], without: Collection[str]) -> list[Rung]:
    """Each by its place; those that were shed are left out, unless nothing would be left."""
    named = [replace(rung, name=f"v{place}") for place, rung in enumerate(rungs, 1)]
    return [rung for rung in named if rung.name not in without] or named[-1:]


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
