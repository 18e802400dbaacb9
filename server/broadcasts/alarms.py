"""Which warnings of a broadcast begin and end between its reports.  Pure: reports come in, changes go out."""

from collections.abc import Mapping
from typing import Final

import msgspec

from media.faults import Metric, Verdict
from media.jobs import Health, Severity
from media.verdicts import Figure

CALM_REPORTS: Final = 2
"""Reports in a row without a warning before it is over: a figure at its threshold would come and go with each."""
_SEVERITIES: Final[Mapping[Verdict, Severity]] = {"good": "info", "warn": "warning", "bad": "error"}


class Alarm(msgspec.Struct, frozen=True):
    """Something that the streamer should know of."""

    code: str
    severity: Severity
    message: str
    metric: Metric | None
    """Of the figure that is not good; None: the worker's own word."""


class Change(msgspec.Struct, frozen=True):
    """An alarm began, or is over."""

    alarm: Alarm
    is_over: bool


class Alarms:
    """One channel's alarms."""

    def __init__(self) -> None:
        self._ringing: dict[str, Alarm] = {}
        self._calm: dict[str, int] = {}

    @property
    def ringing(self) -> tuple[Alarm, ...]:
        """What is wrong now, the oldest first."""
        return tuple(self._ringing.values())

    def take(self, report: Health, figures: tuple[Figure, ...]) -> list[Change]:
        """One more report; a figure speaks for the worker's word of the same code."""
        now = {found.code: Alarm(found.code, found.severity, found.message, None) for found in report.warnings}
        for figure in figures:
            if figure.verdict != "good":
                severity = _SEVERITIES[figure.verdict]
                now[figure.code] = Alarm(figure.code, severity, figure.advice, figure.metric)
        changes = [Change(alarm, is_over=False) for code, alarm in now.items() if code not in self._ringing]
        for code in list(self._ringing):
            self._calm[code] = 0 if code in now else self._calm.get(code, 0) + 1
            if self._calm[code] >= CALM_REPORTS:
                del self._calm[code]
                changes.append(Change(self._ringing.pop(code), is_over=True))
        self._ringing |= now
        return changes

    def end(self) -> list[Change]:
        """Nothing is on the air any more."""
        changes = [Change(alarm, is_over=True) for alarm in self._ringing.values()]
        self._ringing.clear()
        self._calm.clear()
        return changes
