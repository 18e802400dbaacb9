"""Find out at start which encoders this FFmpeg and this machine really have, and how many sessions devices give.

Being compiled in says nothing: every one makes a few frames.  x264 is not asked, for nothing works without it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from media.encoders import ENCODERS, FALLBACK, Rates, arguments, devices, uploads
from transcoder.trials import attempt

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

TRIAL_SECONDS: Final = 5.0
SOFTWARE_SESSIONS: Final = 64
"""Cores are what bounds these."""
DEVICE_SESSIONS: Final = 16
"""Looked for at most; GeForce drivers have given 2, 3, 5 and 8."""
AT_ONCE: Final = 2
_RATES: Final = Rates(30.0, 1.7, 300, None, "superfast", 120)


async def probe_encoders(ffmpeg: str) -> dict[str, int]:
    """Encoders beside x264 that work, and how many rungs each can make at the same time.  Takes a second or two."""
    gate = asyncio.Semaphore(AT_ONCE)
    alone = {encoder.device: asyncio.Lock() for encoder in ENCODERS.values()}  # two would take each other's sessions

    async def probe(name: str) -> int:
        async with alone[ENCODERS[name].device], gate:
            return await _sessions(ffmpeg, name)

    names = [name for name in ENCODERS if name != FALLBACK]
    counts = await asyncio.gather(*(probe(name) for name in names))
    found = {name: count for name, count in zip(names, counts, strict=True) if count}
    _log.info("encoders_probed", found=found)
    return found


async def _sessions(ffmpeg: str, name: str) -> int:
    """The largest number that work at once, by halving; 0: it does not work."""
    if not await _works(ffmpeg, name, 1):
        return 0
    if ENCODERS[name].device == "cpu":
        return SOFTWARE_SESSIONS
    low, high = 1, DEVICE_SESSIONS + 1
    while high - low > 1:
        middle = (low + high) // 2
        if await _works(ffmpeg, name, middle):
            low = middle
        else:
            high = middle
    return low


async def _works(ffmpeg: str, name: str, sessions: int) -> bool:
    return (await attempt(_trial(ffmpeg, name, sessions), TRIAL_SECONDS)).is_good


def _trial(ffmpeg: str, name: str, sessions: int) -> Sequence[str]:
    """Six frames into as many encoders."""
    argv = [ffmpeg, "-hide_banner", "-v", "error", *devices([name])]
    argv += ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=0.2"]
    for _ in range(sessions):
        argv += ["-map", "0:v:0", "-vf", uploads(name), *arguments(name, _RATES), "-f", "null", "-"]
    return argv
