"""Measure at start what ladders cost on this machine, in some 20 s, once for each FFmpeg and processor.

The picture is a moving test card under noise: neither still nor hopeless.  What content costs beyond that, the pool
learns from the ladders that run.
"""

import asyncio
import fcntl
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Final, TextIO

import msgspec
import structlog

from media.costs import Costs, Frames
from media.encoders import ENCODERS, Rates, arguments, devices, uploads
from media.policy import Policy
from transcoder.trials import attempt

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

LIMIT_SECONDS: Final = 90.0
"""Then the defaults have to do."""
ROUNDS: Final = 2
"""All trials are run so often, one after the other, and their means count: a shared processor's pace changes."""
FRAMES: Final = 120
WHOLE_FRAMES: Final = 210
"""Of the trial that counts most.  Of 60 its results lay between 0.80 and 0.97 of a core within a minute."""
CARD_FRAMES: Final = 60
"""The picture is repeated from then on."""
RATE: Final = 30
SOURCE: Final = Frames(1280, 720, RATE)
HIGH: Final = Frames(1280, 720, RATE)
LOW: Final = Frames(640, 360, RATE)
LOWS: Final = 2
SOUND_SECONDS: Final = 10
_TRIALS: Final = ("decoded", "scaled", "high", "low", "whole", "sound")
_CARD: Final = f"testsrc2=size=1280x720:rate={RATE},scroll=horizontal=0.002,noise=alls=8:allf=t"
_SCALE: Final = "scale={0.width}:{0.height}:flags=bilinear,setsar=1"


class CalibrationError(Exception):
    """FFmpeg could not do one of the steps, or not in time."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Core-seconds of each trial, without FFmpeg's own beginning; each contains the ones that it builds on."""

    decoded: float
    scaled: float
    """Decoded and scaled to `LOW`."""
    high: float
    """Decoded and encoded at its size."""
    low: float
    """Decoded, scaled and encoded."""
    sound: float
    """`WHOLE_FRAMES` of a copied picture with encoded sound, at the pace of real time."""
    whole: float
    """`WHOLE_FRAMES` of one `HIGH` and `LOWS` times `LOW` from one decoder, at the pace of real time."""
    others: Mapping[str, float]
    """As `high`."""


def costs_of(measured: Measured) -> Costs:
    """What the trials say, each kept within half and three times what small servers have: a trial may be disturbed."""
    defaults = Costs()
    source = SOURCE.megapixels * FRAMES / RATE
    low = LOW.megapixels * FRAMES / RATE

    def near(value: float, default: float) -> float:
        return min(3 * default, max(default / 3, value))

    scaled = near((measured.scaled - measured.decoded) / source, defaults.scaled)
    parts = WHOLE_FRAMES / FRAMES * (measured.high + LOWS * (measured.low - measured.decoded))
    return Costs(
        decoded=near(measured.decoded / source, defaults.decoded),
        scaled=scaled,
        high=near((measured.high - measured.decoded) / source - scaled, defaults.high),
        low=near((measured.low - measured.decoded - scaled * source) / low, defaults.low),
        together=min(2.0, max(0.5, measured.whole / parts)) if parts > 0 else defaults.together,
        sound=near(measured.sound / WHOLE_FRAMES * RATE, defaults.sound),
        session=defaults.session,
        rendition=defaults.rendition,
        others={
            name: max(1e-4, min(1.0, (cost - measured.decoded) / source - scaled))
            for name, cost in measured.others.items()
        },
    )


async def calibrated(ffmpeg: str, policy: Policy, encoders: Sequence[str], folder: Path | None) -> Costs:
    """This machine's costs: measured, or remembered in `folder`; the defaults without a folder, or if it fails."""
    if folder is None:
        return Costs()
    started = time.monotonic()
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            path = folder / _name(await _version(ffmpeg), policy, encoders)
            with _lock_of(folder) as lock:
                await _locked(lock.fileno())  # the workers of a host start together: one of them measures
                if (known := _remembered(path)) is not None:
                    return known
                costs = costs_of(await _measure(ffmpeg, policy, _measured_encoders(policy, encoders)))
                _remember(path, costs)
    except (CalibrationError, OSError, TimeoutError) as error:
        _log.warning("calibration_failed", error=type(error).__name__, reason=str(error))
        return Costs()
    _log.info("calibrated", seconds=round(time.monotonic() - started, 1), costs=msgspec.to_builtins(costs))
    return costs


async def _locked(descriptor: int) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(0.1)  # bounded by the caller
        else:
            return


def _remembered(path: Path) -> Costs | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Costs)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _remember(path: Path, costs: Costs) -> None:
    path.write_bytes(msgspec.json.encode(costs))


def _lock_of(folder: Path) -> TextIO:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / "lock").open("w")


async def _version(ffmpeg: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        ffmpeg, "-version", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out.partition(b"\n")[0]


def _name(version: bytes, policy: Policy, encoders: Sequence[str]) -> str:
    """Of the file with these figures: everything that they depend on."""
    processors = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    asked = policy.preset_high, policy.preset_low, policy.crf
    facts = (version, "at its pace", processors, *asked, *sorted(_measured_encoders(policy, encoders)))
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16] + ".json"


