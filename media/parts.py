"""How long a part is: whole frames, an even share of a segment, a third to half a second.  Pure.

A part must reach 85 % of PART-TARGET unless it is its segment's last (RFC 8216bis §4.4.4.9), so parts are counted in
frames: six to a segment where the frame rate allows that, else five, else four, else six with a shorter last one.
"""

from math import ceil

from media.ladder import SEGMENT_SECONDS

COUNTS = (6, 5, 4)
"""Parts in a segment: 0.33, 0.4 or 0.5 s each."""
SOUND_TARGET_US = 333_334
"""Of a broadcast without a picture."""
CLOCK_SLACK_US = 1_000
"""A copied rung keeps its encoder's clock of whole milliseconds: ten frames of 33.3 ms last 333 or 334 ms."""


def part_target_us(fps: float) -> int:
    """PART-TARGET in microseconds for a picture of so many frames a second; 0 or less: sound alone."""
    if fps <= 0:
        return SOUND_TARGET_US
    frames = SEGMENT_SECONDS * fps
    whole = round(frames)  # 59.94 a second are 119.88 in two seconds: 120 in a segment
    count = next((count for count in COUNTS if whole % count == 0), None)
    # 23, 43 or 53 a second: just above a third of a second, which the slate's five frames fill as well
    least = ceil(fps / 3) if count is None else max(1, whole // count)
    return ceil(least * 1_000_000 / fps) + CLOCK_SLACK_US


def part_ticks(target_us: int, timescale: int) -> int:
    """The most ticks that a part may have."""
    return target_us * timescale // 1_000_000
