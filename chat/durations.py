"""How long, as people type it: `30`, `90s`, `10m`, `2h`, `1d` or `1h30m`.  Pure."""

import re

_DURATION = re.compile(r"(?:(\d{1,7})d)?(?:(\d{1,7})h)?(?:(\d{1,7})m)?(?:(\d{1,7})s?)?", re.ASCII | re.IGNORECASE)
_UNIT_SECONDS = (86_400, 3600, 60, 1)


def parse_duration(text: str) -> int | None:
    """Seconds of such a text; None for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        return None
    return sum(int(count or 0) * unit for count, unit in zip(match.groups(), _UNIT_SECONDS, strict=True))


def duration_text(seconds: int) -> str:
    """The shortest text that `parse_duration` reads back: `10m`, `1h30m`, `0s`."""
    parts = []
    for name, unit in zip("dhms", _UNIT_SECONDS, strict=True):
        count, seconds = divmod(seconds, unit)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts) or "0s"
