"""Measure at start what ladders cost on this machine, in a few seconds, once for each FFmpeg and processor.

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
from tempfile import TemporaryDirectory
from typing import Final, TextIO

import msgspec
import structlog

from media.costs import Costs, Frames
from media.encoders import ENCODERS, Rates, arguments, devices, uploads
from media.policy import Policy
from transcoder.trials import attempt

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

LIMIT_SECONDS: Final = 30.0
"""Then the defaults have to do."""
TIMES: Final = 2
"""Each trial is run so often, and the cheapest counts: whoever shares the processor only adds."""
FRAMES: Final = 60
RATE: Final = 30
SOURCE: Final = Frames(1280, 720, RATE)
HIGH: Final = Frames(1280, 720, RATE)
LOW: Final = Frames(640, 360, RATE)
LOWS: Final = 2
SOUND_SECONDS: Final = 20
_CARD: Final = f"testsrc2=size=1280x720:rate={RATE},scroll=horizontal=0.002,noise=alls=8:allf=t"
_SCALE: Final = "scale={0.width}:{0.height}:flags=bilinear,setsar=1"


class CalibrationError(Exception):
    """FFmpeg could not do one of the steps, or not in time."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Core-seconds of each trial; each contains the ones that it builds on."""

    decoded: float
    scaled: float
    """Decoded and scaled to `LOW`."""
    high: float
    """Decoded and encoded at its size."""
    low: float
    """Decoded, scaled and encoded."""
    sound: float
    whole: float
    """One `HIGH` and `LOWS` times `LOW` from one decoder, at the pace of real time."""
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
    parts = measured.high + LOWS * (measured.low - measured.decoded)
    return Costs(
        decoded=near(measured.decoded / source, defaults.decoded),
        scaled=scaled,
        high=near((measured.high - measured.decoded) / source - scaled, defaults.high),
        low=near((measured.low - measured.decoded - scaled * source) / low, defaults.low),
        together=min(2.0, max(0.5, measured.whole / parts)) if parts > 0 else defaults.together,
        sound=near(measured.sound / SOUND_SECONDS, defaults.sound),
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
                costs = costs_of(await _measure(ffmpeg, policy, encoders))
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
    facts = (version, "one thread", processors, *asked, *sorted(_measured_encoders(policy, encoders)))
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16] + ".json"


def _measured_encoders(policy: Policy, encoders: Sequence[str]) -> list[str]:
    """Those that a ladder of this policy could use."""
    return [name for name in encoders if ENCODERS[name].codec in policy.codecs]


async def _measure(ffmpeg: str, policy: Policy, encoders: Sequence[str]) -> Measured:
    with TemporaryDirectory(prefix="leams-calibration-") as name:
        card, sound = f"{name}/card.flv", f"{name}/sound.flv"
        head = [ffmpeg, "-hide_banner", "-v", "error", "-y"]
        read = ["-threads", "1", "-i", card]  # as `media.command` for a source of this size

        async def cost(*argv: str, times: int = TIMES) -> float:
            trials = [await attempt([*head, *argv], LIMIT_SECONDS) for _ in range(times)]
            if not all(trial.is_good for trial in trials):
                raise CalibrationError(" ".join(argv))
            return min(trial.cpu_seconds for trial in trials)

        async def make(*argv: str) -> None:
            if not (await attempt([*head, *argv], LIMIT_SECONDS)).is_good:
                raise CalibrationError(" ".join(argv))

        def encoded(encoder: str, size: Frames, kbps: int, preset: str, pixels: str) -> list[str]:
            rates = Rates(size.fps, size.megapixels, kbps, policy.crf, preset, RATE * 4)
            chain = ["-filter_threads", "1", "-vf", f"{_SCALE.format(size)},{pixels}"]
            return [*devices([encoder]), *read, *chain, *arguments(encoder, rates), *null]

        def whole() -> list[str]:
            sizes = [(HIGH, 2500, policy.preset_high), *[(LOW, 700, policy.preset_low)] * LOWS]
            branches = "".join(f"[s{place}]" for place in range(len(sizes)))
            chains = [f"[0:v:0]split={len(sizes)}{branches}"]
            outputs: list[str] = []
            for place, (size, kbps, preset) in enumerate(sizes):
                chains.append(f"[s{place}]{_SCALE.format(size)},format=yuv420p[v{place}]")
                rates = Rates(size.fps, size.megapixels, kbps, policy.crf, preset, RATE * 4)
                outputs += ["-map", f"[v{place}]", *arguments("libx264", rates), *null]
            return ["-re", *read, "-filter_complex_threads", "1", "-filter_complex", ";".join(chains), *outputs]

        null = ["-f", "null", "-"]
        source = arguments("libx264", Rates(RATE, HIGH.megapixels, 3500, None, "veryfast", RATE * 2))
        await make("-f", "lavfi", "-i", _CARD, "-frames:v", str(FRAMES), "-pix_fmt", "yuv420p", *source, card)
        await make("-f", "lavfi", "-i", "anoisesrc=r=48000:a=0.2", "-t", str(SOUND_SECONDS), "-c:a", "aac", sound)
        return Measured(
            decoded=await cost(*read, *null),
            scaled=await cost(*read, "-vf", _SCALE.format(LOW), "-filter_threads", "1", *null),
            high=await cost(*encoded("libx264", HIGH, 2500, policy.preset_high, "format=yuv420p")),
            low=await cost(*encoded("libx264", LOW, 700, policy.preset_low, "format=yuv420p")),
            whole=await cost(*whole()),
            sound=await cost("-i", sound, "-c:a", "aac", "-b:a", "128k", "-ac", "2", *null),
            others={
                encoder: await cost(*encoded(encoder, HIGH, 2000, policy.preset_high, uploads(encoder)))
                for encoder in _measured_encoders(policy, encoders)
            },
        )
