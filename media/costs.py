"""What a ladder costs in cores: core-seconds for each second of media, from figures that a worker measured.  Pure.

A cost is a sum: decoding and scaling by the source's pixels, encoding by the rung's, and a factor for doing it all at
once; sound, and our own reading of the stream and packaging by the rendition.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from media.encoders import ENCODERS, FALLBACK

PerMegapixel = Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
OTHERS: Final = {"libx265": 0.030, "libsvtav1": 0.020}
"""Core-seconds for a million pixels where nothing was measured."""
DEVICE_COST: Final = 0.0015
"""Handing a million pixels to a device: copying alone."""


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Core-seconds for a million pixels of a step; the defaults are one core of a small server."""

    decoded: PerMegapixel = 0.005
    scaled: PerMegapixel = 0.0008
    """Of the source's pixels, for each rung that is not copied."""
    high: PerMegapixel = 0.0095
    """x264 with the preset of tall rungs."""
    low: PerMegapixel = 0.013
    """x264 with the preset of low rungs."""
    sound: Share = 0.04
    """A second of it, decoded and encoded, and of FFmpeg's own beside the pictures that it encodes."""
    session: Share = 0.025
    """A second of what the encoder sends, read and watched."""
    rendition: Share = 0.0035
    """A second of one rendition, cut and written.  Ladders of four rungs took 0.041 in all, copies 0.032."""
    together: Annotated[float, msgspec.Meta(ge=0.5, le=2.0)] = 1.2
    """Times the sum of its steps: a whole ladder at the pace of real time shares caches and wakes up often.

    Below 1 where the steps were measured too dear one by one: the whole is what counts."""
    others: dict[str, PerMegapixel] = {}
    """By an encoder's name: what it takes at the tall preset."""

    def corrected(self, encoding: float, packaging: float) -> "Costs":
        """The same after what ran here took so many times as much: FFmpeg's part, and our own."""
        return msgspec.structs.replace(
            self,
            sound=self.sound * encoding,
            together=self.together * encoding,
            session=self.session * packaging,
            rendition=self.rendition * packaging,
        )


@dataclass(frozen=True, slots=True)
class Frames:
    """A picture's size and pace."""

    width: int
    height: int
    fps: float

    @property
    def megapixels(self) -> float:
        """In a second."""
        return self.width * self.height * self.fps / 1e6


@dataclass(frozen=True, slots=True)
class Encoded:
    """One rung as far as it costs."""

    frames: Frames
    encoder: str
    is_low: bool


def encoded_cores(costs: Costs, rung: Encoded, source: Frames) -> float:
    """Scaling to and encoding of one rung."""
    paced = source.width * source.height * rung.frames.fps / 1e6  # frames are dropped before they are scaled
    return costs.scaled * paced + _per_megapixel(costs, rung) * rung.frames.megapixels


def ladder_cores(costs: Costs, rungs: Iterable[float], source: Frames, copied: int) -> float:
    """The whole: `rungs` are the encoded ones' own costs; sound is always there."""
    encoded = list(rungs)
    decoded = costs.decoded * source.megapixels if encoded else 0.0
    own = packaging_cores(costs, len(encoded) + copied + 1)
    return own + costs.sound + costs.together * (decoded + sum(encoded))


def packaging_cores(costs: Costs, renditions: int) -> float:
    """Our own part of a broadcast with so many renditions, sound among them."""
    return costs.session + costs.rendition * renditions


def _per_megapixel(costs: Costs, rung: Encoded) -> float:
    if rung.encoder == FALLBACK:
        return costs.low if rung.is_low else costs.high
    if ENCODERS[rung.encoder].device != "cpu":
        return costs.others.get(rung.encoder, DEVICE_COST)
    return costs.others.get(rung.encoder, OTHERS[rung.encoder])