def _measured_encoders(policy: Policy, encoders: Sequence[str]) -> list[str]:
    """Those that a ladder of this policy could use."""
    return [name for name in encoders if ENCODERS[name].codec in policy.codecs]


async def _measure(ffmpeg: str, policy: Policy, encoders: Sequence[str]) -> Measured:
    with TemporaryDirectory(prefix="leams-calibration-") as name:
        trials = _Trials([ffmpeg, "-hide_banner", "-v", "error", "-y"], policy, f"{name}/card.flv", f"{name}/sound.flv")
        await trials.prepare()
        rounds = [await trials.run(encoders) for _ in range(ROUNDS)]
    return Measured(
        **{trial: mean(each[trial] for each in rounds) for trial in _TRIALS},
        others={encoder: mean(each[encoder] for each in rounds) for encoder in encoders},
    )


@dataclass(frozen=True, slots=True)
class _Trials:
    head: Sequence[str]
    policy: Policy
    card: str
    sound: str

    async def prepare(self) -> None:
        """Make the picture and the sound."""
        coded = arguments("libx264", Rates(RATE, HIGH.megapixels, 3500, None, "veryfast", RATE * 2))
        picture = ["-f", "lavfi", "-i", _CARD, "-frames:v", str(CARD_FRAMES), "-pix_fmt", "yuv420p"]
        await self._cost(*picture, *coded, self.card)
        noise = ["-f", "lavfi", "-i", "anoisesrc=r=48000:a=0.2", "-t", str(SOUND_SECONDS)]
        await self._cost(*noise, "-c:a", "aac", self.sound)

    async def run(self, encoders: Sequence[str]) -> dict[str, float]:
        """All of them once; core-seconds by their names."""
        policy, card, null = self.policy, self._card(FRAMES), ["-f", "null", "-"]
        begun = await self._cost(*self._card(1), *null)
        costs = {
            "decoded": [*card, *null],
            "scaled": [*card, "-vf", _SCALE.format(LOW), "-filter_threads", "1", *null],
            "high": self._encoded("libx264", HIGH, 2500, policy.preset_high, "format=yuv420p"),
            "low": self._encoded("libx264", LOW, 700, policy.preset_low, "format=yuv420p"),
        }
        for encoder in encoders:
            costs[encoder] = self._encoded(encoder, HIGH, 2000, policy.preset_high, uploads(encoder))
        found = {name: await self._cost(*argv) - begun for name, argv in costs.items()}
        whole, sound = await asyncio.gather(self._cost(*self._whole()), self._cost(*self._copied()))
        return found | {"whole": whole - begun, "sound": sound - begun}

    async def _cost(self, *argv: str) -> float:
        trial = await attempt([*self.head, *argv], LIMIT_SECONDS)
        if not trial.is_good:
            raise CalibrationError(" ".join(argv))
        return trial.cpu_seconds

    def _card(self, frames: int) -> list[str]:
        """The picture as input, decoded as `media.command` does a source of this size."""
        span = ["-stream_loop", "-1", "-t", f"{frames / RATE:.3f}"]
        return ["-threads", "1", *span, "-i", self.card]

    def _coded(self, encoder: str, size: Frames, kbps: int, preset: str) -> list[str]:
        rates = Rates(size.fps, size.megapixels, kbps, self.policy.crf, preset, RATE * 4)
        return arguments(encoder, rates)

    def _encoded(self, encoder: str, size: Frames, kbps: int, preset: str, pixels: str) -> list[str]:
        chain = ["-filter_threads", "1", "-vf", f"{_SCALE.format(size)},{pixels}"]
        coded = self._coded(encoder, size, kbps, preset)
        return [*devices([encoder]), *self._card(FRAMES), *chain, *coded, "-f", "null", "-"]

    def _copied(self) -> list[str]:
        parts = ["-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "333333"]
        sound = ["-map", "1:a", "-c:a", "aac", "-b:a", "128k", "-ac", "2"]
        inputs = ["-re", *self._card(WHOLE_FRAMES), "-re", "-t", f"{WHOLE_FRAMES / RATE:.3f}", "-i", self.sound]
        return [*inputs, "-map", "0:v", "-c:v", "copy", *sound, "-f", "mp4", *parts, "/dev/null"]

    def _whole(self) -> list[str]:
        sizes = [(HIGH, 2500, self.policy.preset_high), *[(LOW, 700, self.policy.preset_low)] * LOWS]
        branches = "".join(f"[s{place}]" for place in range(len(sizes)))
        chains = [f"[0:v:0]split={len(sizes)}{branches}"]
        outputs: list[str] = []
        for place, (size, kbps, preset) in enumerate(sizes):
            chains.append(f"[s{place}]{_SCALE.format(size)},format=yuv420p[v{place}]")
            outputs += ["-map", f"[v{place}]", *self._coded("libx264", size, kbps, preset), "-f", "null", "-"]
        filters = ["-filter_complex_threads", "1", "-filter_complex", ";".join(chains)]
        return ["-re", *self._card(WHOLE_FRAMES), *filters, *outputs]
