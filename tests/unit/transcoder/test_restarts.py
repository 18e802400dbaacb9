"""A run that fails begins anew, more and more slowly, and not for ever; a full disk ends nothing."""

from transcoder.restarts import AWAY_SECONDS, BACKOFF_MAX_SECONDS, MAX_RESTARTS, SPAN_SECONDS, Restarts


def test_the_first_fault_costs_no_time() -> None:
    """The next run may begin at once; the one after that waits."""
    restarts = Restarts()
    assert restarts.note_fault(100.0, 1.0)
    assert restarts.may_begin(100.0)
    assert restarts.note_fault(100.0, 1.0)
    assert not restarts.may_begin(100.3)
    assert restarts.may_begin(100.4)


def test_too_many_within_a_minute_are_the_end() -> None:
    """Six repeats, then no more; those of longer ago are forgotten."""
    restarts = Restarts()
    assert all(restarts.note_fault(float(second), 0.0) for second in range(MAX_RESTARTS))
    assert not restarts.note_fault(float(MAX_RESTARTS), 0.0)
    slow = Restarts()
    assert all(slow.note_fault(number * SPAN_SECONDS / MAX_RESTARTS, 0.0) for number in range(50))


def test_the_pause_has_an_end() -> None:
    """However often it failed."""
    restarts = Restarts()
    for _ in range(30):
        restarts.note_fault(5.0, 1.0)
    assert restarts.may_begin(5.0 + BACKOFF_MAX_SECONDS)


def test_a_full_disk_is_waited_for() -> None:
    """An hour of it is not counted as faults, and does not spin."""
    restarts = Restarts()
    for second in range(0, 3600, 2):
        restarts.note_away(float(second), 1.0)
        assert not restarts.may_begin(second + AWAY_SECONDS / 2)
        assert restarts.may_begin(second + AWAY_SECONDS)
    assert restarts.note_fault(3600.0, 0.0)
