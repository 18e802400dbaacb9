import msgspec

from media.jobs import Warned
from media.verdicts import judge
from server.broadcasts.alarms import Alarms, Change
from tests.unit.media.test_faults import report


def take(alarms: Alarms, *warnings: Warned, **changed: object) -> list[tuple[str, bool]]:
    told = msgspec.structs.replace(report(**changed), warnings=warnings)  # type: ignore[arg-type]  # any figure
    return shown(alarms.take(told, judge(told)))


def shown(changes: list[Change]) -> list[tuple[str, bool]]:
    return [(change.alarm.code, change.is_over) for change in changes]


def test_a_warning_begins_at_once_and_ends_after_two_calm_reports() -> None:
    """One report without it may be chance."""
    alarms = Alarms()
    assert take(alarms) == []
    assert take(alarms, missing_percent=3.0) == [("frames_dropped", False)]
    assert take(alarms, missing_percent=3.0) == []
    assert take(alarms) == []
    assert take(alarms, missing_percent=3.0) == []
    assert take(alarms) == []
    assert take(alarms) == [("frames_dropped", True)]
    assert alarms.ringing == ()


def test_what_gets_worse_is_another_warning() -> None:
    """The milder one ends in its time."""
    alarms = Alarms()
    take(alarms, silent_seconds=20.0)
    assert take(alarms, silent_seconds=60.0) == [("audio_silent_long", False)]
    assert take(alarms, silent_seconds=62.0) == [("audio_silent", True)]
    (alarm,) = alarms.ringing
    assert (alarm.severity, alarm.metric) == ("error", "silent_seconds")


def test_the_workers_own_words_are_warnings_too() -> None:
    """A figure of the same code speaks for them: one warning, with the figure's advice."""
    alarms = Alarms()
    words = (Warned("rung_shed", "The server is busy.", "info"), Warned("no_audio", "No sound.", "warning"))
    changes = take(alarms, *words, audio_codec="", audio_db=None, silent_seconds=None)
    assert changes == [("rung_shed", False), ("no_audio", False)]
    assert [(alarm.metric, alarm.severity) for alarm in alarms.ringing] == [(None, "info"), ("audio_kbps", "warning")]
    assert "OBS" in alarms.ringing[1].message


def test_all_are_over_when_nothing_is_on_the_air() -> None:
    """And begin anew with the next broadcast."""
    alarms = Alarms()
    take(alarms, missing_percent=3.0)
    take(alarms)
    assert shown(alarms.end()) == [("frames_dropped", True)]
    assert alarms.end() == []
    assert take(alarms, missing_percent=3.0) == [("frames_dropped", False)]
    assert take(alarms) == []
