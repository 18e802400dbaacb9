"""What an operator wants of a ladder, and what a channel may want instead: data that JSON carries.  Pure.

A site's policy is `LEAMS_LADDER` of the transcoder; a channel's wish travels in its `LiveJob`.  A wish only narrows:
never taller, richer or more rungs than the site allows, and never another preset, for that is the machine's business.
"""

from itertools import pairwise
from typing import Annotated, Final, Literal, Self, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)
Codec = Literal["h264", "hevc", "av1"]
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"]
"""x264's and x265's own words."""

MAX_BYTES: Final = 8_192
"""Of a policy's text."""
LEAST_KBPS: Final = 64
Height = Annotated[int, msgspec.Meta(ge=16, le=4320)]
Kbps = Annotated[int, msgspec.Meta(ge=LEAST_KBPS, le=100_000)]
RungCount = Annotated[int, msgspec.Meta(ge=1, le=8)]
Crf = Annotated[int, msgspec.Meta(ge=10, le=45)]
AudioKbps = Annotated[int, msgspec.Meta(ge=32, le=320)]


class PolicyError(ValueError):
    """The text is no policy; the message names the place and what was expected."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the ladder's table."""

    height: Height
    kbps: Kbps
    """Of H.264 at up to 30 fps; half as much again above."""


Steps = Annotated[tuple[Step, ...], msgspec.Meta(min_length=1, max_length=12)]


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator could want to change; everything has a default."""

    rungs: Steps = (
        Step(1080, 4500),
        Step(720, 2500),
        Step(480, 1200),
        Step(360, 700),
        Step(240, 350),
        Step(160, 180),
    )
    """Best first: heights and rates fall."""
    max_rungs: RungCount = 4
    codecs: Annotated[tuple[Codec, ...], msgspec.Meta(min_length=1, max_length=3)] = ("h264",)
    """H.264 is always made; each other one adds `codec_rungs` of its own where the worker has an encoder and room."""
    codec_rungs: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1
    crf: Crf | None = None
    """A constant quality instead of a constant rate, capped at the rung's `kbps`."""
    audio_kbps: AudioKbps = 128
    sound_only: bool = False
    """Leave the picture out: sound is the only rendition."""
    copy: bool = True
    """Send the encoder's own picture on as the top rung where its key frames allow that."""
    hardware: bool = True
    """Prefer NVENC, Quick Sync and VAAPI where they work."""
    fast_below_height: Annotated[int, msgspec.Meta(ge=0, le=4320)] = 540
    """From this height down the better, slower preset is used: it costs little there."""
    preset_high: Preset = "superfast"
    preset_low: Preset = "veryfast"

    def __post_init__(self) -> None:
        """Check what no single field shows."""
        _check_steps(self.rungs)
        if "h264" not in self.codecs or len(set(self.codecs)) != len(self.codecs):
            raise ValueError("codecs: h264 once, each other codec at most once")


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a channel wants of its ladder; what is left out is the site's."""

    rungs: Steps | None = None
    max_rungs: RungCount | None = None
    crf: Crf | None = None
    audio_kbps: AudioKbps | None = None
    sound_only: bool | None = None
    copy: bool | None = None

    def __post_init__(self) -> None:
        """Check what no single field shows."""
        _check_steps(self.rungs or ())

    def narrow(self, policy: Policy) -> Policy:
        """The site's policy as this channel gets it."""
        steps = policy.rungs
        if self.rungs is not None:
            tallest, richest = policy.rungs[0].height, policy.rungs[0].kbps
            wished = (Step(min(step.height, tallest), min(step.kbps, richest)) for step in self.rungs)
            steps = _falling(tuple(wished))
        return msgspec.structs.replace(
            policy,
            rungs=steps,
            max_rungs=min(policy.max_rungs, self.max_rungs or policy.max_rungs),
            crf=max((crf for crf in (policy.crf, self.crf) if crf is not None), default=None),
            audio_kbps=min(policy.audio_kbps, self.audio_kbps or policy.audio_kbps),
            sound_only=policy.sound_only or bool(self.sound_only),
            copy=policy.copy and self.copy is not False,
        )

    @classmethod
    def read(cls, text: str | bytes) -> Self:
        """The wish in a JSON text.

        Raises:
            PolicyError: it is none.
        """
        return _read(text, cls)


def read_policy(text: str | bytes) -> Policy:
    """The policy in a JSON text: an object with the fields that differ from the defaults.

    Raises:
        PolicyError: it is none.
    """
    return _read(text, Policy)


def _read(text: str | bytes, kind: type[T]) -> T:
    if len(text) > MAX_BYTES:
        raise PolicyError(f"longer than {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise PolicyError(str(error)) from error


def _check_steps(steps: tuple[Step, ...]) -> None:
    for above, below in pairwise(steps):
        if below.height >= above.height or below.kbps >= above.kbps:
            raise ValueError("rungs: best first, each with fewer lines and fewer kbps than the one before")


def _falling(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Drop what does not fall: rows above the site's bounds fell together when they were capped."""
    kept: list[Step] = []
    for step in steps:
        if not kept or (step.height < kept[-1].height and step.kbps < kept[-1].kbps):
            kept.append(step)
    return tuple(kept)
